"""Whether a socket is read at its next packet or at the next tick (pure).

Network cards moderate their interrupts alike: a wake-up costs as much as several packets, and so does a tick that finds
nothing.
"""

from __future__ import annotations

from typing import Final

TICK_SECONDS: Final = 0.003
"""Between two ticks, and so the most that a packet waits for one."""
MANY: Final = 128
MANY_SECONDS: Final = 0.1
"""Where so many packets left at once so lately nobody waits for a tick: beside their sending a wake-up costs little,
and those that come while they are made are read with it anyway. The time is that of some pictures."""
CLOSE_SECONDS: Final = 0.0022
"""Packets that wake at most this far apart would share ticks."""
ENOUGH: Final = 3
"""Credit from which ticks are cheaper."""
MOST: Final = 8
MISS: Final = 2
"""What a wait or a tick in vain costs: ticks pay where they find something two times in three."""


class Moderation:
    """The recent past of one socket as credit for ticks."""

    __slots__ = ("_credit", "_last", "_many_until")

    def __init__(self) -> None:
        self._credit = 0
        self._last = 0.0
        self._many_until = 0.0

    def wait_seconds(self, found: int, left: int, now: float) -> float:
        """How long to the next tick, after `found` packets came and `left` went out just now; 0 to await a packet."""
        if left >= MANY:
            self._many_until = now + MANY_SECONDS
        is_ticking = self._credit > ENOUGH
        if found and (is_ticking or now - self._last < CLOSE_SECONDS):
            self._credit = min(MOST, self._credit + 1)
        else:
            self._credit = max(0, self._credit - MISS)
        self._last = now
        return TICK_SECONDS if self._credit > ENOUGH and now >= self._many_until else 0.0
