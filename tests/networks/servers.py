"""Our media server and LiveKit's own, each as a process with a settings file, on an address of the test's choice."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from tests import conformance
from tests.conformance.conftest import KEY, SECRET
from tests.nodes import free_port

_START_SECONDS = 15.0


@asynccontextmanager
async def ours(host: str, folder: Path, *, ptime_ms: int = 0) -> AsyncIterator[str]:
    """Run `python -m signaling`; gives its WebSocket URL. `ptime_ms` is its `room.audio_ptime_ms`."""
    settings = folder / "signaling.toml"
    room = f"[room]\naudio_ptime_ms = {ptime_ms}\n" if ptime_ms else ""
    settings.write_text(
        f'bind_address = "{host}"\nport = 0\n[keys]\n{KEY} = "{SECRET}"\n'
        f'[rtc]\nnode_ips = ["{host}"]\ntcp_port = 0\n{room}'
    )
    server = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "signaling", "--config", str(settings)), stdout=PIPE, stderr=DEVNULL
    )
    assert server.stdout is not None
    try:
        async with asyncio.timeout(_START_SECONDS):
            word, _, url = (await server.stdout.readline()).decode().strip().partition(" ")
        assert word == "ready", "the media server did not start"
        yield url.replace("http", "ws", 1)
    finally:
        server.kill()
        await server.wait()


def build_livekit() -> Path:
    """Where LiveKit's server is; builds it if need be. Raises subprocess.CalledProcessError without Go."""
    script = Path(conformance.__path__[0]) / "livekit_server"
    return Path(subprocess.run([script], check=True, capture_output=True, text=True).stdout.strip())


@asynccontextmanager
async def livekit(host: str, folder: Path) -> AsyncIterator[str]:
    """Run LiveKit's server with its defaults; gives its WebSocket URL."""
    program = await asyncio.to_thread(build_livekit)
    port = free_port()
    config = {
        "port": port,
        "bind_addresses": [host],
        "rtc": {"udp_port": free_port(), "tcp_port": free_port(), "use_external_ip": False, "node_ip": host},
        "keys": {KEY: SECRET},
        "logging": {"level": "error"},
    }
    settings = folder / "livekit.yaml"
    # JSON is YAML.
    settings.write_text(json.dumps(config))
    server = await asyncio.create_subprocess_exec(*(program, "--config", str(settings)), stdout=DEVNULL, stderr=DEVNULL)
    try:
        async with asyncio.timeout(_START_SECONDS), aiohttp.ClientSession() as client:
            while not await _answers(client, f"http://{host}:{port}/"):
                assert server.returncode is None, "LiveKit's server ended at once"
                await asyncio.sleep(0.1)
        yield f"ws://{host}:{port}"
    finally:
        # It would wait for the room to empty.
        server.kill()
        await server.wait()


async def _answers(client: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with client.get(url) as response:
            return response.status == 200
    except aiohttp.ClientError:
        return False
