"""What is no longer used is found, and goes back to the system."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Callable
from typing import Any

GARBAGE_AFTER = 10_000
"""Containers made and not yet freed before a look for cycles; Python's 700 are one tick's packets, freed anyway."""
LOOKS = 4
"""How many looks at what is young come before one at what is older: ended calls, with their OpenSSL connections."""
PAUSE_SECONDS = 30.0
"""Between two times: each takes about a millisecond, in which no packet is sent on."""


def _system_call() -> Callable[[int], Any] | None:
    try:
        found: Callable[[int], Any] = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):
        # Another C library; musl, for one, does so by itself.
        return None
    return found


def settle() -> None:
    """What lives now lives as long as the process: spare packets the wait for looking at it again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_AFTER, LOOKS, LOOKS)
    # A full look comes when a quarter has been added to what the last one found: let that be nothing, not all this.
    gc.collect()
    Memory().give_back(0.0)


class Memory:
    """The process's unused memory.

    glibc keeps what was freed for what comes next. Packets, descriptions and handshakes are of all sizes, so what it
    keeps lies in ever smaller pieces, and a process through which people come and go grows although it holds nothing.
    """

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
