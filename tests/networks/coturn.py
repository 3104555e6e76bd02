"""A TURN server (coturn) that takes time-limited credentials and speaks TCP only to its clients."""

from __future__ import annotations

import asyncio
import shutil
import socket
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.nodes import free_port

_START_SECONDS = 10.0


def program() -> str | None:
    """Where coturn is, if it is installed."""
    return shutil.which("turnserver", path="/usr/bin:/usr/local/bin")


@asynccontextmanager
async def coturn(host: str, secret: str, folder: Path) -> AsyncIterator[str]:
    """Run it at `host`, relaying from there too; gives its URL."""
    port = free_port()
    server = await asyncio.create_subprocess_exec(
        program() or "turnserver",
        *("-n", "--realm=telemed", "--use-auth-secret", f"--static-auth-secret={secret}"),
        *(f"--listening-ip={host}", f"--relay-ip={host}", f"--listening-port={port}"),
        *("--no-udp", "--no-tls", "--no-dtls", "--no-cli", "--no-multicast-peers"),
        *(f"--pidfile={folder / 'coturn.pid'}", f"--userdb={folder / 'coturn.db'}", "--log-file=stdout"),
        stdout=DEVNULL,
        stderr=DEVNULL,
    )
    try:
        async with asyncio.timeout(_START_SECONDS):
            while not await asyncio.to_thread(_answers, host, port):
                assert server.returncode is None, "coturn ended at once"
                await asyncio.sleep(0.05)
        yield f"turn:{host}:{port}?transport=tcp"
    finally:
        if server.returncode is None:
            server.kill()
        await server.wait()


def _answers(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True
