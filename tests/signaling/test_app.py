"""The HTTP side: who gets in, what an application is told, and what the log never says."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import logging
import time
import tracemalloc
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from livekit import api
from livekit.protocol.models import ClientInfo
from livekit.protocol.rtc import JoinRequest, SignalRequest, WrappedJoinRequest

from signaling import tokens
from signaling.config import RoomSettings, WebhookSettings
from tests.signaling.conftest import KEY, SECRET, Started, next_of, token, until

COMPRESSION = tracemalloc.Filter(inclusive=True, filename_pattern="*/aiohttp/compression_utils.py")


async def test_a_good_token_validates_and_says_so_to_any_origin(start: Started, http: aiohttp.ClientSession) -> None:
    url, _ = await start()
    query = {"access_token": token()}
    async with http.get(f"{url}/rtc/validate", params=query, headers={"Origin": "http://elsewhere"}) as response:
        assert (response.status, await response.text()) == (200, "success")
        assert response.headers["Access-Control-Allow-Origin"] == "*"
    async with http.get(f"{url}/rtc/validate", params={"access_token": "x.y.z"}) as response:
        assert response.status == 401
    async with http.get(f"{url}/rtc/v1/validate", params=query) as response:
        assert response.status == 400


@pytest.mark.parametrize(
    ("claims", "status"),
    [
        ({"sub": "amina", "video": {"room": "visit"}}, 401),
        ({"sub": "amina", "video": {"roomJoin": True}}, 400),
        ({"video": {"roomJoin": True, "room": "visit"}}, 400),
    ],
)
async def test_a_token_that_opens_no_room_is_refused_as_by_livekit(
    start: Started, http: aiohttp.ClientSession, claims: dict[str, Any], status: int
) -> None:
    url, _ = await start()
    signed = tokens.sign({"iss": KEY, "exp": int(time.time()) + 600, **claims}, SECRET)
    async with http.get(f"{url}/rtc/validate", params={"access_token": signed}) as response:
        assert response.status == status


async def test_without_auto_create_a_room_must_exist(start: Started, http: aiohttp.ClientSession) -> None:
    url, sessions = await start(room=RoomSettings(auto_create=False))
    query = {"access_token": token()}
    async with http.get(f"{url}/rtc/validate", params=query) as response:
        assert response.status == 404
    sessions.rooms.create("visit")
    async with http.get(f"{url}/rtc/validate", params=query) as response:
        assert response.status == 200


async def test_a_foreign_origin_opens_no_websocket(start: Started, http: aiohttp.ClientSession) -> None:
    url, _ = await start(allowed_origins=("http://ke.localhost",))
    query = {"access_token": token()}
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        await http.ws_connect(f"{url}/rtc", params=query, origin="http://evil.example")
    assert caught.value.status == 403
    socket = await http.ws_connect(f"{url}/rtc", params=query, origin="http://ke.localhost")
    assert (await next_of(socket)).WhichOneof("message") == "join"
    await socket.close()


async def test_messages_are_compressed_each_by_itself_for_whoever_offers_it(
    start: Started, http: aiohttp.ClientSession
) -> None:
    url, _ = await start()
    socket = await http.ws_connect(f"{url}/rtc", params={"access_token": token()}, compress=15)
    assert socket.compress == 15
    assert "server_no_context_takeover" in socket._response.headers["Sec-WebSocket-Extensions"]
    assert (await next_of(socket)).HasField("join")
    plain = await http.ws_connect(f"{url}/rtc", params={"access_token": token(identity="li")})
    assert plain.compress == 0
    assert (await next_of(plain)).HasField("join")


async def test_a_compressed_websocket_keeps_no_compressor(start: Started, http: aiohttp.ClientSession) -> None:
    url, _ = await start()
    tracemalloc.start()
    try:
        for number in range(4):
            query = {"access_token": token(identity=f"person-{number}")}
            socket = await http.ws_connect(f"{url}/rtc", params=query, compress=15)
            await until(socket, "join")
        taken = tracemalloc.take_snapshot().filter_traces([COMPRESSION])
    finally:
        tracemalloc.stop()
    # What is left is the client's: it inflates with a window of 32 KiB.
    assert sum(trace.size for trace in taken.traces) / 4 < 64 * 1024


async def test_a_small_message_that_grows_when_inflated_closes_the_websocket(
    start: Started, http: aiohttp.ClientSession
) -> None:
    url, _ = await start()
    socket = await http.ws_connect(f"{url}/rtc", params={"access_token": token()}, compress=15)
    await socket.send_bytes(bytes(50_000_000))
    async with asyncio.timeout(5):
        while (await socket.receive()).type != aiohttp.WSMsgType.CLOSE:
            pass
    assert socket.close_code == aiohttp.WSCloseCode.MESSAGE_TOO_BIG


async def test_a_long_join_request_is_taken(start: Started, http: aiohttp.ClientSession) -> None:
    url, _ = await start()
    request = JoinRequest(client_info=ClientInfo(), metadata="m" * 20_000)
    wrapped = WrappedJoinRequest(join_request=request.SerializeToString()).SerializeToString()
    allowed = token(can_update_own_metadata=True)
    query = {"access_token": allowed, "join_request": base64.urlsafe_b64encode(wrapped).decode()}
    socket = await http.ws_connect(f"{url}/rtc/v1", params=query)
    assert (await next_of(socket)).join.participant.metadata == "m" * 20_000
    await socket.close()


async def test_the_older_session_of_an_identity_is_told_why_it_ends(
    start: Started, http: aiohttp.ClientSession
) -> None:
    url, _ = await start()
    older = await http.ws_connect(f"{url}/rtc", params={"access_token": token()})
    await next_of(older)
    newer = await http.ws_connect(f"{url}/rtc", params={"access_token": token()})
    leave = (await until(older, "leave")).leave
    assert leave.reason == 2
    assert (await older.receive(timeout=5)).type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)
    await newer.close()


async def test_a_comeback_to_nothing_is_told_to_join_anew(start: Started, http: aiohttp.ClientSession) -> None:
    url, _ = await start()
    query = {"access_token": token(), "reconnect": "1", "sid": "PA_gone"}
    socket = await http.ws_connect(f"{url}/rtc", params=query)
    leave = (await next_of(socket)).leave
    assert leave.action == leave.RECONNECT
    await socket.close()


async def test_pings_are_answered(start: Started, http: aiohttp.ClientSession) -> None:
    url, _ = await start()
    socket = await http.ws_connect(f"{url}/rtc", params={"access_token": token()})
    request = SignalRequest()
    request.ping_req.timestamp = 7
    await socket.send_bytes(request.SerializeToString())
    assert (await until(socket, "pong_resp")).pong_resp.last_ping_timestamp == 7
    await socket.send_bytes(SignalRequest(ping=1).SerializeToString())
    assert (await until(socket, "pong")).pong > 0
    await socket.close()


async def test_a_client_that_floods_is_cut_off(start: Started, http: aiohttp.ClientSession) -> None:
    url, _ = await start()
    socket = await http.ws_connect(f"{url}/rtc", params={"access_token": token()})
    ping = SignalRequest(ping=1).SerializeToString()
    with contextlib.suppress(aiohttp.ClientError, ConnectionError):
        for _ in range(5000):
            await socket.send_bytes(ping)
    async with asyncio.timeout(5):
        while (await socket.receive()).type == aiohttp.WSMsgType.BINARY:
            pass
    assert socket.closed


async def test_garbage_on_the_websocket_harms_nobody(start: Started, http: aiohttp.ClientSession) -> None:
    url, _ = await start()
    socket = await http.ws_connect(f"{url}/rtc", params={"access_token": token()})
    await socket.send_bytes(b"\xff\xff\xff")
    request = SignalRequest()
    request.offer.sdp = "v=0\r\nm=audio x\r\n"
    await socket.send_bytes(request.SerializeToString())
    await socket.send_bytes(SignalRequest(ping=1).SerializeToString())
    assert (await until(socket, "pong")).pong > 0
    await socket.close()


async def test_room_service_refuses_in_twirps_words(start: Started, http: aiohttp.ClientSession) -> None:
    url, _ = await start()
    path = f"{url}/twirp/livekit.RoomService/ListRooms"
    headers = {"Authorization": f"Bearer {token()}", "Content-Type": "application/protobuf"}
    async with http.post(path, data=b"", headers=headers) as response:
        assert (response.status, (await response.json())["code"]) == (401, "unauthenticated")
    async with http.post(path, data=b"") as response:
        assert (response.status, (await response.json())["code"]) == (401, "unauthenticated")
    async with http.post(path.replace("ListRooms", "Nonsense"), data=b"", headers=headers) as response:
        assert (response.status, (await response.json())["code"]) == (404, "bad_route")


async def test_webhooks_are_signed_and_tried_again(start: Started, http: aiohttp.ClientSession) -> None:
    received: asyncio.Queue[Any] = asyncio.Queue()
    refusals = iter([503])

    async def take(request: web.Request) -> web.Response:
        body = await request.text()
        if next(refusals, None):
            return web.Response(status=503)
        verifier = api.WebhookReceiver(api.TokenVerifier(KEY, SECRET))
        received.put_nowait(verifier.receive(body, request.headers["Authorization"]))
        return web.Response()

    app = web.Application()
    app.router.add_post("/hook", take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    hook = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    _, sessions = await start(webhook=WebhookSettings(urls=(hook,), api_key=KEY))
    room = sessions.rooms.create("visit")
    sessions.rooms.close(room)
    async with asyncio.timeout(10):
        first, second = await received.get(), await received.get()
    assert (first.event, first.room.name, second.event) == ("room_started", "visit", "room_finished")
    await runner.cleanup()


async def test_an_empty_room_closes_after_its_timeout(start: Started) -> None:
    _, sessions = await start()
    room = sessions.rooms.create("visit")
    assert not sessions.rooms.close_idle(time.monotonic() + room.info.empty_timeout - 1)
    assert "visit" in sessions.rooms.by_name
    assert sessions.rooms.close_idle(time.monotonic() + room.info.empty_timeout + 1)
    assert "visit" not in sessions.rooms.by_name


async def test_the_access_log_never_carries_a_token(
    start: Started, http: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    url, _ = await start()
    secret = token()
    with caplog.at_level(logging.DEBUG):
        async with http.get(f"{url}/rtc/validate", params={"access_token": secret}) as response:
            assert response.status == 200
    lines = [record.getMessage() for record in caplog.records]
    assert any("/rtc/validate" in line for line in lines)
    assert not any(secret in line for line in lines)
