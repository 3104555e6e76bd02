"""Bounds that keep one client from harming others, each tried from outside."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import secrets
import socket as sockets
import time
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest
from livekit import api
from livekit.protocol.models import ClientInfo, ParticipantInfo, TrackType
from livekit.protocol.rtc import (
    AddTrackRequest,
    JoinRequest,
    SignalRequest,
    UpdateParticipantMetadata,
    WrappedJoinRequest,
)

from signaling.config import LimitSettings, RoomSettings, Settings, WebhookSettings
from signaling.operation.webhooks import MAX_WAITING, Webhooks
from signaling.rooms.room import Room
from tests.signaling.conftest import KEY, SECRET, Started, next_of, token, until

LONG = "n" * 257


async def _refused(http: aiohttp.ClientSession, url: str, access_token: str, path: str = "/rtc", **query: str) -> int:
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        await http.ws_connect(url + path, params={"access_token": access_token, **query})
    return caught.value.status


async def _join(http: aiohttp.ClientSession, url: str, identity: str, **grants: Any) -> aiohttp.ClientWebSocketResponse:
    socket = await http.ws_connect(f"{url}/rtc", params={"access_token": token(identity=identity, **grants)})
    await until(socket, "join")
    return socket


async def _ask(socket: aiohttp.ClientWebSocketResponse, **request: Any) -> None:
    await socket.send_bytes(SignalRequest(**request).SerializeToString())


async def _answered(socket: aiohttp.ClientWebSocketResponse) -> None:
    await _ask(socket, ping=1)
    await until(socket, "pong")


async def _until(is_true: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not is_true():  # noqa: ASYNC110 - the server's state has no event to wait for
            await asyncio.sleep(0.01)


async def _ends(socket: aiohttp.ClientWebSocketResponse) -> None:
    async with asyncio.timeout(5):
        while (await socket.receive()).type == aiohttp.WSMsgType.BINARY:
            pass


def _wrapped(request: JoinRequest) -> str:
    wrapped = WrappedJoinRequest(join_request=request.SerializeToString()).SerializeToString()
    return base64.urlsafe_b64encode(wrapped).decode()


# Coming in


async def test_names_and_details_too_large_are_refused(start: Started, http: aiohttp.ClientSession) -> None:
    url, sessions = await start(room=RoomSettings(max_metadata_bytes=100, max_attributes_bytes=100))
    assert await _refused(http, url, token(room=LONG)) == 400
    assert await _refused(http, url, token(identity=LONG)) == 400
    own = token(can_update_own_metadata=True)
    many = base64.urlsafe_b64encode(json.dumps({"key": "v" * 100}).encode()).decode()
    assert await _refused(http, url, own, attributes=many) == 400
    request = JoinRequest(client_info=ClientInfo(), metadata="m" * 101)
    assert await _refused(http, url, own, "/rtc/v1", join_request=_wrapped(request)) == 400
    assert not sessions.rooms.by_name


@pytest.mark.parametrize("attributes", [{"key": "\ud800"}, {"\ud800": "v"}])
async def test_half_a_character_is_refused(
    start: Started, http: aiohttp.ClientSession, attributes: dict[str, str]
) -> None:
    url, _ = await start()
    brought = base64.urlsafe_b64encode(json.dumps(attributes).encode()).decode()
    assert await _refused(http, url, token(can_update_own_metadata=True), attributes=brought) == 400


async def test_half_a_character_in_a_token_keeps_nobody_out_of_the_room(
    start: Started, http: aiohttp.ClientSession
) -> None:
    url, _ = await start()
    grants = api.VideoGrants(room_join=True, room="visit")
    half = api.AccessToken(KEY, SECRET).with_identity("li").with_grants(grants).with_metadata("\ud800").to_jwt()
    assert await _refused(http, url, half) == 400
    amina = await _join(http, url, "amina")
    await amina.close()


@pytest.mark.parametrize("number", ["²", "9" * 500, "-1", "x"])
async def test_a_protocol_that_is_no_number_is_none(start: Started, http: aiohttp.ClientSession, number: str) -> None:
    url, _ = await start()
    socket = await http.ws_connect(f"{url}/rtc", params={"access_token": token(), "protocol": number})
    assert (await next_of(socket)).join.participant.client_protocol == 0
    await socket.close()


async def test_deeply_nested_text_is_refused_like_any_other(start: Started, http: aiohttp.ClientSession) -> None:
    url, _ = await start()
    deep = base64.urlsafe_b64encode(b"[" * 9000).decode().rstrip("=")
    assert await _refused(http, url, f"e30.{deep}.x") == 401
    socket = await http.ws_connect(f"{url}/rtc", params={"access_token": token(), "attributes": deep})
    await socket.send_str("[" * 100_000)
    await socket.send_str('{"ping":' + "[" * 50_000)
    await socket.send_str('{"ping": "1"}')
    async with asyncio.timeout(5):
        while (message := await socket.receive()).type != aiohttp.WSMsgType.TEXT or "pong" not in message.data:
            assert message.type in (aiohttp.WSMsgType.BINARY, aiohttp.WSMsgType.TEXT)
    await socket.close()


async def test_the_server_is_full_for_a_new_room_too(start: Started, http: aiohttp.ClientSession) -> None:
    url, _ = await start(limits=LimitSettings(participants=1, rooms=2))
    first = await _join(http, url, "amina")
    assert await _refused(http, url, token(room="another", identity="li")) == 429
    await first.close()


async def test_only_so_many_rooms(start: Started, http: aiohttp.ClientSession) -> None:
    url, _ = await start(limits=LimitSettings(rooms=1))
    first = await _join(http, url, "amina")
    assert await _refused(http, url, token(room="another", identity="li")) == 429
    await first.close()


async def test_everyone_at_once_fills_a_room_no_further(start: Started, http: aiohttp.ClientSession) -> None:
    url, sessions = await start(room=RoomSettings(max_participants=3))
    sessions.rooms.create("visit")
    trying = [_join(http, url, f"person-{number}") for number in range(20)]
    results = await asyncio.gather(*trying, return_exceptions=True)
    sockets_open = [result for result in results if isinstance(result, aiohttp.ClientWebSocketResponse)]
    assert len(sockets_open) == len(sessions.rooms.by_name["visit"].participants) == 3
    for socket in sockets_open:
        await socket.close()


async def test_sessions_of_one_identity_at_once_leave_one(start: Started, http: aiohttp.ClientSession) -> None:
    url, sessions = await start()
    await asyncio.gather(*(_join(http, url, "amina") for _ in range(8)), return_exceptions=True)
    (participant,) = sessions.rooms.by_name["visit"].participants.values()
    peers = {side.peer for side in (participant.offers, participant.subscriber) if side is not None}
    await _until(lambda: sessions.endpoint.peers == peers)


async def test_somebody_whose_media_never_comes_is_forgotten(start: Started, http: aiohttp.ClientSession) -> None:
    url, sessions = await start(limits=LimitSettings(join_seconds=0.1))
    socket = await _join(http, url, "amina")
    leave = (await until(socket, "leave")).leave
    assert leave.reason == 7
    await _ends(socket)
    await _until(lambda: not sessions.endpoint.peers)
    assert not sessions.rooms.by_name["visit"].participants


async def test_a_clock_that_is_set_ends_nobody_who_is_joining(
    start: Started, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, sessions = await start()
    socket = await _join(http, url, "amina")
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 3600)
    sessions._sweep_room(sessions.rooms.by_name["visit"], time.monotonic(), is_slow=False)
    await socket.send_bytes(SignalRequest(ping=1).SerializeToString())
    await until(socket, "pong")


# Messages


async def test_a_message_too_large_ends_the_websocket(start: Started, http: aiohttp.ClientSession) -> None:
    url, _ = await start(limits=LimitSettings(signal_message_bytes=1000))
    socket = await _join(http, url, "amina")
    await socket.send_bytes(bytes(1001))
    await _ends(socket)


async def test_too_many_bytes_end_the_websocket(start: Started, http: aiohttp.ClientSession) -> None:
    url, _ = await start(limits=LimitSettings(signal_bytes_per_second=1000))
    socket = await _join(http, url, "amina")
    with contextlib.suppress(ConnectionError, aiohttp.ClientError):
        for _ in range(3):
            await socket.send_bytes(bytes(5000))
    await _ends(socket)


async def test_a_flood_of_changes_cuts_nobody_else_off(start: Started, http: aiohttp.ClientSession) -> None:
    url, sessions = await start(limits=LimitSettings(signal_messages_per_second=3000))
    other = await _join(http, url, "li")
    flooder = await _join(http, url, "amina")
    await _ask(flooder, add_track=AddTrackRequest(cid="c", type=TrackType.AUDIO))
    sid = (await until(flooder, "track_published")).track_published.track.sid
    for number in range(2000):
        request = SignalRequest()
        request.mute.sid, request.mute.muted = sid, number % 2 == 0
        await flooder.send_bytes(request.SerializeToString())
    await _answered(flooder)

    async def told() -> list[ParticipantInfo]:
        await _ask(other, ping=1)
        found: list[ParticipantInfo] = []
        while (response := await next_of(other)).WhichOneof("message") != "pong":
            found += response.update.participants
        return found

    changes = await told()
    assert len(changes) < 100
    # The last of them is told by the clock, now or a moment ago.
    participant = sessions.rooms.by_name["visit"].participants["amina"]
    await _until(lambda: not participant.is_changed)
    changes += await told()
    assert changes[-1].version == participant.version
    await flooder.close()
    await other.close()


async def test_a_client_that_stops_reading_is_cut_off_and_nobody_notices(
    start: Started, http: aiohttp.ClientSession
) -> None:
    limits = LimitSettings(signal_send_seconds=0.3, signal_bytes_per_second=100_000_000, resume_seconds=0.2)
    url, sessions = await start(limits=limits)
    other = await _join(http, url, "li")
    port = int(url.rsplit(":", 1)[1])
    raw = sockets.socket()
    raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
    raw.settimeout(0)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(raw, ("127.0.0.1", port))
    key = base64.b64encode(secrets.token_bytes(16)).decode()
    head = f"GET /rtc?access_token={token()} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    await loop.sock_sendall(raw, f"{head}Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode())
    assert (await loop.sock_recv(raw, 12)).endswith(b"101")
    await _until(lambda: "amina" in sessions.rooms.by_name["visit"].participants)
    # Each is refused and sent back whole, to a client that does not read.
    echoed = SignalRequest(update_metadata=UpdateParticipantMetadata(metadata="m" * 60_000)).SerializeToString()
    frame = b"\x82\xff" + len(echoed).to_bytes(8, "big") + bytes(4) + echoed
    with contextlib.suppress(ConnectionError):
        async with asyncio.timeout(5):
            for _ in range(90):
                await loop.sock_sendall(raw, frame)
    await _answered(other)
    await _until(lambda: "amina" not in sessions.rooms.by_name["visit"].participants)
    await _until(lambda: len(sessions.endpoint.peers) == 2)
    await _answered(other)
    await other.close()
    raw.close()


# For applications


async def test_room_service_takes_no_more_than_clients_may(start: Started, http: aiohttp.ClientSession) -> None:
    url, sessions = await start()
    sessions.rooms.create("visit")
    headers = {"Authorization": f"Bearer {token(room_admin=True, room_create=True)}"}

    async def call(method: str, body: Any) -> tuple[int, str]:
        path = f"{url}/twirp/livekit.RoomService/{method}"
        data = body if isinstance(body, str) else json.dumps(body)
        json_headers = {**headers, "Content-Type": "application/json"}
        async with http.post(path, data=data, headers=json_headers) as response:
            return response.status, (await response.json())["code"]

    too_large = base64.b64encode(bytes(65 * 1024)).decode()
    assert await call("SendData", {"room": "visit", "data": too_large}) == (400, "invalid_argument")
    assert await call("CreateRoom", {"name": LONG}) == (400, "invalid_argument")
    assert await call("UpdateRoomMetadata", {"room": "visit", "metadata": "m" * 70_000}) == (400, "invalid_argument")
    assert await call("CreateRoom", "[" * 50_000) == (400, "malformed")
    assert await call("CreateRoom", '{"empty_timeout": 1e999}') == (400, "malformed")


async def test_a_receiver_of_webhooks_that_hangs_holds_a_bounded_queue() -> None:
    settings = Settings(keys={KEY: SECRET}, webhook=WebhookSettings(urls=("http://127.0.0.1:9/hook",)))
    webhooks = Webhooks(settings)
    room = Room("visit", settings, webhooks)
    for _ in range(MAX_WAITING + 5):
        webhooks.tell("room_started", room.snapshot())
    assert webhooks.dropped == 5


# Going


async def test_health_says_so_when_the_server_closes(start: Started, http: aiohttp.ClientSession) -> None:
    url, sessions = await start()
    async with http.get(f"{url}/healthz") as response:
        assert response.status == 200
    socket = await _join(http, url, "amina")
    await sessions.drain()
    assert (await until(socket, "leave")).leave.action == 2
    async with http.get(f"{url}/healthz") as response:
        assert response.status == 503
    assert await _refused(http, url, token()) == 503


async def _failed(http: aiohttp.ClientSession, url: str, *forwarded: str) -> tuple[int, str]:
    headers = [("X-Forwarded-For", address) for address in forwarded]
    async with http.get(f"{url}/rtc/validate", params={"access_token": "x.y.z"}, headers=headers) as response:
        return response.status, response.headers.get("Retry-After", "")


async def test_who_fails_too_often_is_told_to_wait_and_a_good_token_still_joins(
    start: Started, http: aiohttp.ClientSession
) -> None:
    url, sessions = await start(limits=LimitSettings(failed_joins_per_minute=3))
    assert await _refused(http, url, "x.y.z") == 401
    assert await _refused(http, url, token(room_join=False)) == 401
    assert (await _failed(http, url))[0] == 401
    status, retry_after = await _failed(http, url)
    assert status == 429
    assert 15 <= int(retry_after) <= 20
    assert await _refused(http, url, "x.y.z") == 429
    async with http.post(f"{url}/twirp/livekit.RoomService/ListRooms", data=b"") as response:
        assert (response.status, (await response.json())["code"]) == (429, "resource_exhausted")
        assert "Retry-After" in response.headers
    assert sessions.failures.refused == 3
    socket = await _join(http, url, "amina")
    await socket.close()


async def test_a_room_that_is_full_is_no_failure(start: Started, http: aiohttp.ClientSession) -> None:
    url, _ = await start(limits=LimitSettings(failed_joins_per_minute=1, participants=0))
    for _ in range(3):
        assert await _refused(http, url, token()) == 429
    assert (await _failed(http, url))[0] == 401


async def test_behind_a_proxy_callers_are_told_apart_by_its_word_alone(
    start: Started, http: aiohttp.ClientSession
) -> None:
    url, _ = await start(limits=LimitSettings(failed_joins_per_minute=1), behind_proxy=True)
    assert (await _failed(http, url, "192.0.2.1"))[0] == 401
    assert (await _failed(http, url, "192.0.2.2"))[0] == 401
    assert (await _failed(http, url, "192.0.2.3, 192.0.2.1"))[0] == 429
    assert (await _failed(http, url, "192.0.2.4", "192.0.2.2"))[0] == 429


async def test_what_a_caller_claims_to_be_counts_for_nothing_without_a_proxy(
    start: Started, http: aiohttp.ClientSession
) -> None:
    url, _ = await start(limits=LimitSettings(failed_joins_per_minute=1))
    assert (await _failed(http, url, "192.0.2.1"))[0] == 401
    assert (await _failed(http, url, "192.0.2.2"))[0] == 429
