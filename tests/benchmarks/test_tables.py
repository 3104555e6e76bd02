"""Medians, ratios and what one more costs, from runs made up here."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from benchmarks import growth, measure, table
from benchmarks.loads import LOADS
from benchmarks.measure import Figures

RUN = Figures(
    cpu_seconds=2.0,
    seconds=10.0,
    expected=100_000,
    received=99_000,
    delay_median_ms=1.0,
    delay_p99_ms=4.0,
    load_cpu_seconds=3.0,
    idle_bytes=50_000_000,
    loaded_bytes=90_000_000,
)


def test_the_ratio_is_taken_run_by_run() -> None:
    assert table.ratio([10, 30, 20], [20, 30, 10]) == "1.00 (0.50 to 2.00)"


def test_a_single_run_has_no_spread() -> None:
    assert table.spread([12.34]) == "12.3"


def test_a_row_tells_losses_and_compares_with_ours() -> None:
    load = next(load for load in LOADS if load.name == "visits-10")
    theirs = replace(RUN, cpu_seconds=4.0)
    cells = [cell.strip() for cell in table.row(load, "theirs", [theirs], [RUN]).split("|")[1:-1]]
    assert len(cells) == len(table.COLUMNS)
    row = dict(zip(table.COLUMNS, cells, strict=True))
    assert row["CPU µs a packet"] == "40.4"
    assert row["ours / its"] == "0.50"
    assert row["lost"] == "1.00%"


def test_a_load_that_forwards_nothing_has_no_cost_a_packet() -> None:
    load = next(load for load in LOADS if load.name == "crowd-10")
    cells = table.row(load, "ours", [replace(RUN, expected=0, received=0)], None).split("|")
    assert cells[3].strip() == ""


def test_a_visit_more_costs_the_difference_and_the_core_fills_in_a_straight_line() -> None:
    found = {
        "visits-1": [replace(RUN, cpu_seconds=0.1)],
        "visits-25": [replace(RUN, cpu_seconds=2.5)],
    }
    costs = dict(zip(growth.LINES, growth.costs(found), strict=True))
    assert costs["visits of two until one core is full"] == pytest.approx(100)
    assert costs["viewers of a lecture until one core is full"] is None


def test_a_row_of_first_frames_has_all_joins_and_the_ratio_of_each_run() -> None:
    row = table.first_frame_row("theirs", [[100, 120, 140], [200, 240, 280]], [[60, 60, 60], [240, 240, 300]])
    assert [cell.strip() for cell in row.split("|")[1:-1]] == ["theirs", "170 (125 to 230)", "0.75 (0.50 to 1.00)"]


def test_the_clock_of_a_process_runs_with_its_work() -> None:
    before = measure.cpu_seconds(os.getpid())
    sum(range(100_000))
    assert measure.cpu_seconds(os.getpid()) > before
    assert measure.resident_bytes(os.getpid()) > 1_000_000
