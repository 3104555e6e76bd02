"""What somebody hears of the others after its WebSocket was cut."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import aiohttp
import pytest
from livekit.protocol.models import DisconnectReason, ParticipantInfo, ParticipantPermission, TrackInfo, TrackType
from livekit.protocol.rtc import (
    AddTrackRequest,
    LeaveRequest,
    SessionDescription,
    SignalRequest,
    StreamState,
    SyncState,
    TrackPublishedResponse,
)

from signaling.clients.sessions import Sessions
from signaling.rooms import yielding
from signaling.rooms.departed import MAX_DEPARTED, Departed
from signaling.rooms.participants import Participant
from signaling.rooms.tracks import Subscription
from tests.signaling.conftest import Started, next_of, token, until
from tests.signaling.test_sdp import OFFER


async def _join(
    http: aiohttp.ClientSession, url: str, identity: str, *, hidden: bool = False
) -> tuple[aiohttp.ClientWebSocketResponse, str]:
    """Somebody's WebSocket, and its sid."""
    query = {"access_token": token(identity=identity, hidden=hidden)}
    socket = await http.ws_connect(f"{url}/rtc", params=query)
    return socket, (await until(socket, "join")).join.participant.sid


async def _leave(socket: aiohttp.ClientWebSocketResponse) -> None:
    await socket.send_bytes(SignalRequest(leave=LeaveRequest()).SerializeToString())
    await until(socket, "leave")


async def _come_back(http: aiohttp.ClientSession, url: str, sid: str) -> list[list[ParticipantInfo]]:
    """What amina is told about people, message by message, after a cut."""
    query = {"access_token": token(), "reconnect": "1", "sid": sid}
    socket = await http.ws_connect(f"{url}/rtc", params=query)
    assert (await next_of(socket)).WhichOneof("message") == "reconnect"
    told = []
    while (response := await next_of(socket)).WhichOneof("message") == "update":
        told.append(list(response.update.participants))
    return told


async def until_its_signal_is_lost(participant: Participant) -> None:
    async with asyncio.timeout(5):
        while participant.signal is not None:  # noqa: ASYNC110 - there is no event for it
            await asyncio.sleep(0)


def _names(people: Sequence[ParticipantInfo]) -> list[str]:
    return sorted(person.identity for person in people)


async def test_who_left_during_a_cut_is_told_before_those_present(start: Started, http: aiohttp.ClientSession) -> None:
    url, sessions = await start()
    karl, karls = await _join(http, url, "karl")
    li, _ = await _join(http, url, "li")
    recorder, _ = await _join(http, url, "recorder", hidden=True)
    amina, sid = await _join(http, url, "amina")
    await amina.close()
    await until_its_signal_is_lost(sessions.rooms.find("visit").find("amina"))
    for socket in (karl, li, recorder):
        await _leave(socket)
    li, back = await _join(http, url, "li")
    gone, present = await _come_back(http, url, sid)
    # Who is back already is only told as present: the client takes over the new session by itself.
    assert [(person.sid, person.identity) for person in gone] == [(karls, "karl")]
    for person in gone:
        assert person.state == ParticipantInfo.DISCONNECTED
        assert person.disconnect_reason == DisconnectReason.CLIENT_INITIATED
        assert person.version > 0
    assert _names(present) == ["amina", "li"]
    assert back in [person.sid for person in present]
    await li.close()


async def test_a_goodbye_into_a_dead_websocket_is_told_again(start: Started, http: aiohttp.ClientSession) -> None:
    url, _ = await start()
    karl, _ = await _join(http, url, "karl")
    amina, sid = await _join(http, url, "amina")
    await _leave(karl)
    gone, present = await _come_back(http, url, sid)
    assert (_names(gone), _names(present)) == (["karl"], ["amina"])
    await amina.close()


async def test_who_had_left_before_somebody_was_last_heard_is_not_told(
    start: Started, http: aiohttp.ClientSession
) -> None:
    url, _ = await start()
    karl, _ = await _join(http, url, "karl")
    amina, sid = await _join(http, url, "amina")
    await _leave(karl)
    await amina.send_bytes(SignalRequest(ping=1).SerializeToString())
    await until(amina, "pong")
    (present,) = await _come_back(http, url, sid)
    assert _names(present) == ["amina"]
    await amina.close()


async def _publish(amina: aiohttp.ClientWebSocketResponse) -> str:
    """The sid of a sound of hers."""
    request = AddTrackRequest(cid="track-a", type=TrackType.AUDIO)
    await amina.send_bytes(SignalRequest(add_track=request).SerializeToString())
    sid = (await until(amina, "track_published")).track_published.track.sid
    await amina.send_bytes(SignalRequest(offer=SessionDescription(type="offer", sdp=OFFER)).SerializeToString())
    await until(amina, "answer")
    return sid


async def _cut_off(http: aiohttp.ClientSession, url: str, sessions: Sessions) -> tuple[Participant, str]:
    """Amina, whose WebSocket has just been cut, and the sid of a sound of hers."""
    socket, _ = await _join(http, url, "amina")
    track_sid = await _publish(socket)
    amina = sessions.rooms.find("visit").find("amina")
    await socket.close()
    await until_its_signal_is_lost(amina)
    return amina, track_sid


async def test_a_mute_by_an_administrator_during_a_cut_is_told_before_the_tracks(
    start: Started, http: aiohttp.ClientSession
) -> None:
    url, sessions = await start()
    amina, track_sid = await _cut_off(http, url, sessions)
    amina.room.mute(amina.tracks[track_sid], muted=True, by_admin=True)
    back = await http.ws_connect(f"{url}/rtc", params={"access_token": token(), "reconnect": "1", "sid": amina.sid})
    told = [await next_of(back) for _ in range(3)]
    assert [message.WhichOneof("message") for message in told] == ["reconnect", "mute", "update"]
    assert (told[1].mute.sid, told[1].mute.muted) == (track_sid, True)
    # Heard of once, it is the client's own: it may unmute.
    await back.send_bytes(SignalRequest(ping=1).SerializeToString())
    await until(back, "pong")
    (present,) = await _come_back(http, url, amina.sid)
    assert _names(present) == ["amina"]


async def test_a_track_taken_away_during_a_cut_is_told_and_needs_no_new_session(
    start: Started, http: aiohttp.ClientSession
) -> None:
    url, sessions = await start()
    amina, track_sid = await _cut_off(http, url, sessions)
    amina.room.permit(amina, ParticipantPermission(can_subscribe=True))
    back = await http.ws_connect(f"{url}/rtc", params={"access_token": token(), "reconnect": "1", "sid": amina.sid})
    told = [await next_of(back) for _ in range(3)]
    assert [message.WhichOneof("message") for message in told] == ["reconnect", "track_unpublished", "update"]
    assert told[1].track_unpublished.track_sid == track_sid
    published = TrackPublishedResponse(cid="track-a", track=TrackInfo(sid=track_sid))
    await back.send_bytes(SignalRequest(sync_state=SyncState(publish_tracks=[published])).SerializeToString())
    await back.send_bytes(SignalRequest(ping=1).SerializeToString())
    await until(back, "pong")
    assert amina.is_present
    (present,) = await _come_back(http, url, amina.sid)
    assert _names(present) == ["amina"]


async def _watch(
    http: aiohttp.ClientSession, url: str, sessions: Sessions
) -> tuple[aiohttp.ClientWebSocketResponse, Participant, Subscription]:
    """Amina, who watches a video of Li's."""
    li, _ = await _join(http, url, "li")
    request = AddTrackRequest(cid="track-v", type=TrackType.VIDEO)
    await li.send_bytes(SignalRequest(add_track=request).SerializeToString())
    await li.send_bytes(SignalRequest(offer=SessionDescription(type="offer", sdp=OFFER)).SerializeToString())
    await until(li, "answer")
    socket, _ = await _join(http, url, "amina")
    await until(socket, "offer")
    amina = sessions.rooms.find("visit").find("amina")
    (subscription,) = amina.subscriptions.values()
    return socket, amina, subscription


def _yields(subscription: Subscription, *, layer: int) -> None:
    """The viewer's link has room for this layer, -1 for none."""
    assert subscription.downlink.set_limit(layer, 0)
    yielding.tell_viewer(subscription)


@pytest.mark.parametrize("layers", [[-1], [-1, 0]])
async def test_whether_a_video_is_paused_is_told_after_a_cut(
    start: Started, http: aiohttp.ClientSession, layers: list[int]
) -> None:
    url, sessions = await start()
    socket, amina, subscription = await _watch(http, url, sessions)
    for layer in layers[:-1]:
        _yields(subscription, layer=layer)
        await until(socket, "stream_state_update")
    await socket.close()
    await until_its_signal_is_lost(amina)
    _yields(subscription, layer=layers[-1])
    back = await http.ws_connect(f"{url}/rtc", params={"access_token": token(), "reconnect": "1", "sid": amina.sid})
    (told,) = (await until(back, "stream_state_update")).stream_state_update.stream_states
    assert (told.participant_sid, told.track_sid) == (subscription.track.publisher.sid, subscription.track.sid)
    assert told.state == (StreamState.PAUSED if layers[-1] < 0 else StreamState.ACTIVE)


async def test_of_a_video_that_never_paused_nothing_is_told_after_a_cut(
    start: Started, http: aiohttp.ClientSession
) -> None:
    url, sessions = await start()
    socket, amina, _ = await _watch(http, url, sessions)
    await socket.close()
    await until_its_signal_is_lost(amina)
    back = await http.ws_connect(f"{url}/rtc", params={"access_token": token(), "reconnect": "1", "sid": amina.sid})
    told = [(await next_of(back)).WhichOneof("message") for _ in range(3)]
    assert told == ["reconnect", "update", "room_update"]


def test_only_so_many_and_only_the_latest_are_remembered() -> None:
    departed = Departed()
    for number in range(MAX_DEPARTED + 2):
        departed.note(ParticipantInfo(sid=f"PA_{number}", name="n"), float(number))
    assert len(departed.since(0)) == MAX_DEPARTED
    departed.forget(MAX_DEPARTED)
    assert [(person.sid, person.name) for person in departed.since(0)] == [
        (f"PA_{MAX_DEPARTED}", ""),
        (f"PA_{MAX_DEPARTED + 1}", ""),
    ]
