"""What calls were like, run by run, and whether one server's are worse than another's (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

MEASURES = {
    "concealed_percent": (0, 1),
    "frames_per_second": (1, 1),
    "shown_per_second": (1, 1),
    "freezes": (0, 0),
    "frozen_seconds": (0, 1),
}
"""Each measure of a receiver: whether more is better, and decimals.

Frames are counted where they are decoded, and where they are shown: of those that are decoded together after a wait for
one of them, only the last is.
"""


MOVING_PER_SECOND = 1.0
"""Fewer pictures are a row of stills: a browser takes for a freeze what lasts three times the usual wait for a picture
(webrtc-stats, freezeCount), and so finds ever fewer, the fewer pictures come."""


@dataclass(frozen=True, slots=True)
class Run:
    """One call: by side ("phone" behind the link, "desk" outside) what its receiver measured."""

    profile: str
    server: str
    seed: int
    sides: Mapping[str, Mapping[str, float]]


def difference(before: Mapping[str, Any], after: Mapping[str, Any], seconds: float) -> dict[str, float]:
    """What a receiver measured between two looks at its counters (webrtc-stats), by the names of MEASURES.

    A track that never came counts as silence, and one of hardly any pictures as frozen throughout. How often a picture
    froze is not told of one that did not move.
    """

    def grown(source: str, counter: str) -> float:
        return float(after.get(source, {}).get(counter) or 0) - float(before.get(source, {}).get(counter) or 0)

    samples = grown("microphone", "totalSamplesReceived")
    frames = grown("camera", "framesDecoded")
    found = {
        "concealed_percent": 100 * grown("microphone", "concealedSamples") / samples if samples > 0 else 100.0,
        "frames_per_second": frames / seconds,
        "shown_per_second": grown("camera", "framesShown") / seconds,
    }
    if frames < MOVING_PER_SECOND * seconds:
        return found | {"frozen_seconds": seconds}
    # A freeze is only counted once it ends.
    return found | {
        "freezes": grown("camera", "freezeCount"),
        "frozen_seconds": grown("camera", "totalFreezesDuration"),
    }


@dataclass(frozen=True, slots=True)
class Summary:
    """The median of some runs, and half of the range they lie in."""

    median: float
    spread: float


def summarise(values: Iterable[float]) -> Summary:
    """Sum up at least one value."""
    found = sorted(values)
    return Summary(median(found), (found[-1] - found[0]) / 2)


def verdict(ours: Summary, theirs: Summary, *, more_is_better: bool) -> str:
    """`better` or `worse` when the medians lie further apart than either server's own runs, else `same`."""
    gain = ours.median - theirs.median if more_is_better else theirs.median - ours.median
    margin = max(ours.spread, theirs.spread)
    if gain > margin:
        return "better"
    return "worse" if gain < -margin else "same"


def table(runs: list[Run]) -> str:
    """A Markdown table: a line for each profile, side and measure, with every server that ran there."""
    servers = sorted({run.server for run in runs}, key=lambda server: (not server.startswith("ours"), server))
    rivals = [server for server in servers if server != "livekit"]
    lines = [
        "| profile | side | measure | " + " | ".join((*servers, *(f"{server} is" for server in rivals))) + " |",
        "|" + "---|" * (3 + len(servers) + len(rivals)),
    ]
    for profile in dict.fromkeys(run.profile for run in runs):
        for side in ("phone", "desk"):
            lines += [_line(runs, profile, side, measure, servers, rivals) for measure in MEASURES]
    return "\n".join(lines)


def _line(runs: list[Run], profile: str, side: str, measure: str, servers: list[str], rivals: list[str]) -> str:
    more_is_better, decimals = MEASURES[measure]
    found: dict[str, Summary] = {}
    for server in servers:
        # Finer than what is shown is finer than what the counters tell.
        matching = [run for run in runs if (run.profile, run.server) == (profile, server)]
        values = [round(run.sides[side][measure], decimals) for run in matching if measure in run.sides[side]]
        if values:
            found[server] = summarise(values)
    cells = [
        f"{found[server].median:.{decimals}f} ± {found[server].spread:.{decimals}f}" if server in found else ""
        for server in servers
    ]
    verdicts = [
        verdict(found[server], found["livekit"], more_is_better=bool(more_is_better))
        if server in found and "livekit" in found
        else ""
        for server in rivals
    ]
    return "| " + " | ".join((profile, side, measure.replace("_", " "), *cells, *verdicts)) + " |"
