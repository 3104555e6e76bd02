"""Who speaks, from the levels that clients write beside their sound (RFC 6464; pure)."""

from __future__ import annotations

import math
from typing import Final

ACTIVE_DBOV: Final = 35
"""Quieter than -35 dBov is not speech; LiveKit's default too."""
INTERVAL_SECONDS: Final = 0.5
"""How often levels are taken."""
ACTIVE_SHARE: Final = 0.4
"""This share of an interval must be loud: a cough is no speech."""
PACKET_SECONDS: Final = 0.02
MAX_PACKET_SECONDS: Final = 0.12
"""More between two packets is a pause: where nobody speaks, few are sent (DTX)."""
CLOCK_RATE: Final = 48_000
SMOOTHING: Final = 2
STEPS: Final = 8
"""Levels are told in eighths, so that small changes are not news."""


class Loudness:
    """The loudness of one track over the current interval, smoothed over past ones."""

    __slots__ = ("_level", "_loud", "_loud_seconds", "_sum", "_timestamp")

    def __init__(self) -> None:
        self._timestamp = 0
        self._loud = 0
        self._loud_seconds = 0.0
        self._sum = 0
        self._level = 0.0

    def hear(self, dbov: int, timestamp: int) -> None:
        """Note one packet's level, 0 (loudest) to 127, in -dBov; `timestamp` is RTP's, and tells how long it lasts."""
        seconds = (timestamp - self._timestamp & 0xFFFFFFFF) / CLOCK_RATE
        self._timestamp = timestamp
        if dbov <= ACTIVE_DBOV:
            self._loud += 1
            self._loud_seconds += seconds if seconds <= MAX_PACKET_SECONDS else PACKET_SECONDS
            self._sum += dbov

    def take(self) -> float:
        """The level from 0 to 1 since the last call, in steps; 0 means not speaking."""
        level = 0.0
        if self._loud and self._loud_seconds >= ACTIVE_SHARE * INTERVAL_SECONDS:
            level = 10 ** (-self._sum / self._loud / 20)
        self._loud = self._sum = 0
        self._loud_seconds = 0.0
        self._level += (level - self._level) / SMOOTHING
        if self._level < 1 / 64:
            self._level = 0.0
        return min(1.0, math.ceil(self._level * STEPS) / STEPS)


def changed(before: dict[str, float], now: dict[str, float]) -> dict[str, float]:
    """The levels that differ, with 0 for those who fell silent."""
    silent = {sid: 0.0 for sid in before if sid not in now}
    return {sid: level for sid, level in now.items() if before.get(sid) != level} | silent
