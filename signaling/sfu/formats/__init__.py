"""What is on the wire, read and written: RTP, RTCP, SDP and what codecs put into packets (pure)."""
