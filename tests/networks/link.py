"""What one direction of a link does to its packets: queue, rate, loss in bursts, delay, jitter (pure)."""

from __future__ import annotations

import random
from dataclasses import dataclass

FADE_SECONDS = 0.25
"""A run of losses is a moment on the air; counted in packets alone it could take all of TCP's few retries."""
_BEHIND_SECONDS = 1e-6
"""A packet arrives this much after the one before it at the earliest, so that none overtakes another."""


@dataclass(frozen=True, slots=True)
class Shape:
    """One direction of a link.

    `rate_bps` 0 is no limit. A packet that would wait longer than `queue_seconds` is dropped at the tail. `loss` is a
    share from 0 to below 1, lost in runs of `burst` packets on average, at least 1. `jitter_seconds` is at most
    `delay_seconds` and goes both ways.
    """

    rate_bps: float = 0.0
    delay_seconds: float = 0.0
    jitter_seconds: float = 0.0
    loss: float = 0.0
    burst: float = 1.0
    queue_seconds: float = 1.0


class BurstyLoss:
    """Gilbert's model: a good state that loses nothing and a bad one that loses everything.

    Source: E. N. Gilbert, Capacity of a Burst-Noise Channel, 1960, with both error rates at their extremes.
    """

    def __init__(self, share: float, burst: float, chance: random.Random) -> None:
        self._share = share
        self._recovers = 1 / burst
        self._fails = share / (1 - share) / burst
        self._is_bad = False
        self._asked_at = 0.0
        self._chance = chance

    def loses(self, now: float) -> bool:
        """Whether the next packet is lost. After a silence, whatever was before it counts no more."""
        drawn = self._chance.random()
        is_fresh, self._asked_at = now - self._asked_at > FADE_SECONDS, now
        if is_fresh:
            self._is_bad = drawn < self._share
        else:
            self._is_bad = drawn >= self._recovers if self._is_bad else drawn < self._fails
        return self._is_bad


class Direction:
    """One direction of a link; the same seed and the same packets give the same losses."""

    def __init__(self, shape: Shape, seed: int) -> None:
        self.passed = self.lost = self.overflowed = 0
        self._shape = shape
        self._chance = random.Random(seed)
        self._loss = BurstyLoss(shape.loss, shape.burst, self._chance)
        self._free_at = 0.0
        self._last_at = 0.0

    def change(self, shape: Shape) -> None:
        """Be another link for the packets from now on; those on their way keep their time."""
        self._shape = shape
        self._loss = BurstyLoss(shape.loss, shape.burst, self._chance)

    def arrival(self, octets: int, now: float) -> float | None:
        """When a packet that is sent now comes out at the far end; None when it never does."""
        shape = self._shape
        starts_at = max(now, self._free_at)
        if starts_at - now > shape.queue_seconds:
            self.overflowed += 1
            return None
        if shape.rate_bps:
            self._free_at = starts_at = starts_at + 8 * octets / shape.rate_bps
        # Lost on the air, not before it: it has taken its time on the link.
        if self._loss.loses(now):
            self.lost += 1
            return None
        self.passed += 1
        delay = shape.delay_seconds + self._chance.uniform(-1, 1) * shape.jitter_seconds
        self._last_at = max(starts_at + delay, self._last_at + _BEHIND_SECONDS)
        return self._last_at
