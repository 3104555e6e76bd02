"""Rows of the table: medians, spreads and ratios of several runs."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median

from benchmarks.loads import Load
from benchmarks.measure import Figures
from benchmarks.servers import Server

COLUMNS = (
    "load",
    "server",
    "CPU µs a packet",
    "ours / its",
    "packets/s",
    "lost",
    "delay ms: median, p99",
    "cores",
    "memory MB: idle, loaded",
)


def head() -> str:
    """The first two lines."""
    return f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}"


def spread(values: list[float], digits: int = 1) -> str:
    """Median (least to most)."""
    low, middle, high = (f"{value:.{digits}f}" for value in (min(values), median(values), max(values)))
    return middle if len(values) == 1 else f"{middle} ({low} to {high})"


def ratios(ours: list[Figures], theirs: list[Figures], of: Callable[[Figures], float]) -> str:
    """Ours over theirs, run by run."""
    return spread([of(a) / of(b) for a, b in zip(ours, theirs, strict=True)], 2)


def row(load: Load, server: Server, found: list[Figures], ours: list[Figures] | None) -> str:
    """One server on one load."""
    megabytes = [[run.idle_bytes / 1e6 for run in found], [run.loaded_bytes / 1e6 for run in found]]
    memory = ", ".join(f"{median(values):.0f}" for values in megabytes)
    cells = [load.text, server.text]
    if load.forwards:
        lost = sum(run.expected - run.received for run in found) / sum(run.expected for run in found)
        delay = f"{median(r.delay_median_ms for r in found):.2f}, {median(r.delay_p99_ms for r in found):.1f}"
        cells += [
            spread([run.packet_us for run in found]),
            ratios(ours, found, lambda run: run.packet_us) if ours and ours is not found else "",
            f"{median(run.received / run.seconds for run in found):.0f}",
            f"{lost:.2%}",
            delay,
        ]
    else:
        cells += [""] * 5
    cells += [spread([run.cores for run in found], 2), memory]
    return f"| {' | '.join(cells)} |"
