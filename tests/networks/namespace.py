"""A namespace behind an emulated link, for the length of a test."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.networks.tunnels import within

_START_SECONDS = 10.0


@dataclass(frozen=True)
class FarSide:
    """The namespace's name, our address as it is reached from there, and its own; `counts` once the link has ended."""

    namespace: str
    here: str
    there: str
    orders: asyncio.StreamWriter
    counts: dict[str, dict[str, int]] = field(default_factory=dict)

    def change(self, profile: str) -> None:
        """Turn the link into another profile's."""
        self.orders.write(f"{profile}\n".encode())

    def listen(self) -> socket.socket:
        """A TCP socket that listens on the namespace's own loopback, reached without the link."""
        return within(self.namespace, lambda: socket.create_server(("127.0.0.1", 0)))

    def command(self, *words: str) -> list[str]:
        """A command line that runs in the namespace."""
        return ["ip", "netns", "exec", self.namespace, *words]


@asynccontextmanager
async def behind(profile: str, *, seed: int = 1, blocks_udp: bool = False) -> AsyncIterator[FarSide]:
    """Run an emulator in a process of its own, so that the test's own work does not delay its packets."""
    options = ["--block-udp"] if blocks_udp else []
    emulator = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.networks.emulator", profile, "--seed", str(seed), *options),
        stdin=PIPE,
        stdout=PIPE,
    )
    assert emulator.stdin is not None
    assert emulator.stdout is not None
    try:
        async with asyncio.timeout(_START_SECONDS):
            far_side = FarSide(**json.loads(await emulator.stdout.readline()), orders=emulator.stdin)
        yield far_side
    finally:
        emulator.stdin.close()
        ended, _ = await emulator.communicate()
    far_side.counts.update(json.loads(ended))
