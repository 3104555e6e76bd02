"""How much somebody may do: so much a second, and what was not used before, up to a burst (pure)."""

from __future__ import annotations


class Allowance:
    """A bucket that fills at `rate` a second up to `burst`, and starts with `initial`."""

    __slots__ = ("_at", "_burst", "_left", "_rate")

    def __init__(self, rate: float, burst: float, initial: float, now: float) -> None:
        self._rate = rate
        self._burst = burst
        self._left = initial
        self._at = now

    def take(self, amount: float, now: float) -> bool:
        """Use some of it. False, and nothing used, when there is not enough."""
        self._left = min(self._burst, self._left + (now - self._at) * self._rate)
        self._at = now
        if amount > self._left:
            return False
        self._left -= amount
        return True

    def seconds_until(self, amount: float) -> float:
        """How long after the last `take` there is as much as this."""
        return max(0.0, amount - self._left) / self._rate
