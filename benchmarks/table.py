"""The tables: medians, spreads and ratios of several runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import median, quantiles

from benchmarks import growth
from benchmarks.loads import Load
from benchmarks.measure import Figures

COLUMNS = (
    "load",
    "server",
    "CPU µs a packet",
    "ours / its",
    "packets/s",
    "lost",
    "delay ms: median",
    "p99",
    "cores",
    "memory MB: idle",
    "loaded",
    "load's cores",
)


def heading(columns: Sequence[str]) -> str:
    """The first two lines of a table."""
    return f"{_line(columns)}\n|{'---|' * len(columns)}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def spread(values: Sequence[float], digits: int = 1) -> str:
    """Median (least to most)."""
    low, middle, high = (f"{value:.{digits}f}" for value in (min(values), median(values), max(values)))
    return middle if len(values) == 1 else f"{middle} ({low} to {high})"


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> str:
    """Ours over theirs, run by run."""
    return spread([mine / other for mine, other in zip(ours, theirs, strict=True)], 2)


def row(load: Load, server: str, found: Sequence[Figures], ours: Sequence[Figures] | None) -> str:
    """One server on one load; `ours` to compare with, unless this is ours."""

    def each(of: Callable[[Figures], float]) -> list[float]:
        return [of(run) for run in found]

    forwarding = [""] * 6
    if load.forwards:
        lost = sum(run.expected - run.received for run in found) / sum(run.expected for run in found)
        packet_us = each(lambda run: run.packet_us)
        forwarding = [
            spread(packet_us),
            ratio([run.packet_us for run in ours], packet_us) if ours else "",
            f"{median(run.received / run.seconds for run in found):.0f}",
            f"{lost:.2%}",
            spread(each(lambda run: run.delay_median_ms), 2),
            spread(each(lambda run: run.delay_p99_ms)),
        ]
    return _line(
        [
            load.text,
            server,
            *forwarding,
            spread(each(lambda run: run.cores), 2),
            f"{median(each(lambda run: run.idle_bytes / 1e6)):.0f}",
            f"{median(each(lambda run: run.loaded_bytes / 1e6)):.0f}",
            f"{median(each(lambda run: run.load_cpu_seconds / run.seconds)):.2f}",
        ]
    )


def middle(values: Sequence[float]) -> str:
    """Median (quarter to three quarters)."""
    low, half, high = quantiles(values, n=4, method="inclusive")
    return f"{half:.0f} ({low:.0f} to {high:.0f})"


def first_frame_row(server: str, waits_ms: Sequence[list[float]], ours_ms: Sequence[list[float]] | None) -> str:
    """One server's joins, run by run, and ours over its."""
    medians = [median(run) for run in waits_ms]
    compared = ratio([median(run) for run in ours_ms], medians) if ours_ms else ""
    return _line([server, middle([wait for run in waits_ms for wait in run]), compared])


def growth_table(found: Mapping[str, growth.Found]) -> str:
    """What a room and a participant cost on each server; empty when no line could be told."""
    columns = {server: growth.costs(runs) for server, runs in found.items()}
    lines = []
    for index, text in enumerate(growth.LINES):
        values = [costs[index] for costs in columns.values()]
        if any(value is not None for value in values):
            lines.append(_line([text, *("" if value is None else f"{value:.3g}" for value in values)]))
    return "\n".join([heading(["each", *columns]), *lines]) if lines else ""
