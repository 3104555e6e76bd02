"""Selective forwarding of encoded media: ICE, DTLS, SRTP, RTP, data channels."""
