"""Verdicts on what a server holds over time."""

from __future__ import annotations

import os
import socket

from tests.soak.samples import Sample, leftovers, memory_growth, take

IDLE = Sample(0, 90_000, 4, 7, 0, 0)


def _hour(rss_kib: int, growth_kib: int) -> list[Sample]:
    return [Sample(s, rss_kib + s * growth_kib // 3600, 30, 60, 2, 6) for s in range(0, 3601, 5)]


def test_level_memory_and_an_empty_end_are_well() -> None:
    assert leftovers(IDLE, _hour(100_000, 1_000), IDLE) == []


def test_warming_up_is_no_growth() -> None:
    samples = [Sample(s, min(50_000 + 200 * s, 100_000), 30, 60, 2, 6) for s in range(0, 3601, 5)]
    assert memory_growth(samples) == 0


def test_whatever_is_left_is_named() -> None:
    left = Sample(3700, 130_000, 7, 9, 1, 2)
    assert leftovers(IDLE, _hour(100_000, 30_000), left) == [
        "memory grew by 22.4%",
        "1 rooms with 2 people are left",
        "3 sockets are left",
        "2 tasks are left",
    ]


def test_a_soak_without_people_proves_nothing() -> None:
    empty = [Sample(s, 90_000, 4, 7, 0, 0) for s in range(0, 601, 5)]
    assert leftovers(IDLE, empty, IDLE) == ["nobody ever joined"]


def test_a_process_is_looked_at_from_outside() -> None:
    before = take(os.getpid(), 0, tasks=1, rooms=0, participants=0)
    with socket.socket():
        during = take(os.getpid(), 1, tasks=2, rooms=1, participants=2)
    assert during.sockets == before.sockets + 1
    assert during.rss_kib > 1000
