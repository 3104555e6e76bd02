"""The estimate against a simulated bottleneck, and what is sent within it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signaling.sfu.link.allocation import NOTHING, Demand, allocate, rooms
from signaling.sfu.link.bandwidth import CLOCK_SECONDS, HISTORY, Least, LinkEstimate
from signaling.sfu.network.departures import KEPT_BATCHES, Departures
from signaling.sfu.sending.temporal import HIGHEST_TEMPORAL
from tests.signaling.told import told

SIZE = 1100


class _Link:
    """A bottleneck with a long queue, driven by a clock of its own."""

    def __init__(self, capacity_bps: float, delay: float = 0.05) -> None:
        self.capacity_bps = capacity_bps
        self.estimate = LinkEstimate()
        self.departures = Departures()
        self.late_seconds = 0.0
        self.now = 100.0
        self.clock_seconds = 1000.0
        self.delay = delay
        self._free_at = 0.0
        self._sequence = 0
        self._arrivals: list[tuple[int, float]] = []
        self._reported_at = 100.0
        self._reports = 0

    def run(self, seconds: float, offered_bps: float, *, follow: bool = True, every_feedback: bool = True) -> None:
        """Send at a rate, or below the limit once there is one; half of all feedback can be lost."""
        until = self.now + seconds
        while self.now < until:
            rate = min(offered_bps, self.estimate.limit_bps or offered_bps) if follow else offered_bps
            self.now += SIZE * 8 / rate
            self._sequence = (self._sequence + 1) & 0xFFFF
            self.estimate.sent(self._sequence, SIZE, self.departures)
            left_at = self.now + self.late_seconds
            self.departures.leave(left_at)
            self._free_at = max(self._free_at, left_at) + SIZE * 8 / self.capacity_bps
            self._arrivals.append((self._sequence, self._free_at + self.delay))
            if self.now - self._reported_at >= 0.1:
                self._reported_at = self.now
                arrived = [a for a in self._arrivals if a[1] <= self.now]
                self._arrivals = self._arrivals[len(arrived) :]
                self._reports += 1
                if not every_feedback and self._reports % 2:
                    continue
                begun = CLOCK_SECONDS * ((self.now + self.clock_seconds) // CLOCK_SECONDS)
                heard = [(sequence, at + self.clock_seconds - begun) for sequence, at in arrived]
                self.estimate.feedback(*told(heard), self.now)


def test_a_free_link_shows_no_limit() -> None:
    link = _Link(10_000_000)
    link.run(20, 1_500_000)
    assert link.estimate.limit_bps is None


def test_feedback_that_is_lost_hides_nothing_of_what_arrived() -> None:
    link = _Link(1_000_000)
    link.run(5, 800_000)
    all_of_it = link.estimate.arrival_bps()
    link.run(5, 800_000, every_feedback=False)
    assert 0.9 * all_of_it < link.estimate.arrival_bps() < 1.1 * all_of_it


def test_a_longer_way_after_a_change_of_path_is_no_queue() -> None:
    link = _Link(5_000_000, delay=0.02)
    link.run(60, 1_000_000)
    link.delay = 0.15
    link.estimate.forget_path()
    link.run(40, 1_000_000)
    assert link.estimate.limit_bps is None


def test_a_queue_is_seen_although_the_receivers_clock_begins_anew() -> None:
    link = _Link(10_000_000)
    link.clock_seconds = CLOCK_SECONDS - link.now - 5
    link.run(10, 1_500_000)
    assert link.estimate.limit_bps is None
    link.capacity_bps = 400_000
    link.run(3, 1_500_000)
    assert link.estimate.limit_bps is not None
    assert 200_000 < link.estimate.limit_bps < 420_000


def test_losses_without_a_queue_lower_it_again_at_once() -> None:
    estimate, departures = LinkEstimate(), Departures()
    limits = []
    for block in range(12):
        # A policer: three of ten are dropped, none waits; from the middle on much less is sent.
        now, size = 100.0 + 0.1 * block, 1000 if block < 6 else 400
        statuses: list[tuple[int, float | None]] = []
        for number in range(block * 100, block * 100 + 100):
            estimate.sent(number, size, departures)
            departures.leave(now)
            statuses.append((number, None if number % 10 < 3 else now + 1000))
        estimate.feedback(*told(statuses), now + 0.05)
        limits.append(estimate.limit_bps or 0.0)
    assert limits[-1] < 0.7 * limits[5]


def test_a_queue_that_stands_lowers_it_again() -> None:
    link = _Link(100_000)
    link.run(4, 150_000, follow=False)
    first = link.estimate.limit_bps
    assert first is not None
    link.capacity_bps = 40_000
    link.run(4, 60_000, follow=False)
    assert link.estimate.limit_bps is not None
    assert link.estimate.limit_bps < 0.6 * first


def test_a_server_held_up_by_others_on_its_processor_sees_no_queue() -> None:
    link = _Link(10_000_000)
    link.run(5, 1_500_000)
    link.late_seconds = 0.2
    link.run(20, 1_500_000)
    assert link.estimate.limit_bps is None


def test_a_queue_is_seen_by_a_server_that_is_held_up() -> None:
    link = _Link(10_000_000)
    link.late_seconds = 0.2
    link.run(5, 1_500_000)
    link.capacity_bps = 400_000
    link.run(2, 1_500_000)
    assert link.estimate.limit_bps is not None


def test_batches_are_known_once_they_have_left_and_until_they_are_old() -> None:
    departures = Departures()
    assert departures.left_at(0) < 0
    departures.leave(7.0)
    assert (departures.left_at(0), departures.left_at(1)) == (7.0, -1.0)
    for number in range(KEPT_BATCHES):
        departures.leave(8.0 + number)
    assert departures.left_at(0) < 0
    assert departures.left_at(1) == 8.0


def test_what_left_on_another_wire_is_forgotten() -> None:
    link = _Link(10_000_000)
    link.run(1, 1_500_000)
    link.departures = Departures()
    link.run(5, 1_500_000)
    assert link.estimate.limit_bps is None


def test_a_narrow_link_is_found_within_two_seconds() -> None:
    link = _Link(400_000)
    link.run(2, 1_500_000)
    assert link.estimate.limit_bps is not None
    assert 200_000 < link.estimate.limit_bps < 420_000


def test_the_limit_stays_near_the_link_for_long() -> None:
    link = _Link(400_000)
    link.run(60, 1_500_000)
    assert link.estimate.limit_bps is not None
    assert 200_000 < link.estimate.limit_bps < 700_000


def test_a_link_that_widens_is_used_again() -> None:
    link = _Link(400_000)
    link.run(5, 1_500_000)
    link.capacity_bps = 5_000_000
    link.run(60, 1_500_000)
    assert link.estimate.limit_bps is None or link.estimate.limit_bps > 1_500_000


def test_feedback_that_takes_long_is_understood_on_a_fast_link() -> None:
    link = _Link(20_000_000, delay=1.5)
    link.run(10, 10_000_000)
    assert link.estimate.arrival_bps() > 9_000_000
    assert link.estimate.limit_bps is None


def _demand(layers: tuple[tuple[int, float], ...], current: int, rank: int = 0) -> Demand:
    return Demand(layers, (current, HIGHEST_TEMPORAL), rank)


def _layers(budget: float, *demands: Demand) -> list[int]:
    return [layer for layer, _ in allocate(budget, list(demands))]


def test_everyone_gets_the_smallest_before_anyone_gets_more() -> None:
    layers = ((0, 150_000.0), (1, 500_000.0), (2, 1_500_000.0))
    assert _layers(300_000, _demand(layers, 2), _demand(layers, 2)) == [0, 0]
    assert _layers(700_000, _demand(layers, 2), _demand(layers, 2)) == [1, 0]
    assert _layers(100_000, _demand(layers, 2)) == [-1]
    assert _layers(10_000_000, _demand(layers, 0), _demand(layers[:1], 0)) == [2, 0]


def test_on_a_narrow_link_the_first_in_rank_is_served_first() -> None:
    layers = ((0, 150_000.0), (1, 500_000.0))
    assert _layers(200_000, _demand(layers, 1, 2), _demand(layers, 1, 1)) == [-1, 0]
    assert _layers(700_000, _demand(layers, 1, 2), _demand(layers, 1, 1)) == [0, 1]
    assert _layers(200_000, _demand(layers, 1, 2), _demand(((0, 900_000.0),), 0, 1)) == [0, -1]


def test_a_layer_not_yet_sent_needs_room_to_spare() -> None:
    layers = ((0, 100_000.0), (1, 500_000.0))
    assert _layers(520_000, _demand(layers, 1)) == [1]
    assert _layers(520_000, _demand(layers, 0)) == [0]


def test_fewer_pictures_a_second_come_before_none() -> None:
    layers, thinned = ((0, 100_000.0), (1, 500_000.0)), (40_000.0, 60_000.0)
    demand = Demand(layers, (1, HIGHEST_TEMPORAL), thinned=thinned)
    expected = [(30_000, NOTHING), (45_000, (0, 0)), (90_000, (0, 1)), (110_000, (0, HIGHEST_TEMPORAL))]
    assert [(budget, allocate(budget, [demand])[0]) for budget, _ in expected] == expected
    # Both some pictures, before one has all.
    assert allocate(140_000, [demand, demand]) == [(0, 1), (0, 1)]
    assert allocate(160_000, [demand, demand]) == [(0, HIGHEST_TEMPORAL), (0, 1)]
    # More pictures need room to spare, as a larger layer does.
    assert allocate(65_000, [Demand(layers, (0, 0), thinned=thinned)]) == [(0, 0)]
    assert allocate(65_000, [Demand(layers, (0, 1), thinned=thinned)]) == [(0, 1)]


def test_each_video_has_room_for_its_share_or_for_what_the_others_leave() -> None:
    assert rooms(100, [120]) == [100]
    assert rooms(100, [120, 120]) == [50, 50]
    assert rooms(100, [120, 20]) == [80, 50]
    assert rooms(100, []) == []


@given(
    st.floats(0, 5e6),
    st.lists(st.lists(st.floats(1e4, 2e6), min_size=1, max_size=5), max_size=6),
    st.integers(0, 2),
)
def test_what_is_allocated_fits(budget: float, rates: list[list[float]], temporal: int) -> None:
    demands = []
    for found in rates:
        thinned, layers = sorted(found)[:temporal], sorted(found)[temporal:] or [2e6]
        demands.append(Demand(tuple(enumerate(layers)), (2, HIGHEST_TEMPORAL), thinned=tuple(thinned)))
    spent = 0.0
    for demand, choice in zip(demands, allocate(budget, demands), strict=True):
        spent += 0.0 if choice == NOTHING else dict(demand.choices())[choice]
    assert spent <= budget


def test_the_numbers_of_batches_begin_again_after_some_weeks() -> None:
    departures = Departures()
    for batch in range(KEPT_BATCHES):
        departures.leave(float(batch))
    departures.batch = last = 0x7FFFFFFF
    departures.leave(1e5)
    departures.leave(2e5)
    assert departures.batch == 1
    assert [departures.left_at(batch) for batch in (last, 0, 1)] == [1e5, 2e5, -1.0]


@given(st.lists(st.tuples(st.floats(0, 0.2), st.floats(-1e3, 1e3)), max_size=400))
def test_the_least_of_the_last_seconds(steps: list[tuple[float, float]]) -> None:
    least, at, added = Least(3.0), 0.0, list[tuple[float, float]]()
    for step, value in steps:
        at += step
        added.append((at, value))
        least.add(at, value)
        assert least.value == min(value for then, value in added if then >= at - 3.0)


def test_the_least_keeps_no_more_than_its_history() -> None:
    least = Least(1e9)
    for at in range(3 * HISTORY):
        least.add(float(at), float(at))
    assert least.value == 2 * HISTORY


def test_a_burst_that_fits_is_believed_with_caution() -> None:
    estimate = LinkEstimate()
    estimate.limit_bps = 100_000.0
    estimate.try_more(1_000_000.0, 10.0, possible=True)
    probe = estimate.probe
    assert probe is not None
    for step in range(30):
        probe.heard(10.0 + 0.01 * step, 0.05)
    estimate.judge_probe(10.3)
    assert estimate.probe is None
    assert estimate.limit_bps == pytest.approx(0.85 * probe.target_bps)
