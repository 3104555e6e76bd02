"""Freed memory goes back to the system, but not at every opportunity."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from signaling.memory import PAUSE_SECONDS, Memory

PACKETS = 60_000
PACKET_BYTES = 1100

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library, which does so by itself")


def _resident_kib() -> int:
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmRSS"].split()[0])


def test_what_lies_between_things_still_used_is_given_back() -> None:
    packets = [bytes(PACKET_BYTES) for _ in range(PACKETS)]
    still_used = packets[:: PACKETS // 100] + packets[-1:]
    del packets
    before = _resident_kib()
    assert Memory().give_back(0.0)
    assert before - _resident_kib() > 0.8 * PACKETS * PACKET_BYTES / 1024
    assert still_used


def test_it_is_not_done_at_every_opportunity() -> None:
    memory = Memory()
    assert memory.give_back(100.0)
    assert not memory.give_back(100.0 + PAUSE_SECONDS / 2)
    assert memory.give_back(100.0 + PAUSE_SECONDS)
