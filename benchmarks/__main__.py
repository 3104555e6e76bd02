"""`python -m benchmarks`: run the chosen loads on the chosen servers in turn, and print what came of it."""

from __future__ import annotations

import argparse
import shutil
import sys

from benchmarks import measure, profile, table
from benchmarks.loads import LOADS, Load
from benchmarks.measure import Figures
from benchmarks.servers import SERVERS, Server, running


def _names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    known = ", ".join(load.name for load in LOADS)
    parser.add_argument("--only", type=_names, default=[], help=f"loads, with commas between: {known}")
    parser.add_argument("--servers", type=_names, default=[], help=", ".join(server.name for server in SERVERS))
    parser.add_argument("--runs", type=int, default=3, help="how often each; servers take turns")
    parser.add_argument("--profile", action="store_true", help="also profile our server during the window")
    return parser.parse_args()


def _present(wanted: list[str]) -> list[Server]:
    present = []
    for server in SERVERS:
        if not wanted or server.name in wanted:
            missing = server.missing()
            if missing:
                _say(f"Left out: {server.text}, because {missing}.")
            else:
                present.append(server)
    return present


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _run(load: Load, servers: list[Server], runs: int, is_profiled: bool) -> dict[str, list[Figures]]:
    found: dict[str, list[Figures]] = {server.name: [] for server in servers}
    for number in range(runs):
        # A B B A: whatever drifts in the machine meets both alike.
        for server in servers if number % 2 == 0 else reversed(servers):
            with running(server) as started:
                during = profile.starter(started, load) if is_profiled and server.name == "ours" else None
                found[server.name].append(measure.measure(started, load, during=during))
    return found


def main() -> int:
    """Read the arguments, run, print."""
    arguments = _arguments()
    if not shutil.which("go"):
        _say("Nothing can be measured: the load is a Go program, and Go is not installed.")
        return 2
    measure.build()
    servers = _present(arguments.servers)
    loads = [load for load in LOADS if not arguments.only or load.name in arguments.only]
    _say(
        f"Each run: {measure.WARM_UP_SECONDS} s to warm up, {measure.WINDOW_SECONDS} s measured, a fresh server on "
        f"core 0, the load on core 1; {arguments.runs} runs in turn, medians (least to most)."
    )
    _say(table.head())
    for load in loads:
        found = _run(load, servers, arguments.runs, arguments.profile)
        for server in servers:
            _say(table.row(load, server, found[server.name], found.get("ours")))
    return 0


if __name__ == "__main__":
    sys.exit(main())
