"""The link's model, by a clock of the test's own."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.networks.link import FADE_SECONDS, BurstyLoss, Direction, Shape
from tests.networks.profiles import PROFILES


def test_an_open_link_delivers_at_once() -> None:
    link = Direction(Shape(), 1)
    assert link.arrival(1200, 5.0) == 5.0


def test_a_rate_spaces_packets_and_a_delay_moves_them() -> None:
    link = Direction(Shape(rate_bps=80_000, delay_seconds=0.3), 1)
    assert [link.arrival(100, 1.0) for _ in range(3)] == pytest.approx([1.31, 1.32, 1.33])
    assert link.arrival(100, 9.0) == pytest.approx(9.31)


def test_a_full_queue_drops_the_newest() -> None:
    link = Direction(Shape(rate_bps=8_000, queue_seconds=0.5), 1)
    arrivals = [link.arrival(100, 0.0) for _ in range(20)]
    assert [arrival for arrival in arrivals if arrival is not None] == pytest.approx([0.1 * n for n in range(1, 7)])
    assert link.overflowed == 14
    assert link.arrival(100, 0.4) is not None


@pytest.mark.parametrize(("share", "burst"), [(0.05, 3.0), (0.01, 1.0), (0.2, 8.0)])
def test_losses_come_in_their_share_and_in_runs(share: float, burst: float) -> None:
    loss = BurstyLoss(share, burst, random.Random(7))
    lost = [loss.loses(number / 100) for number in range(200_000)]
    runs = sum(now and not before for before, now in zip([False, *lost], lost, strict=False))
    assert sum(lost) / len(lost) == pytest.approx(share, rel=0.1)
    assert sum(lost) / runs == pytest.approx(burst, rel=0.1)


def test_a_run_of_losses_does_not_wait_for_the_next_packet() -> None:
    loss = BurstyLoss(0.05, 20.0, random.Random(7))
    lost = [loss.loses(number * 2 * FADE_SECONDS) for number in range(200_000)]
    both = sum(now and before for before, now in zip([False, *lost], lost, strict=False))
    assert sum(lost) / len(lost) == pytest.approx(0.05, rel=0.1)
    assert both / sum(lost) == pytest.approx(0.05, rel=0.2)


def test_the_same_seed_loses_the_same_packets() -> None:
    def pattern(seed: int) -> list[float | None]:
        link = Direction(PROFILES["lossy4g"].down, seed)
        return [link.arrival(1000, number / 100) for number in range(500)]

    assert pattern(3) == pattern(3)
    assert pattern(3) != pattern(4)


@given(
    st.sampled_from(sorted(PROFILES)),
    st.integers(0, 9),
    st.lists(st.tuples(st.integers(40, 1400), st.floats(0, 0.2)), max_size=60),
)
def test_nothing_overtakes_or_arrives_before_it_was_sent(
    profile: str, seed: int, packets: list[tuple[int, float]]
) -> None:
    link = Direction(PROFILES[profile].up, seed)
    now = last = 0.0
    for octets, pause in packets:
        now += pause
        arrival = link.arrival(octets, now)
        if arrival is not None:
            assert arrival >= now
            assert arrival > last or arrival == 0.0
            last = arrival
