"""The media server on a free port, and somebody's WebSocket to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from livekit import api
from livekit.protocol.rtc import SignalResponse

from signaling.app import MAX_LINE_BYTES, SESSIONS, create_app
from signaling.clients.sessions import Sessions
from signaling.config import Settings
from signaling.operation.access_log import PathLogger

KEY, SECRET = "key", "a-secret-of-more-than-thirty-two-characters"
Started = Callable[..., Awaitable[tuple[str, Sessions]]]


def token(room: str = "visit", identity: str = "amina", **grants: Any) -> str:
    video = api.VideoGrants(**{"room_join": True, "room": room, **grants})
    return api.AccessToken(KEY, SECRET).with_identity(identity).with_grants(video).to_jwt()


@pytest.fixture
async def start() -> AsyncIterator[Started]:
    runners: list[web.AppRunner] = []

    async def started(**changes: Any) -> tuple[str, Sessions]:
        app = create_app(Settings(keys={KEY: SECRET}, **changes))
        runner = web.AppRunner(app, max_line_size=MAX_LINE_BYTES, access_log_class=PathLogger, shutdown_timeout=1.0)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        runners.append(runner)
        return f"http://127.0.0.1:{runner.addresses[0][1]}", app[SESSIONS]

    yield started
    for runner in runners:
        await runner.cleanup()


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def next_of(socket: aiohttp.ClientWebSocketResponse) -> SignalResponse:
    message = await socket.receive(timeout=5)
    assert message.type == aiohttp.WSMsgType.BINARY, message
    return SignalResponse.FromString(message.data)


async def until(socket: aiohttp.ClientWebSocketResponse, kind: str) -> SignalResponse:
    while (response := await next_of(socket)).WhichOneof("message") != kind:
        pass
    return response
