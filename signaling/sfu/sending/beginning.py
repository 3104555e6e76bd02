"""What a viewer begins with: a key frame and a little that follows it (pure).

As long as there are no keys for it, it waits; and what of it got lost on its way is sent once more.
"""

from __future__ import annotations

from typing import Final

LONGEST_SECONDS: Final = 0.5
"""Later the picture is too old to begin with, and the publisher may be asked for another."""
MOST_OCTETS: Final = 64 * 1024
"""A key frame and a round trip of what follows it; more would fill a narrow link at once."""


class Beginning:
    """Of one stream, from the outgoing sequence number `first` on."""

    __slots__ = ("_octets", "_until", "first", "is_repeatable")

    def __init__(self) -> None:
        self.first = 0
        self.is_repeatable = False
        self._octets = 0
        self._until = 0.0

    def begin(self, first: int, octets: int, now: float) -> None:
        """A key frame has come, before which the stream had so many octets."""
        self.first = first
        self.is_repeatable = True
        self._octets = octets
        self._until = now + LONGEST_SECONDS

    def is_over(self, octets: int, now: float) -> bool:
        """Whether it has become too much by now, or too old."""
        return now > self._until or octets - self._octets > MOST_OCTETS
