"""Nodes as operating-system processes of their own, as `telemed demo` starts them, each to be killed by itself."""

import asyncio
import os
import signal
import sqlite3
import sys
from asyncio.subprocess import Process
from collections.abc import Iterable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from telemed.clock import system_clock
from telemed.config import Settings
from telemed.demo.prepare import prepare
from telemed.demo.seed import seed
from telemed.demo.trust import lay_out
from tests.nodes import free_port
from tests.relay import Relay

START_S = 60


class Federation:
    """Nodes with sample people under one folder."""

    def __init__(self, var: Path, nodes: Iterable[str] = ("KE", "CN", "IT")) -> None:
        prepared = prepare(var, {node: free_port() for node in nodes})
        self.var = var
        self._files = {settings.node: path for path, settings in prepared.items()}
        self.settings = {node: _behind_a_relay(path, free_port()) for node, path in self._files.items()}
        self.relays = {node: Relay() for node in self.settings}
        self._processes: dict[str, Process] = {}
        lay_out(var, self.settings.values(), system_clock())

    async def start_all(self) -> None:
        """Seed every node and start all, each with its relay."""
        for node, relay in self.relays.items():
            await relay.start(urlsplit(self.origin(node)).port or 0, onward=self.settings[node].port)
        for settings in self.settings.values():
            await seed(settings, system_clock())
        await asyncio.gather(*(self.start(node) for node in self.settings))

    async def start(self, node: str) -> None:
        """Start a node and wait until it answers."""
        with self._files[node].with_name("node.log").open("ab") as log:
            self._processes[node] = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "telemed", "serve", "--settings", str(self._files[node]), stdout=log, stderr=log
            )
        async with asyncio.timeout(START_S), aiohttp.ClientSession() as client:
            while not await self._answers(client, node):
                assert self._processes[node].returncode is None, self.log(node)
                await asyncio.sleep(0.05)

    async def kill(self, node: str) -> None:
        """SIGKILL: no goodbye, no flush."""
        await self._end(node, signal.SIGKILL)

    async def stop_all(self) -> None:
        """End every process."""
        await asyncio.gather(*(self._end(node, signal.SIGTERM) for node in list(self._processes)))
        await asyncio.gather(*(relay.stop() for relay in self.relays.values()))

    def row(self, node: str, query: str, *values: str) -> tuple[Any, ...] | None:
        """The first row of a query of a node's database, read from outside."""
        with closing(
            sqlite3.connect(f"file:{self.settings[node].folder / 'node.sqlite'}?mode=ro", uri=True)
        ) as database:
            found: tuple[Any, ...] | None = database.execute(query, values).fetchone()
            return found

    def origin(self, node: str) -> str:
        """Where a node's page is."""
        return self.settings[node].origin

    def log(self, node: str) -> str:
        """What a node has written."""
        return self._files[node].with_name("node.log").read_text(errors="replace")

    async def _answers(self, client: aiohttp.ClientSession, node: str) -> bool:
        with suppress(aiohttp.ClientError):
            async with client.get(f"http://127.0.0.1:{self.settings[node].port}/healthz") as answer:
                return answer.status == 200
        return False

    async def _end(self, node: str, how: signal.Signals) -> None:
        process = self._processes.pop(node)
        with suppress(ProcessLookupError):
            os.kill(process.pid, how)
        await process.wait()


def _behind_a_relay(path: Path, port: int) -> Settings:
    # The node listens where it was told to; its name, and so everybody's way to it, leads through the relay.
    before = Settings.from_file(path)
    origin = f"http://{before.node.lower()}.localhost:{port}"
    path.write_text(path.read_text().replace(before.origin, origin))
    return Settings.from_file(path)
