"""Rooms that begin and end while people come and go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web
from google.protobuf import json_format
from livekit.protocol.models import DisconnectReason, Room, TrackType
from livekit.protocol.room import CreateRoomRequest, DeleteRoomRequest
from livekit.protocol.rtc import AddTrackRequest, JoinRequest, LeaveRequest, SessionDescription
from livekit.protocol.webhook import WebhookEvent

from signaling.clients.sessions import Sessions
from signaling.config import WebhookSettings
from signaling.operation.roomservice import RoomService
from signaling.rooms.participants import Participant
from signaling.rooms.room import disconnect
from signaling.tokens import VideoGrant
from tests.signaling.conftest import Started, token, until
from tests.signaling.test_joining import wrapped
from tests.signaling.test_sdp import OFFER

CREATE = VideoGrant(room_create=True)


class Hook:
    """An application that takes webhooks."""

    def __init__(self) -> None:
        self.url = ""
        self._events: asyncio.Queue[WebhookEvent] = asyncio.Queue()

    async def take(self, request: web.Request) -> web.Response:
        self._events.put_nowait(json_format.Parse(await request.text(), WebhookEvent()))
        return web.Response()

    async def next(self) -> WebhookEvent:
        async with asyncio.timeout(5):
            return await self._events.get()


@pytest.fixture
async def hook() -> AsyncIterator[Hook]:
    app, hook = web.Application(), Hook()
    app.router.add_post("/", hook.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    hook.url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    yield hook
    await runner.cleanup()


async def _connect(http: aiohttp.ClientSession, url: str, identity: str) -> aiohttp.ClientWebSocketResponse:
    microphone = AddTrackRequest(cid="track-a", name="microphone", type=TrackType.AUDIO)
    request = JoinRequest(publisher_offer=SessionDescription(type="offer", sdp=OFFER), add_track_requests=[microphone])
    query = {"access_token": token(identity=identity), "join_request": wrapped(request)}
    return await http.ws_connect(f"{url}/rtc/v1", params=query)


async def _join(http: aiohttp.ClientSession, url: str, identity: str) -> aiohttp.ClientWebSocketResponse:
    """Somebody whose connection takes a moment to close."""
    socket = await _connect(http, url, identity)
    await until(socket, "answer")
    return socket


async def _until_it_leaves(participant: Participant) -> None:
    async with asyncio.timeout(5):
        while participant.room.participants.get(participant.identity) is participant:  # noqa: ASYNC110 - the room has no event for it
            await asyncio.sleep(0)


async def _create(sessions: Sessions, request: CreateRoomRequest) -> Room:
    body = request.SerializeToString()
    return Room.FromString(await RoomService(sessions).call("CreateRoom", body, is_json=False, grant=CREATE))


def _shape(room: Room) -> tuple[str, int, int, int]:
    return room.metadata, room.max_participants, room.empty_timeout, room.departure_timeout


async def test_a_room_is_what_was_asked_for_when_it_starts(hook: Hook, start: Started) -> None:
    _, sessions = await start(webhook=WebhookSettings(urls=(hook.url,)))
    wanted = CreateRoomRequest(name="visit", metadata="m", max_participants=2, empty_timeout=77, departure_timeout=88)
    created = await _create(sessions, wanted)
    started = await hook.next()
    assert started.event == "room_started"
    assert _shape(started.room) == _shape(created) == ("m", 2, 77, 88)


async def test_a_room_that_is_there_is_given_back_as_it_is(start: Started) -> None:
    _, sessions = await start()
    first = await _create(sessions, CreateRoomRequest(name="visit", metadata="m", max_participants=2))
    again = await _create(sessions, CreateRoomRequest(name="visit", metadata="other", max_participants=1))
    assert again == first


async def test_who_comes_while_a_room_is_deleted_is_in_a_new_one(start: Started, http: aiohttp.ClientSession) -> None:
    url, sessions = await start()
    sockets = [await _join(http, url, identity) for identity in ("amina", "li")]
    old = sessions.rooms.find("visit")
    request = DeleteRoomRequest(room="visit").SerializeToString()
    deleting = asyncio.create_task(RoomService(sessions).call("DeleteRoom", request, is_json=False, grant=CREATE))
    await _until_it_leaves(old.find("amina"))
    assert not deleting.done()
    newer = sessions.rooms.create("visit")
    await deleting
    assert newer is not old
    assert sessions.rooms.by_name == {"visit": newer}
    assert not old.participants
    for socket in sockets:
        assert (await until(socket, "leave")).leave.reason == DisconnectReason.ROOM_DELETED


async def test_a_deleted_room_is_finished_once_everyone_has_left(
    hook: Hook, start: Started, http: aiohttp.ClientSession
) -> None:
    url, sessions = await start(webhook=WebhookSettings(urls=(hook.url,)))
    for identity in ("amina", "li"):
        await _join(http, url, identity)
    room = sessions.rooms.find("visit")
    for participant in room.participants.values():
        room.activate(participant)
    request = DeleteRoomRequest(room="visit").SerializeToString()
    await RoomService(sessions).call("DeleteRoom", request, is_json=False, grant=CREATE)
    sessions.rooms.create("another")
    events = [await hook.next() for _ in range(11)]
    assert [event.event for event in events] == [
        "room_started",
        *["participant_joined", "track_published"] * 2,
        *["track_unpublished", "participant_left"] * 2,
        "room_finished",
        "room_started",
    ]
    assert {event.room.sid for event in events[:-1]} == {room.info.sid}


async def test_who_never_connected_is_told_as_such_and_published_nothing(
    hook: Hook, start: Started, http: aiohttp.ClientSession
) -> None:
    url, sessions = await start(webhook=WebhookSettings(urls=(hook.url,)))
    await _join(http, url, "amina")
    amina = sessions.rooms.find("visit").find("amina")
    assert amina.is_publisher
    await disconnect(amina, DisconnectReason.CLIENT_INITIATED, LeaveRequest.DISCONNECT)
    assert [(await hook.next()).event for _ in range(2)] == ["room_started", "participant_connection_aborted"]


async def test_a_room_with_somebody_in_it_is_not_forgotten(start: Started, http: aiohttp.ClientSession) -> None:
    url, sessions = await start()
    await _join(http, url, "amina")
    room = sessions.rooms.find("visit")
    with pytest.raises(RuntimeError):
        sessions.rooms.close(room)
    assert sessions.rooms.find("visit") is room


async def test_who_is_let_in_while_the_server_closes_is_told_to_come_back(
    start: Started, http: aiohttp.ClientSession
) -> None:
    url, sessions = await start()
    await _join(http, url, "amina")
    older = sessions.rooms.find("visit").find("amina")
    coming = asyncio.create_task(_connect(http, url, "amina"))
    # The newer session waits for the older one to end.
    await _until_it_leaves(older)
    await sessions.drain()
    leave = (await until(await coming, "leave")).leave
    assert (leave.reason, leave.action) == (DisconnectReason.SERVER_SHUTDOWN, leave.RECONNECT)
    assert not sessions.rooms.by_name
