"""The estimate over the mobile links of tests/networks: radio jitters and loses, and neither is congestion."""

from __future__ import annotations

import math
from collections import deque

import pytest

from signaling.sfu.link import sharing
from signaling.sfu.link.allocation import UPGRADE_MARGIN
from signaling.sfu.link.bandwidth import LinkEstimate
from signaling.sfu.link.probing import HEADER_OCTETS, MOST_PADDING
from signaling.sfu.network.departures import Departures
from signaling.sfu.receiving import ceiling
from tests.networks.link import Direction, Shape
from tests.networks.profiles import PROFILES
from tests.signaling.told import told

STEP = 0.02
FEEDBACK_EVERY = 5
SOUND_BYTES = 80
PICTURE_BYTES = 1000
ON_THE_WIRE = 46
"""IP, UDP and SRTP's tag, which the server does not count."""
ELSEWHERE = 1000.0
"""How far the receiver's clock is ahead."""


class _Call:
    """Sound each 20 ms, and pictures whenever the limit leaves room for all of them."""

    def __init__(self, profile: str, picture_bps: float, seed: int, *, probes: bool = True) -> None:
        self.estimate = LinkEstimate()
        self._departures = Departures()
        self.shown_steps = self.steps = 0
        self.worst_delay = 0.0
        self.delays: list[float] = []
        self._probes = probes
        self._down = Direction(PROFILES[profile].down, seed)
        self._up = Direction(PROFILES[profile].up, seed + 1)
        self._picture_bps = picture_bps
        self._due = 0.0
        self._sequence = -1
        self._told = 0
        self._arrivals: dict[int, float] = {}
        self._feedback: list[tuple[float, list[tuple[int, float | None]]]] = []

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds / STEP)):
            self.steps += 1
            now = self.steps * STEP
            delay = self._send(SOUND_BYTES, now)
            self.worst_delay = max(self.worst_delay, delay)
            self.delays.append(delay)
            self._show(now)
            if self.steps % FEEDBACK_EVERY == 0:
                self._tell(now)
            self._probe(now)
            while self._feedback and self._feedback[0][0] <= now:
                self.estimate.feedback(*told(self._feedback.pop(0)[1]), now)

    def _send(self, size: int, now: float) -> float:
        """Returns how long it took, 0 for a packet that was lost."""
        self._sequence += 1
        self.estimate.sent(self._sequence & 0xFFFF, size, self._departures)
        self._departures.leave(now)
        arrival = self._down.arrival(size + ON_THE_WIRE, now)
        if arrival is None:
            return 0.0
        self._arrivals[self._sequence] = arrival
        return arrival - now

    def _show(self, now: float) -> None:
        limit = self.estimate.limit_bps
        if limit is not None and limit < self._wanted_bps:
            return
        self._send_pictures(now)

    def _send_pictures(self, now: float) -> None:
        self.shown_steps += 1
        self._due += self._picture_bps / 8 * STEP
        while self._due >= PICTURE_BYTES:
            self._due -= PICTURE_BYTES
            self._send(PICTURE_BYTES, now)

    @property
    def _wanted_bps(self) -> float:
        return self._picture_bps + 8 * SOUND_BYTES / STEP

    def _probe(self, now: float) -> None:
        self.estimate.try_more(self._wanted_bps, now, possible=self._probes)
        probe = self.estimate.probe
        while probe is not None and (due := probe.due(now)) > 0:
            self._send(min(due, MOST_PADDING) + HEADER_OCTETS, now)
            probe.sent(min(due, MOST_PADDING) + HEADER_OCTETS)
        self.estimate.judge_probe(now)

    def _tell(self, now: float) -> None:
        known = [number for number, arrival in self._arrivals.items() if arrival <= now]
        if not known:
            return
        statuses: list[tuple[int, float | None]] = []
        for number in range(self._told, max(known) + 1):
            arrival = self._arrivals.pop(number, None)
            statuses.append((number & 0xFFFF, None if arrival is None else arrival + ELSEWHERE))
        self._told = max(known) + 1
        arrival = self._up.arrival(100, now)
        if arrival is not None:
            self._feedback.append((arrival, statuses))


class _ShrinkingCall(_Call):
    """Pictures whose publisher makes them as small as it is told, a moment later and not below what browsers can."""

    LEAST_BPS = 30_000.0
    TOLD_STEPS = 20
    KEY_FRAME_BYTES = 5000

    def __init__(self, profile: str, picture_bps: float, seed: int) -> None:
        super().__init__(profile, picture_bps, seed)
        self.is_shown = True
        self._full_bps = picture_bps
        self._ceiling = math.inf
        self._ceilings = deque([math.inf] * self.TOLD_STEPS, maxlen=self.TOLD_STEPS)
        self._fitted_step = 0

    def _show(self, now: float) -> None:
        self._picture_bps = min(self._full_bps, max(self.LEAST_BPS, self._ceilings[0]))
        limit = self.estimate.limit_bps
        room = math.inf if limit is None else limit - 8 * SOUND_BYTES / STEP
        if room >= ceiling.RELEASE * self._full_bps:
            self._ceiling = math.inf
        elif room < self._picture_bps or self._ceiling < math.inf:
            self._ceiling = max(ceiling.LEAST_BPS, room / ceiling.MARGIN)
        self._ceilings.append(self._ceiling)
        if self._picture_bps * (1.0 if self.is_shown else UPGRADE_MARGIN) <= room:
            self._fitted_step = self.steps
            self._due += 0 if self.is_shown else self.KEY_FRAME_BYTES
            self.is_shown = True
        elif (
            self._picture_bps > sharing.BEARABLE * room
            or self.steps >= self._fitted_step + sharing.SHRINK_SECONDS / STEP
        ):
            self.is_shown = False
        if self.is_shown:
            self._send_pictures(now)

    @property
    def _wanted_bps(self) -> float:
        more_bps = 0.0
        if not self.is_shown:
            more_bps = self._picture_bps
        elif self._ceiling < math.inf:
            more_bps = ceiling.RELEASE * self._full_bps
        return 8 * SOUND_BYTES / STEP + UPGRADE_MARGIN * more_bps


@pytest.mark.parametrize(("profile", "picture_bps"), [("edge", 120_000), ("slow3g", 450_000)])
def test_pictures_that_can_be_made_smaller_go_on_and_sound_does_not_wait_for_them(
    profile: str, picture_bps: float
) -> None:
    calls = [_ShrinkingCall(profile, picture_bps, seed) for seed in range(1, 13)]
    for call in calls:
        call.run(120)
        assert call.worst_delay < 1.3
    assert sum(call.shown_steps for call in calls) > 0.9 * sum(call.steps for call in calls)


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize(
    ("profile", "picture_bps"),
    [("edge", 30_000), ("slow3g", 160_000), ("3g", 600_000), ("lossy4g", 400_000), ("lossy4g", 1_500_000)],
)
def test_jitter_and_loss_of_the_radio_are_no_congestion(profile: str, picture_bps: float, seed: int) -> None:
    call = _Call(profile, picture_bps, seed)
    call.run(60)
    assert call.estimate.limit_bps is None
    assert call.shown_steps == call.steps


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize(("profile", "picture_bps"), [("edge", 120_000), ("slow3g", 450_000)])
def test_pictures_that_do_not_fit_hold_the_sound_up_a_second_at_most(
    profile: str, picture_bps: float, seed: int
) -> None:
    call = _Call(profile, picture_bps, seed)
    call.run(120)
    assert call.shown_steps < 0.15 * call.steps
    assert call.worst_delay < 1.3


def test_pictures_that_fit_again_come_back() -> None:
    call = _Call("slow3g", 450_000, 1)
    call.run(30)
    call._down = Direction(PROFILES["3g"].down, 1)
    call.run(60)
    before = call.shown_steps, call.steps
    call.run(30)
    assert call.shown_steps - before[0] == call.steps - before[1]


WIDE = Shape(rate_bps=3e6, delay_seconds=0.04, jitter_seconds=0.02, loss=0.005, queue_seconds=0.8)
NARROW = Shape(rate_bps=150e3, delay_seconds=0.04, jitter_seconds=0.02, loss=0.005, queue_seconds=0.8)


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize(
    ("picture_bps", "narrow_seconds", "most_seconds"), [(450_000, 20, 10), (1_200_000, 20, 13), (450_000, 300, 25)]
)
def test_a_picture_is_back_soon_after_its_link(
    picture_bps: float, narrow_seconds: float, most_seconds: float, seed: int
) -> None:
    call = _Call("3g", picture_bps, seed)
    call._down.change(WIDE)
    call.run(20)
    call._down.change(NARROW)
    call.run(narrow_seconds)
    shown = call.shown_steps
    call._down.change(WIDE)
    call.run(most_seconds)
    assert call.shown_steps > shown
    before = call.shown_steps
    call.run(10)
    assert (call.shown_steps - before) * STEP == pytest.approx(10)


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize(("profile", "picture_bps"), [("edge", 120_000), ("slow3g", 450_000)])
def test_probing_disturbs_sound_less_than_growing(profile: str, picture_bps: float, seed: int) -> None:
    def late_share(*, probes: bool) -> float:
        call = _Call(profile, picture_bps, seed, probes=probes)
        call.run(120)
        usual = PROFILES[profile].down.delay_seconds
        return sum(delay > usual + 0.2 for delay in call.delays) / len(call.delays)

    assert late_share(probes=True) < 0.5 * late_share(probes=False)


def test_a_picture_that_is_there_is_not_probed_for() -> None:
    call = _Call("3g", 450_000, 1)
    call.run(20)
    assert call.estimate.limit_bps is None
    assert call.estimate.probe is None
