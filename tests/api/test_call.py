"""A visit's call with LiveKit's own clients: waiting, admitted, and over."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from livekit import api, rtc
from livekit.rtc.participant import PublishTrackError

from tests.appointments import Appointment, book
from tests.conformance.conftest import eventually
from tests.conformance.media import publications, publish_tone
from tests.conftest import SetClock
from tests.nodes import federation

Connect = Callable[[dict[str, Any]], Awaitable[rtc.Room]]


@pytest.fixture
async def visit(tmp_path: Path, clock: SetClock) -> AsyncIterator[Appointment]:
    """Ten minutes before it begins."""
    async with federation(tmp_path, clock, "KE", "CN") as nodes:
        yield await book(nodes["KE"], nodes["CN"])


@pytest.fixture
async def connect(visit: Appointment) -> AsyncIterator[Connect]:
    """Connect a client as an entrance says; asked for after `visit`, so that it lets go first."""
    rooms: list[rtc.Room] = []

    async def connected(entrance: dict[str, Any]) -> rtc.Room:
        room = rtc.Room()
        rooms.append(room)
        # The client's resolver does not know names under .localhost.
        await room.connect(entrance["url"].replace("ke.localhost", "127.0.0.1"), entrance["token"])
        return room

    yield connected
    await asyncio.gather(*(room.disconnect() for room in rooms), return_exceptions=True)


async def entrance(visit: Appointment, doctor: str = "") -> dict[str, Any]:
    status, found = await (visit.doctor(doctor, "POST", "/enter") if doctor else visit.patient("POST", "/enter"))
    assert status == 200
    return dict(found)


async def test_who_waits_hears_and_says_nothing_until_admitted(visit: Appointment, connect: Connect) -> None:
    cookie = await visit.arrive()
    doctor = await connect(await entrance(visit, cookie))
    heard: list[bytes] = []
    doctor.on("data_received", lambda packet: heard.append(packet.data))
    await publish_tone(doctor)
    waiting = await entrance(visit)
    assert not waiting["may_publish"]
    assert not (await visit.doctor(cookie, "GET"))[1]["patient_waiting"]
    patient = await connect(waiting)
    subscribed = asyncio.Event()
    patient.on("track_subscribed", lambda *_: subscribed.set())
    assert (await visit.doctor(cookie, "GET"))[1]["patient_waiting"]
    with pytest.raises((PublishTrackError, TimeoutError)):
        await asyncio.wait_for(publish_tone(patient), 3)
    await patient.local_participant.publish_data(b"let me in")
    assert not subscribed.is_set()

    assert (await visit.doctor(cookie, "POST", "/admit"))[1]["admitted"]
    await asyncio.wait_for(subscribed.wait(), 10)
    await publish_tone(patient)
    await patient.local_participant.publish_data(b"thank you")
    await eventually(lambda: heard == [b"thank you"])
    await eventually(lambda: len(publications(doctor, "patient")) == 1)
    assert (await entrance(visit))["may_publish"]


async def test_a_token_from_before_the_admission_is_let_in_when_it_connects(
    visit: Appointment, connect: Connect
) -> None:
    waiting = await entrance(visit)
    assert (await visit.doctor(await visit.arrive(), "POST", "/admit"))[0] == 200
    patient = await connect(waiting)
    await eventually(lambda: _may_publish(patient))


async def test_after_the_end_saved_tokens_open_nothing(visit: Appointment, connect: Connect) -> None:
    cookie = await visit.arrive()
    await visit.doctor(cookie, "POST", "/admit")
    saved = [await entrance(visit, cookie), await entrance(visit)]
    gone = [asyncio.Event(), asyncio.Event()]
    for way_in, event in zip(saved, gone, strict=True):
        (await connect(way_in)).on("disconnected", lambda *_, event=event: event.set())
    assert (await visit.doctor(cookie, "POST", "/end"))[0] == 200
    await asyncio.wait_for(asyncio.gather(*(event.wait() for event in gone)), 10)
    for way_in in saved:
        with pytest.raises(rtc.ConnectError):
            await connect(way_in)


async def test_a_room_that_opens_after_the_end_is_closed_at_once(visit: Appointment) -> None:
    assert (await visit.doctor(await visit.arrive(), "POST", "/end"))[0] == 200
    media = visit.ke.settings.media
    url = f"http://127.0.0.1:{visit.ke.settings.port}/media"
    async with api.LiveKitAPI(url, media.key, media.secret) as admin:
        for room in (visit.room, "nobody booked this"):
            await admin.room.create_room(api.CreateRoomRequest(name=room))

            async def closed(room: str = room) -> bool:
                return not (await admin.room.list_rooms(api.ListRoomsRequest(names=[room]))).rooms

            await eventually(closed)


async def test_only_the_media_server_reports(visit: Appointment) -> None:
    event = {"event": "room_started", "room": {"name": visit.room}}
    async with visit.ke.http.post(f"{visit.ke.origin}/webhooks/media", json=event) as answer:
        assert answer.status == 401


def _may_publish(room: rtc.Room) -> bool:
    permissions = room.local_participant._info.permission
    return bool(permissions.can_publish)
