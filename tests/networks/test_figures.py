"""Sums and verdicts of the measured calls."""

from __future__ import annotations

import pytest

from tests.networks.figures import Run, Summary, difference, summarise, table, verdict


def test_a_receiver_is_measured_between_two_looks() -> None:
    before = {"microphone": {"totalSamplesReceived": 48_000, "concealedSamples": 4_800}, "camera": {}}
    after = {
        "microphone": {"totalSamplesReceived": 528_000, "concealedSamples": 9_600},
        "camera": {"framesDecoded": 150, "framesShown": 140, "freezeCount": 2, "totalFreezesDuration": 1.5},
    }
    expected = {"frames_per_second": 15.0, "shown_per_second": 14.0, "freezes": 2, "frozen_seconds": 1.5}
    assert difference(before, after, 10) == pytest.approx(expected | {"concealed_percent": 1.0})


def test_what_never_came_is_silence_and_a_still() -> None:
    found = difference({}, {}, 10)
    assert found["concealed_percent"] == 100
    assert (found["frames_per_second"], found["shown_per_second"], found["frozen_seconds"]) == (0, 0, 10)


def test_freezes_are_not_told_of_what_never_moved() -> None:
    still, moving = difference({}, {}, 10), difference({}, {"camera": {"framesDecoded": 150, "freezeCount": 2}}, 10)
    runs = [
        Run("edge", server, 1, {"phone": side, "desk": still})
        for server, side in (("ours", moving), ("livekit", still))
    ]
    lines = [line for line in table(runs).splitlines() if "| freezes |" in line]
    assert lines == ["| edge | phone | freezes | 2 ± 0 |  |  |", "| edge | desk | freezes |  |  |  |"]


def test_a_row_of_stills_is_frozen_throughout() -> None:
    found = difference({}, {"camera": {"framesDecoded": 9, "freezeCount": 1, "totalFreezesDuration": 6.5}}, 10)
    assert "freezes" not in found
    assert (found["frames_per_second"], found["frozen_seconds"]) == (0.9, 10)


def test_the_median_stands_for_the_runs() -> None:
    assert summarise([9.0, 1.0, 2.0]) == Summary(2.0, 4.0)


@pytest.mark.parametrize(
    ("ours", "theirs", "more_is_better", "expected"),
    [
        (Summary(10, 1), Summary(15, 4), False, "better"),
        (Summary(10, 1), Summary(15, 4), True, "worse"),
        (Summary(10, 6), Summary(15, 4), True, "same"),
        (Summary(0, 0), Summary(0, 0), True, "same"),
    ],
)
def test_only_a_difference_beyond_the_spread_counts(
    ours: Summary, theirs: Summary, more_is_better: bool, expected: str
) -> None:
    assert verdict(ours, theirs, more_is_better=more_is_better) == expected


def test_the_table_has_a_line_for_each_measure_of_each_side() -> None:
    side = {"concealed_percent": 3.0, "frames_per_second": 20.0, "shown_per_second": 20.0}
    side |= {"freezes": 1.0, "frozen_seconds": 0.5}
    worse = {**side, "concealed_percent": 8.0}
    runs = [
        Run("edge", "livekit", 1, {"phone": worse, "desk": side}),
        Run("edge", "ours", 1, {"phone": side, "desk": side}),
    ]
    lines = table(runs).splitlines()
    assert len(lines) == 2 + 10
    assert lines[0] == "| profile | side | measure | ours | livekit | ours is |"
    assert lines[2] == "| edge | phone | concealed percent | 3.0 ± 0.0 | 8.0 ± 0.0 | better |"


def test_a_difference_that_is_not_shown_is_none() -> None:
    def run(server: str, frozen_seconds: float) -> Run:
        figures = {**difference({}, {}, 25.0), "freezes": 0.0, "frozen_seconds": frozen_seconds}
        return Run("gprs", server, 1, {"phone": figures, "desk": figures})

    lines = table([run("ours", 25.008), run("livekit", 25.0)]).splitlines()[2:]
    assert all(line.endswith("| same |") for line in lines)
