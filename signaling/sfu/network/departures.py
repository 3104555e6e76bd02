"""When packets really left: what waits for a busy processor has not been in any queue of the link (pure)."""

from __future__ import annotations

from typing import Final

KEPT_BATCHES: Final = 8192
"""A power of two; some seconds even of a wire that sends a batch each millisecond."""
_LAST: Final = 0x7FFFFFFF
"""After it numbers begin again; that is some weeks later."""


class Departures:
    """The times of one wire's batches by number; `batch` is the number of the one being filled."""

    __slots__ = ("_times", "batch")

    def __init__(self) -> None:
        self.batch = 0
        self._times: list[float] = []

    def leave(self, now: float) -> None:
        """The batch goes to the system; another begins."""
        if len(self._times) < KEPT_BATCHES:
            self._times.append(now)
        else:
            self._times[self.batch & KEPT_BATCHES - 1] = now
        self.batch = self.batch + 1 & _LAST

    def left_at(self, batch: int) -> float:
        """When a batch left; -1 when that is forgotten or has not happened."""
        return self._times[batch & KEPT_BATCHES - 1] if 0 < (self.batch - batch & _LAST) <= KEPT_BATCHES else -1.0
