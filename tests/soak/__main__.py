"""`make soak`: an hour of people joining and leaving, after which the server must hold nothing of them."""

from __future__ import annotations

import argparse
import asyncio
import socket
import sys
import tempfile
import time
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
from livekit import api

from tests.conformance.conftest import KEY, SECRET
from tests.soak.samples import Sample, leftovers, memory_growth, remains, take

SHIFT_SECONDS = 45.0
"""After this a crowd is killed in mid-sentence and another comes: some people never say goodbye."""
SAMPLE_SECONDS = 5.0
SAY_EVERY = 12
START_SECONDS = 15.0
EMPTY_SECONDS = 30
SETTINGS = """
port = 0
keys = {{{key} = "{secret}"}}
[room]
empty_timeout = 5
departure_timeout = 2
[limits]
resume_seconds = 5.0
[prometheus]
port = {metrics_port}
"""


class Soak:
    """A server process, watched from outside."""

    def __init__(
        self, process: asyncio.subprocess.Process, url: str, admin: api.LiveKitAPI, metrics: aiohttp.ClientSession
    ) -> None:
        self.url = url
        self.samples: list[Sample] = []
        self._process = process
        self._admin = admin
        self._metrics = metrics
        self._began = time.monotonic()

    async def look(self) -> Sample:
        """Take a sample."""
        rooms = (await self._admin.room.list_rooms(api.ListRoomsRequest())).rooms
        people = sum(room.num_participants for room in rooms)
        async with self._metrics.get("/metrics") as response:
            values = dict(line.rsplit(" ", 1) for line in (await response.text()).splitlines() if line[0] != "#")
        return take(
            self._process.pid,
            time.monotonic() - self._began,
            tasks=round(float(values["media_tasks"])),
            rooms=len(rooms),
            participants=people,
        )

    async def watch(self) -> None:
        """Sample until cancelled, and print a line each minute."""
        while True:
            await asyncio.sleep(SAMPLE_SECONDS)
            sample = await self.look()
            self.samples.append(sample)
            if len(self.samples) % SAY_EVERY == 0:
                say(sample)

    async def emptied(self, before: Sample) -> Sample:
        """The server once it is as empty as before, or after patience has run out."""
        for _ in range(EMPTY_SECONDS):
            sample = await self.look()
            if not remains(before, sample):
                break
            await asyncio.sleep(1)
        return sample


@asynccontextmanager
async def soaking(folder: Path) -> AsyncIterator[Soak]:
    """A server of its own."""
    settings = folder / "signaling.toml"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        metrics_port = probe.getsockname()[1]
    settings.write_text(SETTINGS.format(key=KEY, secret=SECRET, metrics_port=metrics_port))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "signaling", "--config", str(settings)), stdout=PIPE, stderr=DEVNULL
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(START_SECONDS):
            url = (await process.stdout.readline()).decode().split()[1]
        admin = api.LiveKitAPI(url, KEY, SECRET)
        try:
            async with aiohttp.ClientSession(f"http://127.0.0.1:{metrics_port}") as metrics:
                yield Soak(process, url.replace("http", "ws", 1), admin, metrics)
        finally:
            await admin.aclose()
    finally:
        process.kill()
        await process.wait()


async def come_and_go(url: str, seconds: float, rooms: int, people: int) -> None:
    """One crowd after the other."""
    deadline, seed = time.monotonic() + seconds, 0
    while (left := deadline - time.monotonic()) > 0:
        seed += 1
        options = ("--rooms", str(rooms), "--people", str(people), "--seed", str(seed))
        crowd = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.soak.crowd", url, *options), stdout=DEVNULL, stderr=DEVNULL
        )
        try:
            await asyncio.wait_for(crowd.wait(), min(SHIFT_SECONDS, left))
        except TimeoutError:
            crowd.kill()
            await crowd.wait()


async def soak(seconds: float, rooms: int, people: int) -> int:
    """Run it all; returns an exit code."""
    with tempfile.TemporaryDirectory() as folder:
        async with soaking(Path(folder)) as server:
            before = await server.look()
            say(before)
            watching = asyncio.create_task(server.watch())
            await come_and_go(server.url, seconds, rooms, people)
            watching.cancel()
            await asyncio.wait([watching])
            after = await server.emptied(before)
            say(after)
    problems = leftovers(before, server.samples, after)
    sys.stdout.write(
        f"Memory grew by {memory_growth(server.samples):.1%}. {'; '.join(problems) or 'Nothing is left'}.\n"
    )
    return 1 if problems else 0


def say(sample: Sample) -> None:
    """Print a sample."""
    sys.stdout.write(
        f"{sample.seconds:6.0f} s: {sample.rss_kib / 1024:6.1f} MiB, {sample.sockets:3} sockets,"
        f" {sample.tasks:3} tasks, {sample.rooms:2} rooms, {sample.participants:3} people\n"
    )
    sys.stdout.flush()


def main() -> int:
    """Read the arguments and soak."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--rooms", type=int, default=2)
    parser.add_argument("--people", type=int, default=3, help="in each room")
    arguments = parser.parse_args()
    return asyncio.run(soak(arguments.minutes * 60, arguments.rooms, arguments.people))


if __name__ == "__main__":
    sys.exit(main())
