"""What a token allows, and what changes when an administrator changes it."""

from __future__ import annotations

import asyncio

import pytest
from livekit import api, rtc
from livekit.rtc.participant import PublishTrackError

from tests.conformance.conftest import Joined, Opened, Server, eventually
from tests.conformance.media import publications, publish_tone
from tests.conformance.test_browser import _local, _plays, _rests, _visit


async def test_a_waiting_participant_neither_hears_nor_speaks_until_admitted(
    join: Joined, admin: api.LiveKitAPI, server: Server
) -> None:
    doctor = await join("doctor")
    heard: list[bytes] = []
    doctor.on("data_received", lambda packet: heard.append(packet.data))
    await publish_tone(doctor)
    patient = await join("patient", can_publish=False, can_subscribe=False, can_publish_data=False)
    subscribed = asyncio.Event()
    patient.on("track_subscribed", lambda *_: subscribed.set())

    with pytest.raises((PublishTrackError, TimeoutError)):
        await asyncio.wait_for(publish_tone(patient), 3)
    await patient.local_participant.publish_data(b"let me in")
    await asyncio.sleep(0.5)
    assert not subscribed.is_set()
    assert heard == []

    await admin.room.update_participant(
        api.UpdateParticipantRequest(
            room=server.room,
            identity="patient",
            permission=api.ParticipantPermission(can_publish=True, can_subscribe=True, can_publish_data=True),
        )
    )
    await asyncio.wait_for(subscribed.wait(), 10)
    await publish_tone(patient)
    await patient.local_participant.publish_data(b"thank you")
    await eventually(lambda: heard == [b"thank you"])
    await eventually(lambda: len(publications(doctor, "patient")) == 1)


async def test_revoking_takes_published_and_subscribed_tracks_away(
    join: Joined, admin: api.LiveKitAPI, server: Server
) -> None:
    host, guest = await join("host"), await join("guest")
    await publish_tone(host)
    await publish_tone(guest)
    await eventually(lambda: len(_subscribed(guest, "host")) == 1 and len(_subscribed(host, "guest")) == 1)

    await admin.room.update_participant(
        api.UpdateParticipantRequest(
            room=server.room,
            identity="guest",
            permission=api.ParticipantPermission(can_publish=False, can_subscribe=False, can_publish_data=False),
        )
    )
    await _falls_silent(_subscribed(guest, "host")[0])
    await eventually(lambda: not publications(host, "guest"))


async def test_a_token_without_room_join_opens_nothing(server: Server) -> None:
    room = rtc.Room()
    with pytest.raises(rtc.ConnectError):
        await room.connect(server.url, server.token("someone", room_join=False))


async def _falls_silent(track: rtc.Track) -> None:
    """Wait until no packet arrives any more; the SDK has no event for a track the server took away."""
    before = -1
    async with asyncio.timeout(10):
        while (now := await _packets(track)) != before:
            before = now
            await asyncio.sleep(0.5)


async def _packets(track: rtc.Track) -> int:
    stats = await track.get_stats()
    return sum(entry.inbound_rtp.received.packets_received for entry in stats if entry.HasField("inbound_rtp"))


def _subscribed(room: rtc.Room, identity: str) -> list[rtc.Track]:
    return [publication.track for publication in publications(room, identity) if publication.track]


async def test_a_publisher_chooses_who_subscribes(server: Server, open_page: Opened) -> None:
    amina, li = await _visit(server, open_page)
    permission = "([all, list]) => rooms.get('li').localParticipant.setTrackSubscriptionPermissions(all, list)"
    status = "[...rooms.get('amina').remoteParticipants.values()][0].getTrackPublication('{}')?.permissionStatus"

    async def shows(source: str, expected: str) -> bool:
        return bool(await amina.evaluate(status.format(source)) == expected)

    await li.evaluate(permission, [False, []])
    await eventually(lambda: shows("camera", "not_allowed"))
    await eventually(lambda: shows("microphone", "not_allowed"))
    await eventually(lambda: _rests(amina, "amina", "li/camera"))
    sid = await li.evaluate("rooms.get('li').localParticipant.getTrackPublication('camera').trackSid")
    listed = {"participantIdentity": "amina", "allowAll": False, "allowedTrackSids": [sid]}
    await li.evaluate(permission, [False, [listed]])
    await eventually(lambda: shows("camera", "allowed"))
    await eventually(lambda: _plays(amina, "amina", "li/camera"))
    assert await shows("microphone", "not_allowed")
    await _local(li, "li", "setScreenShareEnabled(true)")
    await eventually(lambda: shows("screen_share", "not_allowed"))
    await li.evaluate(permission, [True, []])
    await eventually(lambda: _plays(amina, "amina", "li/screen_share"))
    await eventually(lambda: _plays(amina, "amina", "li/microphone"))
