"""Short bursts of padding that show whether a link carries more than is being sent (pure).

Who sends little learns little: sound alone says nothing about room for a picture, and a picture that is tried and does
not fit costs some seconds of the voice. A burst that does not fit holds it up by a tenth of a second.
"""

from __future__ import annotations

from typing import Final

FACTOR: Final = 1.7
"""A burst's rate over the limit, which is 0.85 of what once arrived: its end waits for 0.44 of its length."""
BURST_SECONDS: Final = 0.25
MARGIN: Final = 1.4
"""A burst for the last step goes this much beyond what is wanted: jitter takes some off the result, caution 15%."""
FITTING_SHARE: Final = 0.8
"""Less of a burst's rate than this is the link's limit; the radio's jitter alone can take a fifth."""
PATIENCE_SECONDS: Final = 2.0
"""How long after a burst its feedback may take."""
MOST_PADDING: Final = 255
"""RFC 3550 §5.1: the number of padding octets is one octet."""

HEADER_OCTETS: Final = 20
"""RTP's header with a transport-wide number."""


class Probe:
    """One burst on top of what is sent anyway, and what the delays of all packets meanwhile tell."""

    def __init__(self, target_bps: float, present_bps: float, now: float) -> None:
        self.target_bps = target_bps
        self._padding_bps = max(0.0, target_bps - present_bps)
        self._began_at = now
        self._octets = 0.0
        self._early = self._late = float("inf")
        self._arrived = self._lost = 0
        self._is_over = False

    def due(self, now: float) -> int:
        """Octets of padding that are to be sent by now."""
        return max(0, int(self._padding_bps / 8 * min(BURST_SECONDS, now - self._began_at) - self._octets))

    def sent(self, octets: int) -> None:
        """Note that padding has been sent."""
        self._octets += octets

    def heard(self, sent_at: float, delay: float | None) -> None:
        """Take the delay of any packet, give or take a constant, None for a lost one; in order."""
        age = sent_at - self._began_at
        if age < 0.0:
            return
        if age > BURST_SECONDS:
            self._is_over = True
        elif delay is None:
            self._lost += 1
        else:
            self._arrived += 1
            if age <= BURST_SECONDS / 3:
                self._early = min(self._early, delay)
            elif age >= BURST_SECONDS * 2 / 3:
                self._late = min(self._late, delay)

    def measured_bps(self, now: float) -> float | None:
        """What the link carries, at most what was tried; None as long as that is open, 0 when nothing came back."""
        if not self._is_over and now - self._began_at < BURST_SECONDS + PATIENCE_SECONDS:
            return None
        if not self._arrived or self._early == float("inf") or self._late == float("inf"):
            return 0.0
        growth = max(0.0, self._late - self._early) / (BURST_SECONDS * 2 / 3)
        return self.target_bps / (1 + growth) * self._arrived / (self._arrived + self._lost)
