"""Where our server's time goes during a load, by py-spy or perf, whichever the machine has."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.loads import Load
from benchmarks.measure import WINDOW_SECONDS
from benchmarks.servers import ROOT, Running

RATE_HZ = 250


def starter(server: Running, load: Load) -> Callable[[], None]:
    """Something to call as the window opens; the profiles are in var/ when it closes."""
    seconds = WINDOW_SECONDS - 1
    target = ROOT / "var" / f"profile-{load.name}"
    spy = shutil.which("py-spy") or shutil.which("py-spy", path=str(Path(sys.executable).parent))
    commands = []
    if spy:
        options = ["--duration", str(seconds), "--rate", str(RATE_HZ), "--format", "raw", "--nonblocking"]
        commands.append([spy, "record", "--pid", str(server.pid), *options, "--output", f"{target}.folded"])
    if perf := shutil.which("perf"):
        options = ["-F", str(RATE_HZ), "-g", "-p", str(server.pid), "-o", f"{target}.perf"]
        commands.append([perf, "record", *options, "--", "sleep", str(seconds)])

    def start() -> None:
        for command in commands:
            subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    return start
