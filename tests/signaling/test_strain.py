"""When pictures give way to sound on the way up, over the mobile links of tests/networks."""

from __future__ import annotations

import pytest

from signaling.sfu.link.bandwidth import NO_LIMIT
from signaling.sfu.receiving.strain import FIRST_HOLD_SECONDS, SHORT_HOLD_SECONDS, START_BPS, Strain
from tests.networks.link import Direction, Shape
from tests.networks.profiles import PROFILES

STEP = 0.02
SOUND_BYTES = 100
SOUND_BPS = 8 * SOUND_BYTES / STEP
PICTURE_BYTES = 500
ELSEWHERE = -700.0
"""What a sender's timestamps begin with."""


class _Phone:
    """Sends sound each 20 ms and pictures unless told not to; listens once each 100 ms, as the server does."""

    def __init__(self, profile: str, seed: int = 1) -> None:
        self.strain = Strain()
        self.silent_seconds = self.now = 0.0
        self.link = Direction(PROFILES[profile].up, seed)
        self._arrivals: list[tuple[float, float, int]] = []
        self._received = self._spoken = 0
        self._due = 0.0
        self._octets: list[tuple[float, int]] = []
        self._taken = 0

    def run(self, seconds: float, picture_bps: float) -> None:
        for step in range(round(seconds / STEP)):
            self.now += STEP
            arrival = self.link.arrival(SOUND_BYTES, self.now)
            self._spoken += 1
            if arrival is not None:
                self._arrivals.append((arrival, arrival - self.now + ELSEWHERE, self._spoken))
                self._octets.append((arrival, SOUND_BYTES))
            if self.strain.is_yielding:
                self.silent_seconds += STEP
            else:
                self._due += picture_bps / 8 * STEP
            while self._due >= PICTURE_BYTES:
                self._due -= PICTURE_BYTES
                arrival = self.link.arrival(PICTURE_BYTES, self.now)
                if arrival is not None:
                    self._octets.append((arrival, PICTURE_BYTES))
            if step % 5 == 0:
                self._listen()

    def _listen(self) -> None:
        here = [arrived for arrived in self._arrivals if arrived[0] <= self.now]
        del self._arrivals[: len(here)]
        self._received += len(here)
        if here:
            _, transit, expected = here[-1]
            self.strain.heard(transit, self.now, expected=expected, received=self._received)
        self._taken += sum(octets for at, octets in self._octets if at <= self.now)
        self._octets = [(at, octets) for at, octets in self._octets if at > self.now]
        self.strain.judge(self.now, self._taken)


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize(("profile", "picture_bps"), [("slow3g", 120_000), ("3g", 500_000), ("lossy4g", 1_500_000)])
def test_pictures_that_fit_stay(profile: str, picture_bps: float, seed: int) -> None:
    phone = _Phone(profile, seed)
    phone.run(120, picture_bps)
    assert phone.silent_seconds == 0


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_pictures_that_do_not_fit_give_way_for_ever_longer(seed: int) -> None:
    phone = _Phone("edge", seed)
    phone.run(8, 40_000)
    assert phone.strain.is_yielding
    phone.run(300, 40_000)
    assert phone.silent_seconds > 0.85 * 300


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_queue_that_was_full_from_the_start_is_told_by_what_it_drops(seed: int) -> None:
    phone = _Phone("edge", seed)
    # What fills the queue is no sound, and leaves no room for any: 3 s of it in a queue of 2.5 s.
    for _ in range(40):
        phone.link.arrival(PICTURE_BYTES, 0.0)
    phone.run(12, 60_000)
    assert phone.strain.is_yielding


def test_one_short_queue_is_left_to_the_senders_own_estimate() -> None:
    phone = _Phone("slow3g")
    phone.run(5, 100_000)
    phone.run(1, 300_000)
    phone.run(10, 50_000)
    assert phone.silent_seconds == 0


def test_a_browser_that_begins_with_too_much_is_left_to_find_out_on_a_link_that_is_wide() -> None:
    for profile, gives_way in (("slow3g", False), ("edge", True)):
        phone = _Phone(profile)
        phone.run(0.5, 0)
        phone.run(2.5, 300_000)
        phone.run(3, 30_000)
        assert phone.strain.is_yielding is gives_way


def test_where_a_small_picture_fits_its_sender_has_time_to_find_out() -> None:
    phone = _Phone("slow3g")
    phone.run(5, 100_000)
    phone.run(6, 220_000)
    phone.run(30, 80_000)
    assert phone.silent_seconds == 0
    phone.run(12, 300_000)
    assert phone.strain.is_yielding


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize(("picture_bps", "gives_way"), [(14_000, False), (22_000, True)])
def test_pictures_stay_while_a_queue_is_drained_however_slowly(picture_bps: float, gives_way: bool, seed: int) -> None:
    phone = _Phone("edge", seed)
    phone.run(3, 10_000)
    phone.run(2, 40_000)
    phone.run(7, picture_bps)
    assert phone.strain.is_yielding is gives_way


class _Sender:
    """Its sound is as late as the test says, and as much arrives."""

    def __init__(self) -> None:
        self.strain = Strain()
        self.now = self._octets = 0.0
        self._spoken = self._received = 0
        self.run(2, bps=40_000)

    def run(self, seconds: float, *, late: float = 0.0, bps: float, lost: int = 0, has_pictures: bool = True) -> None:
        for _ in range(round(seconds * 10)):
            self.now += 0.1
            self._octets += bps / 80
            self._spoken += 10
            self._received += 10 - lost
            self.strain.heard(late, self.now, expected=self._spoken, received=self._received)
            self.strain.judge(self.now, int(self._octets), has_pictures=has_pictures)

    def wait(self, seconds: float, *, bps: float) -> None:
        """Without sound."""
        for _ in range(round(seconds * 10)):
            self.now += 0.1
            self._octets += bps / 80
            self.strain.judge(self.now, int(self._octets))

    @property
    def ceiling_bps(self) -> float:
        return self.strain.ceiling_bps


def test_who_is_far_away_is_measured_before_sound_is_held_up() -> None:
    phone = _Phone("edge")
    phone.strain.begin(0.5, 0.0)
    phone.run(3, 10_000)
    told = phone.strain.ceiling_bps
    while phone.strain.ceiling_bps >= told:
        phone.run(0.1, 30_000)
    assert phone.now < 6
    phone.run(20, 10_000)
    assert phone.silent_seconds == 0


def test_a_short_queue_says_nothing_of_a_link_that_seemed_wide() -> None:
    sender = _Sender()
    sender.run(3, late=0.25, bps=50_000)
    sender.run(1, bps=50_000)
    assert sender.ceiling_bps == NO_LIMIT


def test_a_short_queue_says_nothing_of_a_link_that_carries_much() -> None:
    sender = _Sender()
    sender.strain.begin(0.5, sender.now)
    sender.run(3, bps=120_000)
    told = sender.ceiling_bps
    assert told < NO_LIMIT
    sender.run(3, late=0.25, bps=120_000)
    assert sender.ceiling_bps >= told


@pytest.mark.parametrize(("late", "bps", "grows"), [(0.05, 48_000, True), (0.15, 48_000, False), (0.05, 28_000, False)])
def test_a_ceiling_grows_while_it_is_used_and_sound_comes_in_time(late: float, bps: float, *, grows: bool) -> None:
    sender = _Sender()
    sender.run(1.5, late=late, bps=bps)
    sender.strain.begin(0.5, sender.now)
    sender.run(1.5, late=late, bps=bps)
    assert (sender.ceiling_bps > START_BPS) is grows


def test_a_small_picture_is_enough_to_show_that_a_far_link_is_wide() -> None:
    sender = _Sender()
    sender.strain.begin(0.5, sender.now)
    sender.run(30, bps=110_000)
    assert not sender.strain.may_be_narrow


def test_a_ceiling_does_not_grow_while_pictures_give_way() -> None:
    sender = _Sender()
    sender.strain.begin(1.0, sender.now)
    told = sender.ceiling_bps
    sender.run(10, bps=40_000)
    assert sender.strain.is_yielding
    assert sender.ceiling_bps == told


def test_each_strain_is_measured_once_the_one_before_is_over() -> None:
    sender = _Sender()
    found = []
    for bps in (60_000, 40_000):
        sender.run(2.5, late=0.5, bps=bps)
        found.append(sender.ceiling_bps)
        # What comes while it is drained is no measure.
        sender.run(3, late=0.25, bps=20_000)
        assert sender.ceiling_bps == found[-1]
        sender.run(2, bps=20_000)
    assert found == [pytest.approx(45_000, rel=0.2), pytest.approx(30_000, rel=0.2)]


@pytest.mark.parametrize(("bps", "has_pictures"), [(150_000, True), (30_000, False)])
def test_a_strain_is_measured_although_the_queue_before_it_could_not_be(bps: float, *, has_pictures: bool) -> None:
    sender = _Sender()
    sender.strain.begin(0.5, sender.now)
    sender.run(1.5, late=0.25, bps=bps, has_pictures=has_pictures)
    sender.run(1.5, late=0.25, bps=40_000)
    sender.run(2, late=0.6, bps=40_000)
    assert sender.ceiling_bps == pytest.approx(30_000, rel=0.05)


def test_a_strain_is_not_measured_again_when_the_queue_before_it_was() -> None:
    sender = _Sender()
    sender.strain.begin(0.5, sender.now)
    sender.run(2, late=0.25, bps=60_000)
    told = sender.ceiling_bps
    assert told < 1.1 * 45_000
    sender.run(3, late=0.6, bps=40_000)
    assert sender.ceiling_bps == told


def test_a_queue_that_is_drained_too_slowly_has_pictures_give_way_in_the_end() -> None:
    sender = _Sender()
    late, began_at = 0.78, sender.now
    while not sender.strain.is_yielding and sender.now < began_at + 20:
        sender.run(1, late=late, bps=50_000)
        late -= 0.04
    assert 10 <= sender.now - began_at < 13


def test_losses_before_a_silence_hold_nothing_up_after_it() -> None:
    sender = _Sender()
    sender.run(1, bps=40_000, lost=8)
    sender.wait(5, bps=40_000)
    assert sender.strain.is_yielding
    sender.wait(SHORT_HOLD_SECONDS, bps=40_000)
    assert not sender.strain.is_yielding


def test_what_was_decided_of_a_queue_that_went_stands_when_the_microphone_is_changed() -> None:
    sender = _Sender()
    sender.run(4, late=0.9, bps=60_000)
    assert sender.strain.is_yielding
    told = sender.ceiling_bps
    sender.run(5, late=0.15, bps=20_000)
    sender.strain.forget_delay()
    assert (sender.strain.is_yielding, sender.ceiling_bps) == (True, told)


def test_what_was_decided_of_a_changed_microphone_does_not_stand() -> None:
    sender = _Sender()
    sender.run(4, late=0.9, bps=60_000)
    assert sender.strain.is_yielding
    sender.strain.forget_delay()
    assert (sender.strain.is_yielding, sender.strain.is_narrow, sender.ceiling_bps) == (False, False, NO_LIMIT)
    # And is not taken back a second time.
    sender.strain.begin(0.5, sender.now)
    told = sender.ceiling_bps
    sender.strain.forget_delay()
    assert sender.ceiling_bps == told


def test_another_tracks_clock_leaves_nothing_to_be_taken_back() -> None:
    sender = _Sender()
    sender.run(2.5, late=0.5, bps=60_000)
    told = sender.ceiling_bps
    assert told < NO_LIMIT
    sender.strain.heard(100.0, sender.now, expected=1, received=1)
    sender.strain.forget_delay()
    assert sender.ceiling_bps == told


def test_pictures_come_back_when_the_link_has_widened() -> None:
    phone = _Phone("edge")
    phone.run(8, 40_000)
    phone.link = Direction(PROFILES["slow3g"].up, 1)
    phone.run(FIRST_HOLD_SECONDS + 2, 40_000)
    assert not phone.strain.is_yielding
    before = phone.silent_seconds
    phone.run(60, 40_000)
    assert phone.silent_seconds == before


def test_a_narrow_link_is_measured_and_its_publisher_told_little_by_little_of_more() -> None:
    phone = _Phone("edge")
    assert phone.strain.ceiling_bps == NO_LIMIT
    phone.run(3, 60_000)
    told = phone.strain.ceiling_bps
    capacity = PROFILES["edge"].up.rate_bps
    assert 0.4 * capacity < told < 0.8 * capacity
    phone.run(60, 0)
    assert told < phone.strain.ceiling_bps < 3 * told


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_link_that_widens_has_no_limit_soon(seed: int) -> None:
    phone = _Phone("edge", seed)
    phone.run(8, 100_000)
    phone.run(SHORT_HOLD_SECONDS + 4, 0)
    assert phone.strain.ceiling_bps < PROFILES["edge"].up.rate_bps
    assert phone.strain.is_narrow
    phone.link = Direction(PROFILES["3g"].up, seed)
    widened_at = phone.now
    while phone.strain.may_be_narrow and phone.now < widened_at + 60:
        # An encoder makes a little less than it may.
        phone.run(0.1, 0.9 * phone.strain.ceiling_bps - SOUND_BPS)
    assert phone.now - widened_at < 45
    assert not phone.strain.is_yielding
    assert not phone.strain.is_narrow


def test_a_silence_measures_no_link_either() -> None:
    phone = _Phone("3g")
    phone.run(5, 300_000)
    # A tunnel: nothing comes for two seconds, and then what was said in it, late.
    queue, phone.link = phone.link, Direction(Shape(delay_seconds=2.0), 1)
    phone.run(1.9, 0)
    phone.link = queue
    for _ in range(50):
        phone.run(0.1, 300_000)
        assert phone.strain.ceiling_bps == NO_LIMIT
        assert not phone.strain.is_yielding


def test_sound_alone_measures_no_link() -> None:
    strain = Strain()
    for step in range(100):
        strain.heard(step * 0.01, step * 0.1, expected=5 * step, received=5 * step)
        strain.judge(step * 0.1, step * 300, has_pictures=False)
    assert strain.ceiling_bps == NO_LIMIT


def test_where_a_small_picture_fits_beside_a_voice_the_next_try_comes_soon() -> None:
    phone = _Phone("edge")
    phone.run(8, 100_000)
    assert phone.strain.is_yielding
    phone.run(SHORT_HOLD_SECONDS + 4, 0)
    assert not phone.strain.is_yielding


def test_who_is_far_away_begins_with_little_and_soon_has_no_limit() -> None:
    strain = Strain()
    strain.begin(0.1, 0.0)
    assert (strain.ceiling_bps, strain.may_be_narrow) == (NO_LIMIT, False)
    strain.begin(0.5, 0.0)
    assert (strain.ceiling_bps, strain.may_be_narrow) == (START_BPS, True)
    octets = 0.0
    for step in range(300):
        # A voice alone at first, then pictures as large as they may be.
        octets += 250 if step < 150 else strain.ceiling_bps / 80
        strain.judge(step * 0.1, int(octets))
        if step == 149:
            assert strain.ceiling_bps < 1.1 * START_BPS
        if not strain.may_be_narrow:
            break
    assert 150 + 40 < step < 150 + 100


def test_who_is_very_far_away_begins_with_sound_alone() -> None:
    phone = _Phone("edge")
    phone.strain.begin(1.2, phone.now)
    assert phone.strain.is_narrow
    assert phone.strain.is_narrowest
    phone.run(2 * FIRST_HOLD_SECONDS - 1, 40_000)
    assert phone.silent_seconds == pytest.approx(2 * FIRST_HOLD_SECONDS - 1)
    phone.run(3, 40_000)
    assert not phone.strain.is_yielding
    # Where that was too much, the next wait is twice as long.
    phone.run(10, 40_000)
    assert phone.strain.is_yielding
    before = phone.silent_seconds
    phone.run(100, 40_000)
    assert phone.silent_seconds > before + 3 * FIRST_HOLD_SECONDS


def test_who_was_thought_very_far_away_is_not_once_more_gets_through() -> None:
    phone = _Phone("3g")
    phone.strain.begin(1.2, phone.now)
    phone.run(2 * FIRST_HOLD_SECONDS + 1, 0)
    phone.run(30, 150_000)
    assert not phone.strain.is_narrowest
    assert not phone.strain.is_narrow


@pytest.mark.parametrize(
    ("second_seconds", "is_held_back", "may_be_narrow"),
    [(1.2, True, True), (0.8, True, True), (0.7, False, True), (0.1, False, False)],
)
def test_who_seemed_far_away_only_because_an_answer_was_lost_is_not(
    second_seconds: float, *, is_held_back: bool, may_be_narrow: bool
) -> None:
    strain = Strain()
    strain.begin(1.7, 0.0)
    strain.come_nearer(second_seconds)
    strain.judge(0.1, 0)
    assert (strain.is_yielding, strain.is_narrow, strain.is_narrowest) == (is_held_back,) * 3
    assert strain.may_be_narrow is may_be_narrow


def test_another_tracks_clock_is_no_queue() -> None:
    strain = Strain()
    for transit in (5.0, 90_000.0):
        for step in range(50):
            strain.heard(transit, step * 0.1, expected=step, received=step)
            strain.judge(step * 0.1, step * 600)
    assert not strain.is_yielding


def test_without_sound_nothing_is_held_up() -> None:
    strain = Strain()
    for step in range(50):
        strain.judge(step * 0.1, step * 600)
    assert not strain.is_yielding


def test_pictures_come_back_when_there_is_no_microphone_any_more() -> None:
    phone = _Phone("edge")
    phone.run(8, 40_000)
    assert phone.strain.is_yielding
    octets = phone._taken
    for step in range(round(FIRST_HOLD_SECONDS) * 10 + 50):
        # Little else comes meanwhile.
        octets += 10
        phone.strain.judge(phone.now + step * 0.1, octets)
    assert not phone.strain.is_yielding
