"""One run: a server, the load on it, and what both clocks and counters said."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from benchmarks.loads import Load
from benchmarks.servers import KEY, ROOT, SECRET, Running, launch, on_core

SOURCE = Path(__file__).parent / "load"
PROGRAM = ROOT / "var" / "benchmark-load"
WARM_UP_SECONDS = 3
WINDOW_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Figures:
    """What one run found. CPU is the server's, user and system, of all its threads."""

    cpu_seconds: float
    seconds: float
    expected: int
    received: int
    delay_median_ms: float
    delay_p99_ms: float
    load_cpu_seconds: float
    idle_bytes: int
    loaded_bytes: int

    @property
    def packet_us(self) -> float:
        """CPU of the server for each packet that a subscriber received."""
        return self.cpu_seconds * 1e6 / self.received

    @property
    def cores(self) -> float:
        """Share of one core that the server used."""
        return self.cpu_seconds / self.seconds


def build() -> None:
    """Compile the load. Raises CalledProcessError."""
    subprocess.run(["go", "build", "-trimpath", "-o", PROGRAM, "."], cwd=SOURCE, check=True)


def cpu_seconds(pid: int) -> float:
    """CPU time that a process has used, in nanoseconds' resolution (CPUCLOCK_SCHED in Linux's posix-timers.h)."""
    return time.clock_gettime((~pid << 3) | 2)


def resident_bytes(pid: int) -> int:
    """Memory that a process holds now."""
    pages = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def measure(server: Running, load: Load, seed: int = 0, during: Callable[[], None] | None = None) -> Figures:
    """Put a load on a fresh server; `during` is called as the window opens.

    With the same `seed` publishers send at the same moments. Raises RuntimeError when it fails.
    """
    idle = resident_bytes(server.pid)
    with _loading(server, load, seed) as events:
        _next(server, events, "measure")
        before = cpu_seconds(server.pid)
        if during is not None:
            during()
        found = _next(server, events, "measured")
        after = cpu_seconds(server.pid)
        loaded = resident_bytes(server.pid)
    return Figures(
        cpu_seconds=after - before,
        seconds=found["seconds"],
        expected=found["expected"],
        received=found["received"],
        delay_median_ms=found["delay_p50_s"] * 1000,
        delay_p99_ms=found["delay_p99_s"] * 1000,
        load_cpu_seconds=found["load_cpu_s"],
        idle_bytes=idle,
        loaded_bytes=loaded,
    )


@contextmanager
def _loading(server: Running, load: Load, seed: int) -> Iterator[IO[bytes]]:
    command = [
        str(PROGRAM),
        f"-server={server.name}",
        f"-url={server.url}",
        f"-key={KEY}",
        f"-secret={SECRET}",
        f"-rooms={load.rooms}",
        f"-publishers={load.publishers}",
        f"-viewers={load.viewers}",
        f"-video-bps={load.video_bps}",
        f"-audio={str(load.audio).lower()}",
        f"-seed={seed}",
        f"-warm-up={WARM_UP_SECONDS}s",
        f"-window={WINDOW_SECONDS}s",
    ]
    process = launch(on_core(1, command), stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        yield process.stdout
    finally:
        process.kill()
        process.wait()


def _next(server: Running, events: IO[bytes], kind: str) -> dict[str, Any]:
    line = events.readline()
    found: dict[str, Any] = json.loads(line) if line else {}
    if found.get("event") != kind:
        raise RuntimeError(f"the load on {server.name} broke off")
    return found
