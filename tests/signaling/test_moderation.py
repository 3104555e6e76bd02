"""When a socket is read at ticks, and when at each packet."""

from __future__ import annotations

import random

from signaling.sfu.network.moderation import MANY, MANY_SECONDS, TICK_SECONDS, Moderation

SECONDS = 20.0
CLOSE = 0.002


def _wake_ups(bursts_per_second: float) -> tuple[int, int]:
    """Of bursts at random: how often the process wakes, and how often for nothing."""
    dice, moderation = random.Random(1), Moderation()
    arrivals, at = [], 0.0
    while at < SECONDS:
        at += dice.expovariate(bursts_per_second)
        arrivals.append(at)
    now, woken, in_vain, wait = 0.0, 0, 0, 0.0
    while arrivals:
        now = now + wait if wait else max(now, arrivals[0])
        count = sum(arrival <= now for arrival in arrivals[:100])
        del arrivals[:count]
        woken += 1
        in_vain += not count
        wait = moderation.wait_seconds(count, 5 * count, now)
    return woken, in_vain


def test_sparse_packets_wake_once_each() -> None:
    woken, in_vain = _wake_ups(50)
    assert woken >= 0.9 * 50 * SECONDS
    assert in_vain <= 0.02 * woken


def test_one_visit_hardly_sets_a_timer() -> None:
    woken, in_vain = _wake_ups(250)
    assert woken >= 0.85 * 250 * SECONDS
    assert in_vain <= 0.08 * woken


def test_dense_packets_are_read_at_ticks() -> None:
    woken, in_vain = _wake_ups(2000)
    assert woken <= 1.05 * SECONDS / TICK_SECONDS
    assert in_vain <= 0.02 * woken


def test_at_no_rate_are_there_many_more_wake_ups_than_bursts_or_ticks() -> None:
    for rate in (100, 150, 200, 300, 400, 500, 700):
        woken, in_vain = _wake_ups(rate)
        assert woken <= 1.1 * SECONDS * min(rate, 1 / TICK_SECONDS)
        assert in_vain <= 0.3 * woken


def test_a_pause_ends_the_ticks() -> None:
    moderation = Moderation()
    at = 0.0
    for _ in range(100):
        at += CLOSE
        wait = moderation.wait_seconds(1, 1, at)
    assert wait == TICK_SECONDS
    vain = 0
    while moderation.wait_seconds(0, 0, at):
        at += TICK_SECONDS
        vain += 1
    assert vain <= 3


def test_where_many_packets_leave_nobody_waits_for_a_tick() -> None:
    moderation = Moderation()
    at, ended_at, waits = 0.0, 0.4, []
    while at < 1.0:
        at += CLOSE
        # What the receivers say in return comes in between, and pictures end.
        is_picture = round(at / CLOSE) % 20 == 0 and at < ended_at
        waits.append((at, moderation.wait_seconds(1, MANY if is_picture else 0, at)))
    calm_at = ended_at + MANY_SECONDS
    assert {wait for at, wait in waits if 0.1 < at < ended_at} == {0.0}
    assert {wait for at, wait in waits if at > calm_at} == {TICK_SECONDS}
