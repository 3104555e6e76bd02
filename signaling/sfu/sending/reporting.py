"""Sender reports of one outgoing stream, and the round trips that their answers tell (RFC 3550 §6.4) (pure)."""

from __future__ import annotations

from signaling.sfu.formats.rtcp import ReceptionReport, SenderReport

KEPT_REPORTS = 8


class SenderReports:
    """They stay on the publisher's clock, so that its sound and pictures keep step."""

    __slots__ = ("_clock_rate", "_sent_at", "_ssrc")

    def __init__(self, ssrc: int, clock_rate: int) -> None:
        self._ssrc = ssrc
        self._clock_rate = clock_rate
        self._sent_at: dict[int, float] = {}

    def make(
        self, theirs: SenderReport, theirs_at: float, offset: int, packets: int, octets: int, now: float
    ) -> SenderReport:
        """A report to send, by the publisher's last one, when that came, and how far timestamps are moved."""
        elapsed = now - theirs_at
        ntp = theirs.ntp + round(elapsed * 2**32)
        timestamp = theirs.rtp_timestamp + offset + round(elapsed * self._clock_rate)
        self._sent_at[ntp >> 16 & 0xFFFFFFFF] = now
        while len(self._sent_at) > KEPT_REPORTS:
            del self._sent_at[next(iter(self._sent_at))]
        return SenderReport(self._ssrc, ntp & 0xFFFFFFFFFFFFFFFF, timestamp & 0xFFFFFFFF, packets, octets)

    def round_trip_seconds(self, report: ReceptionReport, now: float) -> float | None:
        """How long our report and the answer were under way; None when it answers none that is remembered."""
        sent_at = self._sent_at.get(report.lsr)
        return None if sent_at is None else max(0.0, now - sent_at - report.dlsr / 65536)
