"""Freed memory goes back to the system, but not at every opportunity."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import pytest

from signaling.memory import PAUSE_SECONDS, Memory

PACKETS = 60_000
PACKET_BYTES = 1100

CALLS = """
import gc
from collections import deque
from signaling.memory import settle

program = [[] for _ in range(200_000)]
settle()
before = gc.get_stats()[2]["collections"]
present = deque(maxlen=6)
for call in range(3000):
    left_behind = [[] for _ in range(400)]
    for part in left_behind:
        part.append(left_behind)
    present.append(left_behind)
print(gc.get_stats()[2]["collections"] - before, len(gc.get_objects()))
"""
"""Calls that overlap, each of which leaves a cycle behind, in a program that is far larger than they are."""

glibc_only = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library, which does so by itself")


def _resident_kib() -> int:
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmRSS"].split()[0])


@glibc_only
def test_what_lies_between_things_still_used_is_given_back() -> None:
    packets = [bytes(PACKET_BYTES) for _ in range(PACKETS)]
    still_used = packets[:: PACKETS // 100] + packets[-1:]
    del packets
    before = _resident_kib()
    assert Memory().give_back(0.0)
    assert before - _resident_kib() > 0.8 * PACKETS * PACKET_BYTES / 1024
    assert still_used


@glibc_only
def test_it_is_not_done_at_every_opportunity() -> None:
    memory = Memory()
    assert memory.give_back(100.0)
    assert not memory.give_back(100.0 + PAUSE_SECONDS / 2)
    assert memory.give_back(100.0 + PAUSE_SECONDS)


def test_what_calls_leave_behind_is_found_however_large_the_program_is() -> None:
    ran = subprocess.run([sys.executable, "-c", CALLS], check=True, capture_output=True, text=True, timeout=60)
    full_looks, left = map(int, ran.stdout.split())
    assert full_looks
    assert left < 100 * 400
