"""What is asked for again, and how often."""

from __future__ import annotations

from itertools import pairwise

from signaling.sfu.receiving.missing import MAX_MISSING, MAX_TRIES, Missing


def _asked(missing: Missing, until: float, rtt: float) -> list[tuple[float, list[int]]]:
    """Every request up to a time, polled each 20 ms as the server does."""
    times = [tick * 0.02 for tick in range(round(until / 0.02))]
    return [(now, due) for now in times if (due := missing.due(now, rtt))]


def test_a_late_packet_is_not_asked_for() -> None:
    missing = Missing()
    missing.note_gap(10, 12, now=0.0)
    assert missing.due(0.005, 0.1) == []
    assert missing.take(10)
    assert not missing.take(10)
    assert missing.due(0.02, 0.1) == [11]
    assert missing.lost == 1


def test_each_try_waits_twice_as_long_and_the_last_is_the_end() -> None:
    missing = Missing()
    missing.note_gap(7, 8, now=0.0)
    times = [at for at, _ in _asked(missing, 10, rtt=0.1)]
    assert len(times) == MAX_TRIES
    pauses = [later - earlier for earlier, later in pairwise(times)]
    assert all(later > 1.7 * earlier for earlier, later in pairwise(pauses))
    assert len(missing) == 0


def test_heavy_loss_over_a_long_round_trip_makes_few_requests() -> None:
    missing, requests = Missing(), 0
    for tick in range(500):
        missing.note_gap(2 * tick, 2 * tick + 1, now=tick * 0.02)
        requests += bool(missing.due(tick * 0.02, 0.8))
    assert requests <= 10 * 4 / 0.8 + 1


def test_numbers_wrap_at_sixteen_bits() -> None:
    missing = Missing()
    missing.note_gap(0xFFFF, 0x10001, now=0.0)
    assert missing.due(1.0, 0.1) == [0xFFFF, 0]


def test_a_long_gap_is_a_new_start_and_memory_is_bounded() -> None:
    missing = Missing()
    missing.note_gap(0, MAX_MISSING + 1, now=0.0)
    assert len(missing) == 0
    missing.note_gap(0, MAX_MISSING, now=0.0)
    missing.note_gap(1000, 1010, now=0.0)
    assert len(missing) == MAX_MISSING
    assert missing.take(1009)
    assert not missing.take(0)
