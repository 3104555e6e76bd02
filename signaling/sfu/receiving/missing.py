"""Which packets of a stream are missing, and when to ask for them (RFC 4585 §6.2.1) (pure)."""

from __future__ import annotations

from typing import Final

MAX_MISSING: Final = 256
"""Lost packets waited for per stream; a longer gap is a new start, not a loss."""
MAX_TRIES: Final = 6
FIRST_SECONDS: Final = 0.010
"""How long a packet may be late before it is asked for: reordering within a burst is common."""
LEAST_SECONDS: Final = 0.02
ROUND_TRIPS: Final = 1.2
"""How long an answer may take; twice as long for each further try, since a full link answers late."""
REQUESTS_PER_ROUND_TRIP: Final = 4
"""More would be a load of its own where many packets are lost and a round trip is long."""


class Missing:
    """Extended sequence numbers not seen yet, each with the time to ask for it and how often that was done.

    `lost` counts those that had to be asked for.
    """

    def __init__(self) -> None:
        self._entries: dict[int, tuple[float, int]] = {}
        self._asked_at = -10.0
        self.lost = 0

    def __len__(self) -> int:
        return len(self._entries)

    def note_gap(self, first: int, end: int, now: float) -> None:
        """Packets from `first` to before `end` have been passed over."""
        if end - first > MAX_MISSING:
            self._entries.clear()
            return
        for number in range(first, end):
            self._entries[number] = (now + FIRST_SECONDS, 0)
        while len(self._entries) > MAX_MISSING:
            del self._entries[next(iter(self._entries))]

    def take(self, number: int) -> bool:
        """Whether a packet that has come now was missing; from now on it is not."""
        return self._entries.pop(number, None) is not None

    def due(self, now: float, rtt_seconds: float) -> list[int]:
        """The 16-bit sequence numbers to ask for now, in order; those asked for too often are given up."""
        if now - self._asked_at < rtt_seconds / REQUESTS_PER_ROUND_TRIP:
            return []
        retry_seconds = max(LEAST_SECONDS, rtt_seconds * ROUND_TRIPS)
        due: list[int] = []
        for number, (due_at, tries) in list(self._entries.items()):
            if due_at > now:
                continue
            if tries >= MAX_TRIES:
                del self._entries[number]
                continue
            self.lost += tries == 0
            self._entries[number] = (now + retry_seconds * 2**tries, tries + 1)
            due.append(number & 0xFFFF)
        if due:
            self._asked_at = now
        return due
