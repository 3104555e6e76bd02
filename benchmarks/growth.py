"""What the loads say together: what a room and a participant cost, and how many of them fill one core."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import median

from benchmarks.loads import LOADS
from benchmarks.measure import Figures

Found = Mapping[str, Sequence[Figures]]
"""The runs of one server by the name of the load."""

LINES = (
    "memory KB: a participant who only listens to the room",
    "memory KB: a room of one",
    "memory KB: a participant of a visit",
    "memory KB: a viewer of a lecture",
    "cores: a visit, from 1 to 10",
    "cores: a visit, from 10 to 25",
    "visits of two until one core is full",
    "viewers of a lecture until one core is full",
)

_PEOPLE = {load.name: load.participants for load in LOADS}
_ROOMS = {load.name: load.rooms for load in LOADS}


def costs(found: Found) -> list[float | None]:
    """A value for each of LINES, None where its loads were not run; the last two are extrapolated."""
    visit = _slope(found, "visits-1", "visits-25", _ROOMS, _cores)
    viewer = _slope(found, "lecture-8", "lecture-100", _PEOPLE, _cores)
    return [
        _slope(found, "crowd-10", "crowd-50", _PEOPLE, _kilobytes),
        _slope(found, "rooms-10", "rooms-50", _ROOMS, _kilobytes),
        _slope(found, "visits-1", "visits-25", _PEOPLE, _kilobytes),
        _slope(found, "lecture-8", "lecture-100", _PEOPLE, _kilobytes),
        _slope(found, "visits-1", "visits-10", _ROOMS, _cores),
        _slope(found, "visits-10", "visits-25", _ROOMS, _cores),
        _until_full(found, "visits-25", _ROOMS, visit),
        _until_full(found, "lecture-100", _PEOPLE, viewer),
    ]


def _kilobytes(run: Figures) -> float:
    return run.loaded_bytes / 1000


def _cores(run: Figures) -> float:
    return run.cores


def _slope(
    found: Found, small: str, large: str, size: Mapping[str, int], of: Callable[[Figures], float]
) -> float | None:
    if not found.get(small) or not found.get(large):
        return None
    grown = median(map(of, found[large])) - median(map(of, found[small]))
    return grown / (size[large] - size[small])


def _until_full(found: Found, largest: str, size: Mapping[str, int], each: float | None) -> float | None:
    if each is None or each <= 0:
        return None
    return size[largest] + (1 - median(map(_cores, found[largest]))) / each
