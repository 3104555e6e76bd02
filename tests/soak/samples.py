"""What a server process holds over time, and whether it holds on to anything (pure, but for `take`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

GROWTH = 0.05
REFERENCE_SECONDS = 600.0
"""By then every path has been walked and every cache is warm; of a shorter soak it is a third."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A look at the process: since the start, resident memory, open sockets, asyncio tasks, rooms, people in them."""

    seconds: float
    rss_kib: int
    sockets: int
    tasks: int
    rooms: int
    participants: int


def take(pid: int, seconds: float, *, tasks: int, rooms: int, participants: int) -> Sample:
    """Look at a process of this machine. Raises OSError when it is gone. Linux only."""
    process = Path("/proc") / str(pid)
    status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
    sockets = sum(_is_socket(entry) for entry in (process / "fd").iterdir())
    return Sample(seconds, int(status["VmRSS"].split()[0]), sockets, tasks, rooms, participants)


def _is_socket(descriptor: Path) -> bool:
    try:
        return str(descriptor.readlink()).startswith("socket:")
    except FileNotFoundError:
        return False


def memory_growth(samples: Sequence[Sample]) -> float:
    """By which share the memory of the last tenth exceeds that of as long a time around the reference."""
    whole = samples[-1].seconds
    reference = min(REFERENCE_SECONDS, whole / 3)
    early = [s.rss_kib for s in samples if abs(s.seconds - reference) <= whole / 20]
    late = [s.rss_kib for s in samples if s.seconds >= whole * 0.9]
    return mean(late) / mean(early) - 1


def remains(before: Sample, after: Sample) -> list[str]:
    """What somebody left behind, in sentences; both are of a server that nobody uses."""
    found = []
    if after.rooms or after.participants:
        found.append(f"{after.rooms} rooms with {after.participants} people are left")
    if after.sockets > before.sockets:
        found.append(f"{after.sockets - before.sockets} sockets are left")
    if after.tasks > before.tasks:
        found.append(f"{after.tasks - before.tasks} tasks are left")
    return found


def leftovers(before: Sample, samples: Sequence[Sample], after: Sample) -> list[str]:
    """What is wrong at the end, in sentences; `before` and `after` are of a server that nobody uses."""
    growth = memory_growth(samples)
    found = [f"memory grew by {growth:.1%}"] if growth > GROWTH else []
    found += remains(before, after)
    if not any(sample.participants for sample in samples):
        found.append("nobody ever joined")
    return found
