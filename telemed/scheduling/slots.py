"""Free time cut into visits that begin on the five-minute grid, and how a time reads on somebody's wall. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from telemed.scheduling.intervals import Interval

GRID = timedelta(minutes=5)
"""Claims are stored in cells of this length, so every visit begins and ends on it."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Local:
    """A time as the clock of a zone shows it: date YYYY-MM-DD, time HH:MM."""

    date: str
    time: str
    zone: str


@dataclass(frozen=True, slots=True)
class Slot:
    """A visit that could be, in UTC and on both clocks."""

    starts_at: datetime
    ends_at: datetime
    hers: Local
    doctors: Local


def starts(free: Iterable[Interval], minutes: int, *, after: datetime, before: datetime) -> Iterator[datetime]:
    """When visits of `minutes` could begin, one after the other, from `after` on and earlier than `before`."""
    length = timedelta(minutes=minutes)
    for start, end in free:
        at = on_grid(start)
        if at < after:
            # Whole visits, so that what was shown a minute ago is still among what is shown now.
            at += -((at - after) // length) * length
        while at + length <= end and at < before:
            yield at
            at += length


def on_grid(at: datetime) -> datetime:
    """The first moment of the grid that is not before `at`."""
    return at + (EPOCH - at) % GRID


def local(at: datetime, zone: ZoneInfo) -> Local:
    """`at` on the clock of `zone`."""
    there = at.astimezone(zone)
    return Local(there.strftime("%Y-%m-%d"), there.strftime("%H:%M"), zone.key)


def slot(starts_at: datetime, minutes: int, *, hers: ZoneInfo, doctors: ZoneInfo) -> Slot:
    """The visit of `minutes` from `starts_at`."""
    ends_at = starts_at + timedelta(minutes=minutes)
    return Slot(starts_at, ends_at, local(starts_at, hers), local(starts_at, doctors))
