"""How long a receiver is asked to hold pictures back, so that what was lost comes again in time (pure).

A browser shows the next picture that it can decode. Where packets get lost it therefore leaves out every picture whose
repair takes longer than its own small buffer, and those that build on it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

LOSSY_SHARE: Final = 0.02
SMOOTHED_SECONDS: Final = 8
"""Two packets lost of fifty in one second are chance on a link that loses half a percent."""
KEPT_SECONDS: Final = 20.0
"""Losses come in bursts, and a delay that comes and goes is worse than one that stays."""
ROUND_TRIPS: Final = 2.5
"""A loss is noticed with the next picture, asked for, and sent again; some once more."""
FEWEST_ROUND_TRIPS: Final = 1.5
LONGEST_SECONDS: Final = 0.3
"""More would make talking harder than the pictures are worth; where repairs take longer than that, nothing is held."""
IN_ORDER_SECONDS: Final = 0.13
"""A round trip from which a browser should show every picture, late after a loss, and not leave out those that wait."""
_UNIT_SECONDS = 0.01
_HIGHEST = 1000
"""The most that a browser may add on its own, in units: its own default of ten seconds."""


class Losses:
    """Whether one way loses packets often."""

    def __init__(self) -> None:
        self._share = 0.0
        self._until = 0.0

    def note(self, share: float, now: float) -> None:
        """Take the share lost before repair, from 0 to 1, of the last second or so."""
        self._share += (share - self._share) / SMOOTHED_SECONDS
        if self._share > LOSSY_SHARE:
            self._until = now + KEPT_SECONDS

    def are_frequent(self, now: float) -> bool:
        """Whether they were, a short while ago at most."""
        return now < self._until


def hold_seconds(round_trips: Iterable[float]) -> float:
    """How long to hold pictures back that came over ways which lose packets, by these ways' round trips in seconds."""
    slowest = max(round_trips, default=0.0)
    return 0.0 if FEWEST_ROUND_TRIPS * slowest > LONGEST_SECONDS else min(LONGEST_SECONDS, ROUND_TRIPS * slowest)


def write(seconds: float) -> bytes:
    """The playout-delay header extension: least and most, in 12 bits each."""
    return (min(_HIGHEST, round(seconds / _UNIT_SECONDS)) << 12 | _HIGHEST).to_bytes(3, "big")
