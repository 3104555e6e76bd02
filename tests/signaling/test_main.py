"""The media server as a program of its own: `python -m signaling --dev`."""

from __future__ import annotations

import asyncio
import re
import sys
import time
from pathlib import Path

import aiohttp
import pytest

from signaling import tokens


# The secret is LiveKit's own for development, and as short as that.
@pytest.mark.filterwarnings("ignore:Key size")
async def test_dev_listens_on_loopback_with_the_key_that_livekits_own_has() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "signaling", "--dev", "--port", "0"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(30):
            ready = re.fullmatch(r"ready (http://127\.0\.0\.1:\d+)\n", (await process.stdout.readline()).decode())
        assert ready is not None
        claims = {"iss": "devkey", "exp": int(time.time()) + 60, "video": {"roomList": True}}
        async with aiohttp.ClientSession() as http:
            for secret, status in (("secret", 200), ("guessed", 401)):
                authorization = f"Bearer {tokens.sign(claims, secret)}"
                headers = {"Authorization": authorization, "Content-Type": "application/protobuf"}
                async with http.post(f"{ready[1]}/twirp/livekit.RoomService/ListRooms", headers=headers) as answer:
                    assert answer.status == status
    finally:
        process.terminate()
        async with asyncio.timeout(10):
            assert await process.wait() == 0


async def test_an_address_of_ipv6_is_said_as_a_url(tmp_path: Path) -> None:
    (tmp_path / "media.toml").write_text(f'port = 0\nbind_address = "::1"\n[keys]\nk = "{"s" * 32}"\n')
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "signaling", "--config", str(tmp_path / "media.toml")),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(30):
            ready = (await process.stdout.readline()).decode()
        assert re.fullmatch(r"ready http://\[::1\]:\d+\n", ready)
    finally:
        process.terminate()
        async with asyncio.timeout(10):
            assert await process.wait() == 0
