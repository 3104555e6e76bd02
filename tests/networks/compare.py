"""`make networks`: calls over bad links through our server and LiveKit's, in turn, and a table of both."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

from tests.conformance.conftest import build_page
from tests.networks.figures import Run, table
from tests.networks.measure import PTIME_MS, PUBLISHING, SERVERS
from tests.networks.servers import build_livekit
from tests.networks.tunnels import missing

LONGEST_RUN_SECONDS = 240


def _servers(profile: str) -> tuple[str, ...]:
    return SERVERS if profile in PTIME_MS else ("ours", "livekit")


def _measured(profile: str, server: str, seed: int) -> str:
    """A line of JSON from a process of its own, so that no run inherits from the one before it."""
    command = [sys.executable, "-m", "tests.networks.measure", profile, server, str(seed)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=LONGEST_RUN_SECONDS).stdout


def main() -> None:
    """Measure what was asked for and print the table of all that the file holds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profiles", nargs="*", choices=PUBLISHING, default=list(PUBLISHING))
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--keep", type=Path, help="add the runs to this file, and count what it already holds")
    arguments = parser.parse_args()
    if reason := missing():
        sys.stdout.write(f"Skipped: {reason}.\n")
        return
    build_page()
    build_livekit()
    kept = arguments.keep
    lines = kept.read_text().splitlines() if kept is not None and kept.exists() else []
    for profile in arguments.profiles:
        for seed in range(1, arguments.runs + 1):
            for server in _servers(profile):
                line = _measured(profile, server, seed)
                lines.append(line)
                if kept is not None:
                    with kept.open("a") as file:
                        file.write(line)
    sys.stdout.write(table([Run(**json.loads(line)) for line in lines]) + "\n")


if __name__ == "__main__":
    main()
