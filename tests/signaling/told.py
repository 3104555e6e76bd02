"""Arrivals as a feedback tells them."""

from __future__ import annotations

from collections.abc import Sequence

from signaling.sfu.formats.twcc import LOST


def told(statuses: Sequence[tuple[int, float | None]]) -> tuple[int, list[float]]:
    """The first number, and when each from it on arrived; what is not among `statuses`, or None there, was lost."""
    if not statuses:
        return 0, []
    base = statuses[0][0]
    at = {sequence - base & 0xFFFF: arrived for sequence, arrived in statuses if arrived is not None}
    return base, [at.get(index, LOST) for index in range((statuses[-1][0] - base & 0xFFFF) + 1)]
