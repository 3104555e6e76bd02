"""How long things took, counted in classes (pure)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

JOIN_BOUNDS_SECONDS: Final = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
"""From a round trip nearby to the end of patience."""


class Durations:
    """Counts of durations up to each bound, in seconds, and their sum."""

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self.total_seconds = 0.0

    def note(self, seconds: float) -> None:
        """Count one."""
        self._counts[sum(seconds > bound for bound in self._bounds)] += 1
        self.total_seconds += seconds

    def cumulative(self) -> Iterator[tuple[float, int]]:
        """Each bound, infinity last, with how many took no longer."""
        found = 0
        for bound, count in zip((*self._bounds, float("inf")), self._counts, strict=True):
            found += count
            yield bound, found
