"""When a doctor is free: weekly hours in a time zone as stretches of UTC, less what is taken. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

Interval = tuple[datetime, datetime]
"""From the first time up to, and not including, the second; both aware UTC."""

DAY = timedelta(days=1)
ONE_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Stretch:
    """A weekly stretch of work: Monday is 0; minutes of the local day, `end_minute` up to 1440."""

    weekday: int
    start_minute: int
    end_minute: int


def free(
    hours: Iterable[Stretch], zone: ZoneInfo, taken: Iterable[Interval], start: datetime, end: datetime
) -> list[Interval]:
    """The working time between `start` and `end` that nothing takes, in order, touching stretches joined."""
    return without(working(hours, zone, start, end), taken)


def working(hours: Iterable[Stretch], zone: ZoneInfo, start: datetime, end: datetime) -> list[Interval]:
    """Every moment between `start` and `end` at which the clock on the doctor's wall is within the hours.

    So an hour that a change of the clocks leaves out is not worked, and one that comes twice is worked twice.
    """
    hours = tuple(hours)
    found: list[Interval] = []
    for since, until, offset in _constant_offsets(zone, start.astimezone(UTC), end.astimezone(UTC)):
        # One day early: a stretch that began before `since` is cut to what is left of it.
        midnight = datetime.combine((since + offset).date(), time(), UTC) - offset
        while midnight < until:
            weekday = (midnight + offset).weekday()
            for stretch in hours:
                if stretch.weekday == weekday:
                    first = max(since, midnight + timedelta(minutes=stretch.start_minute))
                    last = min(until, midnight + timedelta(minutes=stretch.end_minute))
                    found.append((first, last))
            midnight += DAY
    return joined(found)


def joined(intervals: Iterable[Interval]) -> list[Interval]:
    """The same time in order, with overlapping and touching intervals made one and empty ones dropped."""
    whole: list[Interval] = []
    for start, end in sorted(pair for pair in intervals if pair[0] < pair[1]):
        if whole and start <= whole[-1][1]:
            whole[-1] = (whole[-1][0], max(end, whole[-1][1]))
        else:
            whole.append((start, end))
    return whole


def without(intervals: Iterable[Interval], taken: Iterable[Interval]) -> list[Interval]:
    """What is left of `intervals` when `taken` is taken out of them."""
    gaps = joined(taken)
    left: list[Interval] = []
    for start, end in joined(intervals):
        for gap_start, gap_end in gaps:
            if gap_end <= start or end <= gap_start:
                continue
            left.append((start, gap_start))
            start = gap_end
        left.append((start, end))
    return [(start, end) for start, end in left if start < end]


def _constant_offsets(zone: ZoneInfo, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime, timedelta]]:
    """`start` to `end` in pieces through which the zone's distance from UTC stays the same."""
    while start < end:
        offset = _offset(zone, start)
        until = start
        while until < end and _offset(zone, step := min(until + DAY, end)) == offset:
            until = step
        if until < end:
            until = _change(zone, until, min(until + DAY, end))
        yield start, until, offset
        start = until


def _change(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """The second at which the offset changes between two moments on either side of the change."""
    offset = _offset(zone, before)
    while after - before > ONE_SECOND:
        middle = before + timedelta(seconds=(after - before) // ONE_SECOND // 2)
        before, after = (middle, after) if _offset(zone, middle) == offset else (before, middle)
    return after


def _offset(zone: ZoneInfo, at: datetime) -> timedelta:
    return at.astimezone(zone).utcoffset() or timedelta()
