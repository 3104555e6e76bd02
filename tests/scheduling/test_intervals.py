"""Weekly hours as free time: against a clock on the wall, read minute by minute."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from telemed.scheduling.intervals import Interval, Stretch, free, working
from telemed.scheduling.slots import GRID, on_grid, slot, starts

ZONES = [
    ZoneInfo(name) for name in ("Africa/Nairobi", "Asia/Shanghai", "Europe/Rome", "Africa/Cairo", "Asia/Kathmandu")
]
ALWAYS = [Stretch(weekday, 0, 1440) for weekday in range(7)]

minutes = st.integers(0, 288).map(lambda cell: cell * 5)
stretches = st.builds(
    lambda weekday, pair: Stretch(weekday, min(pair), max(pair)), st.integers(0, 6), st.tuples(minutes, minutes)
)
# Around the changes of the clocks of 2027 in Rome and Cairo, and any other time.
moments = st.sampled_from([(2027, 3, 27), (2027, 10, 30), (2027, 4, 29), (2027, 10, 28), (2026, 12, 31)]).map(
    lambda day: datetime(*day, tzinfo=UTC)
)


def holds(intervals: list[Interval], at: datetime) -> bool:
    return any(start <= at < end for start, end in intervals)


def on_the_wall(hours: list[Stretch], zone: ZoneInfo, at: datetime) -> bool:
    there = at.astimezone(zone)
    minute = there.hour * 60 + there.minute
    return any(s.weekday == there.weekday() and s.start_minute <= minute < s.end_minute for s in hours)


@settings(max_examples=60)
@given(st.lists(stretches, max_size=5), st.sampled_from(ZONES), moments)
def test_a_doctor_works_exactly_when_the_clock_on_the_wall_says_so(
    hours: list[Stretch], zone: ZoneInfo, start: datetime
) -> None:
    end = start + timedelta(days=3)
    found = working(hours, zone, start, end)
    for cell in range(3 * 288):
        at = start + cell * GRID
        assert holds(found, at) == on_the_wall(hours, zone, at), at


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.integers(0, 575), st.integers(1, 40)), max_size=8), moments, st.sampled_from([5, 10, 25, 45])
)
def test_no_slot_overlaps_what_is_taken_or_another_slot(
    taken: list[tuple[int, int]], start: datetime, length: int
) -> None:
    claims = [(start + cell * GRID, start + (cell + size) * GRID) for cell, size in taken]
    end = start + timedelta(days=2)
    open_ = free(ALWAYS, ZoneInfo("Europe/Rome"), claims, start, end)
    begins = list(starts(open_, length, after=start, before=end))
    visits = [(at, at + timedelta(minutes=length)) for at in begins]
    assert all(first_end <= second for (_, first_end), (second, _) in pairwise(visits))
    assert all(end <= claim or claim_end <= at for at, end in visits for claim, claim_end in claims)
    assert all(on_grid(at) == at for at in begins)


def test_hours_to_midnight_and_from_midnight_are_one_stretch() -> None:
    start = datetime(2026, 11, 23, tzinfo=UTC)
    assert free(ALWAYS, ZoneInfo("Asia/Shanghai"), [], start, start + timedelta(days=9)) == [
        (start, start + timedelta(days=9))
    ]


def test_the_hour_that_summer_time_leaves_out_is_not_worked_and_the_one_that_comes_twice_is() -> None:
    night = [Stretch(6, 120, 180)]  # Sunday 02:00 to 03:00
    rome = ZoneInfo("Europe/Rome")
    spring, autumn = datetime(2027, 3, 27, tzinfo=UTC), datetime(2027, 10, 30, tzinfo=UTC)
    assert working(night, rome, spring, spring + timedelta(days=2)) == []
    assert working(night, rome, autumn, autumn + timedelta(days=2)) == [
        (datetime(2027, 10, 31, 0, tzinfo=UTC), datetime(2027, 10, 31, 2, tzinfo=UTC))
    ]


def test_a_slot_reads_as_both_clocks_show_it() -> None:
    shown = slot(
        datetime(2026, 11, 24, 17, 30, tzinfo=UTC),
        10,
        hers=ZoneInfo("Africa/Nairobi"),
        doctors=ZoneInfo("Asia/Shanghai"),
    )
    assert (shown.hers.date, shown.hers.time) == ("2026-11-24", "20:30")
    assert (shown.doctors.date, shown.doctors.time) == ("2026-11-25", "01:30")


def test_time_passing_does_not_move_the_slots_that_are_left() -> None:
    start = datetime(2026, 11, 24, tzinfo=UTC)
    day = [(start, start + timedelta(days=1))]
    now = start + timedelta(hours=8, minutes=1)
    begins = list(starts(day, 25, after=now, before=start + timedelta(days=1)))
    assert begins[0] == start + timedelta(minutes=20 * 25)
    assert all((at - start) % timedelta(minutes=25) == timedelta() for at in begins)
