"""What is kept of a video for a subscriber whose handshake is not over: a key frame and a little that follows it."""

from __future__ import annotations

HOLD_SECONDS = 0.5
"""So long a handshake may take after a key frame; then the picture is too old to begin with."""
HOLD_OCTETS = 64 * 1024
"""A key frame and a round trip of what follows it; more would fill a narrow link at once."""


class Hold:
    """Counts what waits, from the outgoing sequence number `first` on."""

    __slots__ = ("_octets", "_until", "first")

    def __init__(self) -> None:
        self.first = 0
        self._octets = 0
        self._until = 0.0

    def begin(self, first: int, now: float) -> None:
        """A key frame has come; it begins at `first`."""
        self.first = first
        self._octets = 0
        self._until = now + HOLD_SECONDS

    def add(self, octets: int) -> None:
        """One more packet waits."""
        self._octets += octets

    def is_stale(self, now: float) -> bool:
        """Whether it has become too much, or too old."""
        return now > self._until or self._octets > HOLD_OCTETS
