"""What one client sends: whose stream each packet is, what its sender is owed for it, and what the way here carries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Final

from signaling.sfu import tally
from signaling.sfu.formats import rtcp, rtp, twcc
from signaling.sfu.formats.rtp import Packet
from signaling.sfu.receiving.ceiling import Ceiling
from signaling.sfu.receiving.incoming import Incoming
from signaling.sfu.receiving.strain import SILENT_SECONDS, Strain
from signaling.sfu.receiving.uplink import Stream, Uplink

HEARD_SECONDS: Final = 0.1
"""Sound that came no longer ago than this tells how its way is now."""
PAUSE_SECONDS: Final = 0.1
"""A microphone that is changed stops a browser's timestamps for as long as that takes; clocks drift by far less."""


class Reception:
    """One client's way here. What is owed in return comes as RTCP packets, for `Peer` to send.

    `ssrc` is whom those are from, and `forget(ssrc)` frees what decryption keeps for a stream that is gone.
    """

    def __init__(self, ssrc: int, counts: Counter[str], forget: Callable[[int], None]) -> None:
        self.incoming = Incoming(forget)
        self.uplinks = self.incoming.uplinks
        self.strain = Strain()
        self.takes_estimates = False
        self._streams = self.incoming.streams
        self._ssrc = ssrc
        self._counts = counts
        self._sound: Stream | None = None
        self._ceiling = Ceiling()
        self._arrivals = twcc.Arrivals()
        self._transport_cc = 0
        self._octets = 0

    def learn_extensions(self, extensions: dict[str, int]) -> None:
        """Note the ids under which the client identifies its streams; they are the same in a whole bundle."""
        self.incoming.learn_extensions(extensions)
        self._transport_cc = extensions.get(rtp.TRANSPORT_CC, self._transport_cc)

    def expect(self, uplink: Uplink, ssrcs: list[int], repairs: dict[int, int]) -> None:
        """Expect a track's packets, by declared SSRC or by MID and RID; `repairs` are (RTX SSRC, repaired SSRC)."""
        self.incoming.expect(uplink, ssrcs, repairs)

    def drop(self, uplink: Uplink) -> None:
        """Forget a track and its streams."""
        tally.add_received(self.incoming.drop(uplink), self._counts)

    def forget_path(self) -> None:
        """What comes from now on comes another way, which may be as wide."""
        self.strain.forget_path()

    def forget_width(self) -> None:
        """Another path may be wider."""
        self.strain = Strain()

    def add_totals(self, into: Counter[str]) -> None:
        """Add what the streams of now have counted themselves."""
        tally.add_received(self._streams.values(), into)

    def take(self, packet: Packet, now: float) -> None:
        """Take one decrypted RTP packet."""
        self._octets += len(packet.data)
        self._arrivals.note(packet.extension(self._transport_cc), now)
        stream = self._streams.get(packet.ssrc)
        if stream is not None:
            stream.uplink.receive(stream, packet, now)
        else:
            self._take_otherwise(packet, now)

    def _take_otherwise(self, packet: Packet, now: float) -> None:
        """Take a packet of an SSRC that is no stream yet: the first of one, or a retransmission."""
        ssrc = packet.ssrc
        if not self.incoming.may_begin(ssrc):
            self.incoming.note_stranger(ssrc)
            self._counts["too_many_streams"] += 1
            return
        stream = self.incoming.stream_of(packet)
        if stream is None:
            self.incoming.note_stranger(ssrc)
            self._counts["unknown_stream"] += 1
            return
        original = stream.restore(packet) if self.incoming.is_repair(ssrc) else packet
        if original is not None:
            stream.uplink.receive(stream, original, now)

    def note_report(self, report: rtcp.SenderReport, now: float) -> None:
        """Take what the client says of a stream that it sends."""
        stream = self._streams.get(report.ssrc)
        if stream is None:
            return
        before, stream.report, stream.report_at = stream.report, report, now
        if before is None or stream is not self._sound:
            return
        if abs(report.lag_seconds(before, stream.uplink.clock_rate)) > PAUSE_SECONDS:
            self.strain.forget_delay()

    @property
    def is_incomplete(self) -> bool:
        """Whether packets are missing that may still come."""
        return any(stream.missing for stream in self._streams.values())

    @property
    def fraction_lost(self) -> float:
        """The worst share of a stream's packets lost lately, from 0 to 1."""
        return max((stream.fraction_lost for stream in self._streams.values()), default=0.0)

    def requests(self, now: float, rtt_seconds: float) -> list[bytes]:
        """Requests for the missing packets that are due."""
        found: list[bytes] = []
        for stream in self._streams.values():
            if stream.missing:
                due = stream.missing.due(now, rtt_seconds)
                if due:
                    self._counts["nacks_sent"] += len(due)
                    found.append(rtcp.nack(self._ssrc, stream.ssrc, due))
        return found

    def feedback(self, now: float) -> list[bytes]:
        """When packets arrived, and how much their sender should send; to be asked a few times a second."""
        streams = list(self._streams)
        first = streams[0] if streams else 0
        found = [rtcp.transport_feedback(self._ssrc, first, body) for body in self._arrivals.take()]
        self._judge_strain(now)
        if self.takes_estimates:
            bps = self._ceiling.due(self.uplinks.values(), self.strain.ceiling_bps, now)
            if bps:
                found.append(rtcp.receiver_estimate(self._ssrc, bps, streams))
        return found

    def _watched(self, now: float) -> Stream | None:
        """The sound that tells how its way is: one, for each has a clock of its own, until it is silent or gone."""
        sound = self._sound
        if sound is None or now - sound.last_at > SILENT_SECONDS or self._streams.get(sound.ssrc) is not sound:
            heard = [stream for stream in self._streams.values() if stream.uplink.kind == "audio"]
            self._sound = max(heard, key=lambda stream: stream.last_at, default=None)
            if self._sound is not sound:
                self.strain.forget_path()
        return self._sound

    def _judge_strain(self, now: float) -> None:
        sound = self._watched(now)
        if sound is not None and now - sound.last_at < HEARD_SECONDS:
            expected = sound.highest - sound.first + 1
            self.strain.heard(sound.transit_seconds, now, expected=expected, received=sound.packets)
        has_pictures = any(uplink.kind == "video" and not uplink.muted for uplink in self.uplinks.values())
        self.strain.judge(now, self._octets, has_pictures=has_pictures)

    def reports(self, now: float) -> list[bytes]:
        """How many packets came and were lost since the last report."""
        receptions = [stream.reception(now) for stream in self._streams.values() if stream.highest >= 0]
        return [rtcp.receiver_report(self._ssrc, receptions)] if receptions else []
