"""`python -m benchmarks`: run the chosen loads on the chosen servers in turn, and print what came of it."""

from __future__ import annotations

import argparse
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from benchmarks import first_frame, measure, profile, table
from benchmarks.loads import LOADS, Load
from benchmarks.measure import Figures
from benchmarks.servers import SERVERS, Server, running

FIRST_FRAME = "first-frame"


def _names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    known = ", ".join([*(load.name for load in LOADS), FIRST_FRAME])
    parser.add_argument("--only", type=_names, default=[], help=f"with commas between: {known}")
    parser.add_argument("--servers", type=_names, default=[], help=", ".join(server.name for server in SERVERS))
    parser.add_argument("--runs", type=int, default=5, help="how often each; servers take turns")
    parser.add_argument("--profile", action="store_true", help="also profile our server during the window")
    return parser.parse_args()


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _present(wanted: list[str]) -> list[Server]:
    present = []
    for server in SERVERS:
        if not wanted or server.name in wanted:
            missing = server.missing()
            if missing:
                _say(f"Left out: {server.text}; {missing}.")
            else:
                present.append(server)
    return present


def _order(servers: list[Server], run: int) -> list[Server]:
    """A B B A: whatever drifts in the machine meets all alike."""
    return servers if run % 2 == 0 else servers[::-1]


def _run(load: Load, servers: list[Server], runs: int, is_profiled: bool) -> dict[str, list[Figures]]:
    compared = [server for server in servers if server.name != "janus" or load.forwards]
    found: dict[str, list[Figures]] = {server.name: [] for server in compared}

    def measured(server: Server, run: int) -> Figures:
        with running(server) as started:
            during = profile.starter(started, load) if is_profiled and server.name == "ours" else None
            return measure.measure(started, load, run, during)

    # What a wake-up costs changes twofold within a minute, with what else the hardware does.
    with ThreadPoolExecutor(len(compared) if load.at_once else 1) as pool:
        for run in range(runs):
            order = _order(compared, run)
            for server, figures in zip(order, pool.map(measured, order, [run] * len(order)), strict=True):
                found[server.name].append(figures)
    return found


def _loads(servers: list[Server], loads: list[Load], arguments: argparse.Namespace) -> None:
    if not loads:
        return
    if not shutil.which("go"):
        _say("Left out: every load; it is a Go program, and Go is not installed.")
        return
    measure.build()
    _say(
        f"\nEach run: a fresh server on one core, the load on another, {measure.WARM_UP_SECONDS} s to warm up, "
        f"{measure.WINDOW_SECONDS} s measured; {arguments.runs} runs in turn: median (least to most). A packet is one "
        "that a subscriber received; delay is from the publisher's write to the subscriber's read. One visit is "
        "measured on all servers at the same time.\n"
    )
    _say(table.heading(table.COLUMNS))
    grown: dict[str, dict[str, list[Figures]]] = {server.name: {} for server in servers}
    for load in loads:
        try:
            found = _run(load, servers, arguments.runs, arguments.profile)
        except RuntimeError as problem:
            _say(f"| {load.text} | left out: {problem} |")
            continue
        for server in servers:
            if server.name in found:
                grown[server.name][load.name] = found[server.name]
                ours = found.get("ours") if server.name != "ours" else None
                _say(table.row(load, server.text, found[server.name], ours))
    _say("\n" + table.growth_table(grown))


def _first_frames(servers: list[Server], runs: int) -> None:
    if missing := first_frame.missing():
        _say(f"Left out: the first frame; {missing}.")
        return
    first_frame.build()
    _say(
        f"\nFrom connect() to the first painted frame in Chromium, on loopback; the servers run side by side, and "
        f"{runs} times {first_frame.JOINS} people join each in turn: median (quarter to three quarters) of all joins, "
        "and of each time's medians the ratio.\n"
    )
    _say(table.heading(["server", "ms", "ours / its"]))
    # Chromium wants every core, so the servers are not pinned; Janus has no livekit-client.
    browsed = [server for server in servers if server.name in ("ours", "livekit")]
    found: dict[str, list[list[float]]] = {server.name: [] for server in browsed}
    for run in range(runs):
        with ExitStack() as stack:
            order = _order(browsed, run)
            started = [stack.enter_context(running(server, is_pinned=False)) for server in order]
            for name, waits in first_frame.first_frames_ms(started).items():
                found[name].append(waits)
    for server in browsed:
        ours = found.get("ours") if server.name != "ours" else None
        _say(table.first_frame_row(server.text, found[server.name], ours))


def main() -> int:
    """Read the arguments, run, print."""
    arguments = _arguments()
    servers = _present(arguments.servers)
    _loads(servers, [load for load in LOADS if not arguments.only or load.name in arguments.only], arguments)
    if not arguments.only or FIRST_FRAME in arguments.only:
        _first_frames(servers, arguments.runs)
    return 0


if __name__ == "__main__":
    sys.exit(main())
