"""The server killed and started again in mid-call."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path

import pytest

from tests.conformance.conftest import ANOTHER, KEY, SECRET, Opened, Server, eventually, new_room
from tests.conformance.test_browser import _plays, _visit
from tests.nodes import free_port

pytestmark = pytest.mark.skipif(ANOTHER is not None, reason="only our own server is ours to kill")


async def _start(config: Path, port: int) -> tuple[asyncio.subprocess.Process, int]:
    arguments = ["-m", "signaling", "--config", str(config), "--port", str(port)]
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    assert process.stdout is not None
    async with asyncio.timeout(15):
        line = (await process.stdout.readline()).decode()
    found = re.search(r":(\d+)", line.removeprefix("ready http"))
    assert found is not None, line
    return process, int(found.group(1))


async def test_a_call_survives_a_killed_server(open_page_apart: Opened, tmp_path: Path) -> None:
    config = tmp_path / "media.toml"
    config.write_text(f'[keys]\n{KEY} = "{SECRET}"\n', encoding="utf-8")
    process, port = await _start(config, free_port())
    try:
        server = Server(f"ws://127.0.0.1:{port}", None, new_room())
        amina, li = await _visit(server, open_page_apart)
        process.kill()
        await process.wait()
        process, _ = await _start(config, port)
        # A client that came too early waits for ever longer, up to seven seconds and for each of two tries.
        await eventually(lambda: _plays(amina, "amina", "li/camera"), 40)
        await eventually(lambda: _plays(li, "li", "amina/camera"))
        await eventually(lambda: _plays(li, "li", "amina/microphone"))
        process.terminate()
        async with asyncio.timeout(5):
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
