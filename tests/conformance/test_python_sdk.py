"""The Python SDK and livekit-api against the server."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest
from livekit import api, rtc

from tests.conformance.conftest import Joined, Server, eventually
from tests.conformance.media import (
    hum_level,
    publications,
    publish_picture,
    publish_silence,
    publish_tone,
    until_louder,
)


async def test_sound_and_picture_arrive(join: Joined) -> None:
    viewer, publisher = await join("viewer"), await join("publisher")
    tracks: asyncio.Queue[rtc.Track] = asyncio.Queue()
    viewer.on("track_subscribed", lambda track, *_: tracks.put_nowait(track))
    await publish_tone(publisher)
    await publish_picture(publisher)
    by_kind = {}
    for _ in range(2):
        track = await asyncio.wait_for(tracks.get(), 10)
        by_kind[track.kind] = track
    await until_louder(by_kind[rtc.TrackKind.KIND_AUDIO], 2000)
    frames = 0
    stream = rtc.VideoStream(by_kind[rtc.TrackKind.KIND_VIDEO])
    async with asyncio.timeout(15):
        async for event in stream:
            frames += 1
            if frames >= 20:
                assert event.frame.width >= 320
                break
    await stream.aclose()


async def test_data_reaches_everyone_or_only_those_named(join: Joined) -> None:
    sender, one, two = await join("sender"), await join("one"), await join("two")
    got: dict[str, list[bytes]] = {"one": [], "two": []}
    one.on("data_received", lambda packet: got["one"].append(packet.data))
    two.on("data_received", lambda packet: got["two"].append(packet.data))
    await sender.local_participant.publish_data(b"all", topic="chat")
    await sender.local_participant.publish_data(b"two", destination_identities=["two"])
    await sender.local_participant.publish_data(b"end")
    await eventually(lambda: got == {"one": [b"all", b"end"], "two": [b"all", b"two", b"end"]})

    async def lossy_arrived() -> bool:
        await sender.local_participant.publish_data(b"lossy", reliable=False)
        return all(b"lossy" in packets for packets in got.values())

    await eventually(lossy_arrived)


async def test_data_sent_twice_under_one_nonce_arrives_once(join: Joined, server: Server) -> None:
    one, two = await join("one"), await join("two")
    got: dict[str, list[bytes]] = {"one": [], "two": []}
    one.on("data_received", lambda packet: got["one"].append(packet.data))
    two.on("data_received", lambda packet: got["two"].append(packet.data))
    # By hand: livekit-api puts a nonce of its own on each call.
    url = f"{server.url.replace('ws', 'http', 1)}/twirp/livekit.RoomService/SendData"
    token = server.token("admin", room_admin=True)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/protobuf"}

    async def send(data: bytes, nonce: bytes, *sids: str) -> None:
        request = api.SendDataRequest(room=server.room, data=data, destination_sids=sids, nonce=nonce)
        body = request.SerializeToString()
        async with aiohttp.ClientSession() as http, http.post(url, data=body, headers=headers) as response:
            assert response.status == 200

    first, second = b"1" * 16, b"2" * 16
    await send(b"to one", first, one.local_participant.sid)
    await send(b"to one", first, one.local_participant.sid)
    await send(b"to all", second)
    await eventually(lambda: got == {"one": [b"to one", b"to all"], "two": [b"to all"]})


async def test_a_text_stream_arrives_whole(join: Joined) -> None:
    sender, reader = await join("sender"), await join("reader")
    texts: asyncio.Queue[str] = asyncio.Queue()
    reading: set[asyncio.Task[None]] = set()

    async def read(stream: rtc.TextStreamReader) -> None:
        texts.put_nowait(await stream.read_all())

    def opened(stream: rtc.TextStreamReader, _: str) -> None:
        reading.add(asyncio.create_task(read(stream)))

    reader.register_text_stream_handler("chat", opened)
    text = "pole pole ndio mwendo " * 2000
    await sender.local_participant.send_text(text, topic="chat")
    assert await asyncio.wait_for(texts.get(), 10) == text


async def test_a_remote_call_returns(join: Joined) -> None:
    caller, callee = await join("caller"), await join("callee")

    async def answer(call: rtc.RpcInvocationData) -> str:
        return f"{call.caller_identity} asked {call.payload}"

    callee.local_participant.register_rpc_method("ask", answer)
    reply = await caller.local_participant.perform_rpc(
        destination_identity="callee", method="ask", payload="how are you"
    )
    assert reply == "caller asked how are you"


async def test_muting_is_told_and_silences(join: Joined) -> None:
    listener, speaker = await join("listener"), await join("speaker")
    told: asyncio.Queue[str] = asyncio.Queue()
    listener.on("track_muted", lambda *_: told.put_nowait("muted"))
    listener.on("track_unmuted", lambda *_: told.put_nowait("unmuted"))
    publication = await publish_tone(speaker)
    await eventually(lambda: publications(listener, "speaker"))
    track = publication.track
    assert isinstance(track, rtc.LocalAudioTrack)
    track.mute()
    assert await asyncio.wait_for(told.get(), 5) == "muted"
    track.unmute()
    assert await asyncio.wait_for(told.get(), 5) == "unmuted"


async def test_unpublishing_takes_the_track_from_others(join: Joined) -> None:
    viewer, publisher = await join("viewer"), await join("publisher")
    gone = asyncio.Event()
    viewer.on("track_unpublished", lambda *_: gone.set())
    publication = await publish_tone(publisher)
    await eventually(lambda: publications(viewer, "publisher"))
    await publisher.local_participant.unpublish_track(publication.sid)
    await asyncio.wait_for(gone.wait(), 5)


@pytest.mark.parametrize(("dtx", "each_second"), [(True, (0, 15)), (False, (40, 60))])
async def test_silence_is_sent_only_where_a_publisher_wants_it(
    join: Joined, dtx: bool, each_second: tuple[int, int]
) -> None:
    publisher = await join("publisher")
    track = await publish_silence(publisher, dtx=dtx)

    async def sent() -> int:
        found = [stats for stats in await track.get_stats() if stats.HasField("outbound_rtp")]
        return sum(stats.outbound_rtp.sent.packets_sent for stats in found)

    async def is_as_wanted() -> bool:
        before = await sent()
        await asyncio.sleep(1.0)
        return before > 0 and each_second[0] <= await sent() - before <= each_second[1]

    await eventually(is_as_wanted, 20)


@pytest.mark.parametrize("pause", [False, True])
async def test_a_track_published_again_is_heard_again(join: Joined, pause: bool) -> None:
    listener, speaker = await join("listener"), await join("speaker")
    heard: asyncio.Queue[rtc.Track] = asyncio.Queue()
    gone = asyncio.Event()
    listener.on("track_subscribed", lambda track, *_: heard.put_nowait(track))
    listener.on("track_unpublished", lambda *_: gone.set())
    publication = await publish_tone(speaker)
    await asyncio.wait_for(heard.get(), 5)
    track = publication.track
    assert isinstance(track, rtc.LocalAudioTrack)
    await speaker.local_participant.unpublish_track(publication.sid)
    if pause:
        await asyncio.wait_for(gone.wait(), 5)
    options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
    again = await asyncio.wait_for(speaker.local_participant.publish_track(track, options), 10)
    assert again.sid != publication.sid
    await until_louder(await asyncio.wait_for(heard.get(), 10), 0)


async def test_the_same_identity_again_replaces_the_older(join: Joined) -> None:
    older = await join("amina")
    ended: asyncio.Queue[int] = asyncio.Queue()
    older.on("disconnected", lambda reason: ended.put_nowait(reason))
    await join("amina")
    assert await asyncio.wait_for(ended.get(), 5) == rtc.DisconnectReason.DUPLICATE_IDENTITY


async def test_attributes_and_metadata_reach_others(join: Joined) -> None:
    other = await join("other")
    me = await join("me", can_update_own_metadata=True)
    await me.local_participant.set_attributes({"hand": "up"})
    await me.local_participant.set_metadata("m")

    def is_told() -> bool:
        seen = other.remote_participants.get("me")
        return seen is not None and (dict(seen.attributes), seen.metadata) == ({"hand": "up"}, "m")

    await eventually(is_told)


async def test_a_full_room_refuses(server: Server, admin: api.LiveKitAPI, join: Joined) -> None:
    await admin.room.create_room(api.CreateRoomRequest(name=server.room, max_participants=1))
    await join("first")
    room = rtc.Room()
    with pytest.raises(rtc.ConnectError):
        await room.connect(server.url, server.token("second"))


async def test_room_service_sees_and_changes_the_room(admin: api.LiveKitAPI, join: Joined, server: Server) -> None:
    name = server.room
    created = await admin.room.create_room(api.CreateRoomRequest(name=name, metadata="first", empty_timeout=60))
    assert created.name == name
    assert created.sid.startswith("RM_")
    room = await join("guest")
    publication = await publish_tone(room)
    await eventually(lambda: _counts(admin, name, 1))
    await eventually(lambda: _sids(admin, name, [publication.sid]))

    muted = asyncio.Event()
    room.on("track_muted", lambda *_: muted.set())
    await admin.room.mute_published_track(
        api.MuteRoomTrackRequest(room=name, identity="guest", track_sid=publication.sid, muted=True)
    )
    await asyncio.wait_for(muted.wait(), 5)

    changed: asyncio.Queue[str] = asyncio.Queue()
    room.on("room_metadata_changed", lambda _, new: changed.put_nowait(new))
    await admin.room.update_room_metadata(api.UpdateRoomMetadataRequest(room=name, metadata="second"))
    assert await asyncio.wait_for(changed.get(), 5) == "second"

    data: asyncio.Queue[bytes] = asyncio.Queue()
    room.on("data_received", lambda packet: data.put_nowait(packet.data))
    await admin.room.send_data(
        api.SendDataRequest(room=name, data=b"notice", kind=api.DataPacket.Kind.RELIABLE, topic="t")
    )
    assert await asyncio.wait_for(data.get(), 5) == b"notice"

    ended: asyncio.Queue[int] = asyncio.Queue()
    room.on("disconnected", lambda reason: ended.put_nowait(reason))
    await admin.room.remove_participant(api.RoomParticipantIdentity(room=name, identity="guest"))
    assert await asyncio.wait_for(ended.get(), 5) == rtc.DisconnectReason.PARTICIPANT_REMOVED
    with pytest.raises(api.TwirpError) as caught:
        await admin.room.get_participant(api.RoomParticipantIdentity(room=name, identity="guest"))
    assert caught.value.code == "not_found"


async def _counts(admin: api.LiveKitAPI, room: str, people: int) -> bool:
    listed = await admin.room.list_rooms(api.ListRoomsRequest(names=[room]))
    return [found.num_participants for found in listed.rooms] == [people]


async def _sids(admin: api.LiveKitAPI, room: str, wanted: list[str]) -> bool:
    found = await admin.room.get_participant(api.RoomParticipantIdentity(room=room, identity="guest"))
    return [track.sid for track in found.tracks] == wanted


async def test_an_update_changes_only_what_it_names(admin: api.LiveKitAPI, join: Joined, server: Server) -> None:
    room = await join("guest")
    changes: list[str] = []
    room.on("participant_metadata_changed", lambda *_: changes.append("metadata"))
    room.on("participant_name_changed", lambda *_: changes.append("name"))

    async def update(**values: Any) -> None:
        await admin.room.update_participant(api.UpdateParticipantRequest(room=server.room, identity="guest", **values))

    await update(metadata="m")
    await eventually(lambda: room.local_participant.metadata == "m")
    await update(metadata="", name="Guest")
    await eventually(lambda: room.local_participant.name == "Guest")
    assert room.local_participant.metadata == "m"
    assert changes == ["metadata", "name"]


async def test_an_administrator_mutes_but_may_not_unmute(admin: api.LiveKitAPI, join: Joined, server: Server) -> None:
    room = await join("guest")
    publication = await publish_tone(room)
    await eventually(lambda: _sids(admin, server.room, [publication.sid]))
    request = api.MuteRoomTrackRequest(room=server.room, identity="guest", track_sid=publication.sid, muted=True)
    assert (await admin.room.mute_published_track(request)).track.muted
    request.muted = False
    with pytest.raises(api.TwirpError) as caught:
        await admin.room.mute_published_track(request)
    assert caught.value.code == "failed_precondition"


async def test_deleting_a_room_ends_it_for_everyone(admin: api.LiveKitAPI, join: Joined, server: Server) -> None:
    room = await join("guest")
    ended: asyncio.Queue[int] = asyncio.Queue()
    room.on("disconnected", lambda reason: ended.put_nowait(reason))
    await admin.room.delete_room(api.DeleteRoomRequest(room=server.room))
    assert await asyncio.wait_for(ended.get(), 5) == rtc.DisconnectReason.ROOM_DELETED


async def test_selective_subscription_is_honoured(join: Joined) -> None:
    publisher = await join("publisher")
    viewer = await join("viewer", options=rtc.RoomOptions(auto_subscribe=False))
    subscribed = asyncio.Event()
    viewer.on("track_subscribed", lambda *_: subscribed.set())
    await publish_tone(publisher)
    await eventually(lambda: publications(viewer, "publisher"))
    publication = publications(viewer, "publisher")[0]
    assert not subscribed.is_set()
    publication.set_subscribed(True)
    await asyncio.wait_for(subscribed.wait(), 5)


async def test_a_speaker_is_told_to_everyone(join: Joined) -> None:
    listener, speaker = await join("listener"), await join("speaker")
    speaking: asyncio.Queue[list[str]] = asyncio.Queue()
    listener.on("active_speakers_changed", lambda people: speaking.put_nowait([p.identity for p in people]))
    await publish_tone(speaker)
    async with asyncio.timeout(10):
        while await speaking.get() != ["speaker"]:
            pass


async def test_connection_quality_is_told(join: Joined) -> None:
    listener = await join("listener")
    told: asyncio.Queue[int] = asyncio.Queue()
    listener.on("connection_quality_changed", lambda _, word: told.put_nowait(word))
    assert await asyncio.wait_for(told.get(), 10) == rtc.ConnectionQuality.QUALITY_EXCELLENT


async def test_six_people_hear_each_other(join: Joined) -> None:
    rooms = [await join(f"person-{number}") for number in range(6)]
    heard = [0] * len(rooms)

    def count(index: int) -> None:
        heard[index] += 1

    for index, room in enumerate(rooms):
        room.on("track_subscribed", lambda *_, index=index: count(index))
    for room in rooms:
        await publish_tone(room)
    await eventually(lambda: heard == [5] * 6, 20)
    track = publications(rooms[5], "person-0")[0].track
    assert track is not None
    await until_louder(track, 2000)


async def test_encrypted_sound_passes_through(join: Joined) -> None:
    def options(key: bytes) -> rtc.RoomOptions:
        return rtc.RoomOptions(encryption=rtc.E2EEOptions(key_provider_options=rtc.KeyProviderOptions(shared_key=key)))

    listener = await join("listener", options=options(b"our secret"))
    stranger = await join("stranger", options=options(b"another"))
    speaker = await join("speaker", options=options(b"our secret"))
    tracks: dict[str, asyncio.Future[rtc.Track]] = {}
    for name, room in (("listener", listener), ("stranger", stranger)):
        arrived = tracks[name] = asyncio.get_running_loop().create_future()
        room.on("track_subscribed", lambda track, *_, arrived=arrived: arrived.set_result(track))
    await publish_tone(speaker)
    heard, unread = [await asyncio.wait_for(tracks[name], 10) for name in ("listener", "stranger")]
    await until_louder(heard, 2000)
    # Its first packets the SDK gives to the decoder unread, which makes a noise of them.
    assert await asyncio.wait_for(hum_level(unread), 10) < 1000
    assert await asyncio.wait_for(hum_level(heard), 10) > 4000
