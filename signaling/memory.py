"""What was freed goes back to the system.

glibc keeps freed memory for what comes next. Packets, descriptions and handshakes are of all sizes, so what it keeps
lies in ever smaller pieces, and a process through which people come and go for days grows although it holds nothing.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

PAUSE_SECONDS = 30.0
"""Between two times: each takes about a millisecond, in which no packet is sent on."""


def _system_call() -> Callable[[int], Any] | None:
    try:
        found: Callable[[int], Any] = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):
        # Another C library; musl, for one, does so by itself.
        return None
    return found


class Memory:
    """The process's unused memory."""

    def __init__(self) -> None:
        self._give_back = _system_call()
        self._at = float("-inf")

    def give_back(self, now: float) -> bool:
        """Let the system have what is free, unless that was done a moment ago. Returns whether it was done."""
        if self._give_back is None or now - self._at < PAUSE_SECONDS:
            return False
        self._at = now
        self._give_back(0)
        return True
