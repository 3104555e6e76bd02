"""The media server alone, spoken to with words that must not be found in what it logs."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import signal
import socket as sockets
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from livekit.protocol.models import TrackType
from livekit.protocol.rtc import AddTrackRequest, SessionDescription, SignalRequest, UpdateParticipantMetadata

from tests.signaling.conftest import KEY, SECRET, token, until
from tests.signaling.test_sdp import OFFER

CANARY = "canary-of-amina"


@dataclass
class Running:
    """A server in a process of its own."""

    process: asyncio.subprocess.Process
    port: int
    lines: list[str]

    @property
    def url(self) -> str:
        """Where clients go."""
        return f"http://127.0.0.1:{self.port}"

    async def end(self) -> None:
        """Ask it to close, and read its log to the end."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.stderr is not None
        async with asyncio.timeout(10):
            self.lines += (await self.process.stderr.read()).decode().splitlines()
            assert await self.process.wait() == 0


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    """With a setting for the moment between the first 503 and the end."""
    config = tmp_path / "media.toml"
    config.write_text(f'drain_seconds = 1.0\n[keys]\n{KEY} = "{SECRET}"\n[rtc]\ntcp_port = 0\n', encoding="utf-8")
    arguments = ["-m", "signaling", "--config", str(config), "--port", "0"]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdout=pipe, stderr=pipe)
    assert process.stdout is not None
    try:
        async with asyncio.timeout(15):
            found = re.search(r":(\d+)$", (await process.stdout.readline()).decode().strip())
        assert found is not None
        yield Running(process, int(found.group(1)), [])
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _raw(running: Running, data: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
    writer.write(data)
    with contextlib.suppress(ConnectionError):
        async with asyncio.timeout(5):
            await reader.read()
    writer.close()


async def _misbehave(running: Running, http: aiohttp.ClientSession) -> str:
    """Everything that is logged, with the canary wherever words go. Returns the token used."""
    access = token(room=f"room-{CANARY}", identity=f"id-{CANARY}", can_update_own_metadata=True)
    await _raw(running, f"GET /{CANARY} {CANARY}\r\n\r\n".encode())
    await _raw(running, f"GET / HTTP/1.1\r\nHost: x\r\n{CANARY}\x00: {CANARY}\r\n\r\n".encode())
    for path in (f"/{CANARY}", f"/twirp/livekit.RoomService/{CANARY}", f"/rtc/validate?access_token={CANARY}"):
        async with http.get(running.url + path) as response:
            assert response.status >= 400
    async with http.post(
        f"{running.url}/twirp/livekit.RoomService/CreateRoom",
        data=CANARY,
        headers={"Authorization": f"Bearer {access}", "Content-Type": "application/json"},
    ) as response:
        assert response.status == 400
    socket = await http.ws_connect(f"{running.url}/rtc", params={"access_token": access})
    spoilt = OFFER.replace("track-a", CANARY).replace("a=ssrc:11 cname:x", f"a=ssrc:{CANARY}")
    requests = [
        SignalRequest(offer=SessionDescription(type="offer", sdp=spoilt)),
        SignalRequest(offer=SessionDescription(type="offer", sdp=f"v=0\r\nm={CANARY}\r\n")),
        SignalRequest(answer=SessionDescription(type="answer", sdp=f"a=rtpmap:{CANARY}")),
        SignalRequest(add_track=AddTrackRequest(cid=CANARY, name=CANARY, type=TrackType.AUDIO)),
        SignalRequest(add_track=AddTrackRequest(cid=CANARY * 100)),
        SignalRequest(update_metadata=UpdateParticipantMetadata(name=CANARY, attributes={CANARY: CANARY})),
        SignalRequest(offer=SessionDescription(type="offer", sdp=OFFER.replace("track-a", CANARY))),
        SignalRequest(ping=1),
    ]
    for request in requests:
        await socket.send_bytes(request.SerializeToString())
    await until(socket, "pong")
    await socket.send_str('{"nonsense": "' + CANARY)
    with sockets.socket(sockets.AF_INET, sockets.SOCK_DGRAM) as udp:
        udp.sendto(CANARY.encode(), ("127.0.0.1", running.port))
    return access


async def test_the_log_holds_ids_and_nothing_that_anybody_sent(running: Running, http: aiohttp.ClientSession) -> None:
    access = await _misbehave(running, http)
    await running.end()
    lines = [json.loads(line) for line in running.lines]
    messages = [line["message"] for line in lines]
    assert any("/rtc/validate" in message for message in messages), messages
    assert any("cannot be read" in message for message in messages), messages
    text = "\n".join(running.lines)
    for word in (CANARY, access, access.split(".")[1], "127.0.0.1", "a=", "m=audio"):
        assert word not in text, word


async def test_a_balancer_hears_that_the_server_closes_before_its_port_does(
    running: Running, http: aiohttp.ClientSession
) -> None:
    socket = await http.ws_connect(f"{running.url}/rtc", params={"access_token": token()})
    await until(socket, "join")
    running.process.send_signal(signal.SIGTERM)
    assert (await until(socket, "leave")).leave.action == 2
    async with http.get(f"{running.url}/healthz") as response:
        assert response.status == 503
    async with asyncio.timeout(10):
        assert await running.process.wait() == 0
