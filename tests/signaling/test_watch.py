"""Who is told who speaks, and how good whose connection is."""

from __future__ import annotations

import aiohttp
from livekit.protocol.models import TrackType
from livekit.protocol.rtc import (
    AddTrackRequest,
    ConnectionSettings,
    JoinRequest,
    SessionDescription,
    SignalRequest,
    SignalResponse,
    UpdateSubscription,
)

from signaling.rooms import watch
from signaling.rooms.participants import Participant
from signaling.rooms.room import Room
from tests.signaling.conftest import Started, next_of, token, until
from tests.signaling.test_joining import wrapped
from tests.signaling.test_sdp import OFFER

LOUD_DBOV = 0


async def _join(
    http: aiohttp.ClientSession,
    url: str,
    identity: str,
    *,
    publishes: bool = False,
    can_subscribe: bool = True,
    hidden: bool = False,
    sid: str = "",
) -> aiohttp.ClientWebSocketResponse:
    """Somebody new or, with a `sid`, somebody who comes back."""
    request = JoinRequest(
        connection_settings=ConnectionSettings(auto_subscribe=True),
        add_track_requests=[AddTrackRequest(cid="track-a", type=TrackType.AUDIO)] if publishes else [],
        publisher_offer=None if sid else SessionDescription(type="offer", sdp=OFFER),
        reconnect=bool(sid),
        participant_sid=sid,
    )
    access_token = token(identity=identity, can_subscribe=can_subscribe, hidden=hidden)
    query = {"access_token": access_token, "join_request": wrapped(request)}
    socket = await http.ws_connect(f"{url}/rtc/v1", params=query)
    await until(socket, "reconnect" if sid else "answer")
    return socket


async def _told(socket: aiohttp.ClientWebSocketResponse) -> list[SignalResponse]:
    """What has come to somebody."""
    await socket.send_bytes(SignalRequest(ping=1).SerializeToString())
    told = []
    while (response := await next_of(socket)).WhichOneof("message") != "pong":
        told.append(response)
    return told


async def _speaking(socket: aiohttp.ClientWebSocketResponse, before: dict[str, bool] | None = None) -> dict[str, bool]:
    """Who speaks, for all somebody knows, by sid."""
    known = dict(before or {})
    for response in await _told(socket):
        known |= {speaker.sid: speaker.active for speaker in response.speakers_changed.speakers}
    return known


async def _rated(socket: aiohttp.ClientWebSocketResponse) -> set[str]:
    """The sids of those of whose connections somebody has heard."""
    return {info.participant_sid for response in await _told(socket) for info in response.connection_quality.updates}


def _speak(participant: Participant) -> None:
    (track,) = participant.tracks.values()
    assert track.uplink is not None
    for number in range(25):
        track.uplink.loudness.hear(LOUD_DBOV, number * 960)
    watch.tell_speakers(participant.room)


def _sid(room: Room, identity: str) -> str:
    return room.find(identity).sid


async def test_only_who_is_subscribed_hears_who_speaks(start: Started, http: aiohttp.ClientSession) -> None:
    url, sessions = await start()
    li = await _join(http, url, "li", publishes=True)
    amina = await _join(http, url, "amina")
    waiting = await _join(http, url, "waiting", can_subscribe=False)
    speaker = sessions.rooms.find("visit").find("li")
    _speak(speaker)
    assert await _speaking(li) == {speaker.sid: True}
    assert await _speaking(amina) == {speaker.sid: True}
    assert await _speaking(waiting) == {}


async def test_whose_subscription_ends_sees_nobody_speak_for_ever(start: Started, http: aiohttp.ClientSession) -> None:
    url, sessions = await start()
    await _join(http, url, "li", publishes=True)
    amina = await _join(http, url, "amina")
    speaker = sessions.rooms.find("visit").find("li")
    _speak(speaker)
    known = await _speaking(amina)
    assert known == {speaker.sid: True}
    for subscribe in (False, True):
        update = UpdateSubscription(track_sids=list(speaker.tracks), subscribe=subscribe)
        await amina.send_bytes(SignalRequest(subscription=update).SerializeToString())
        known = await _speaking(amina, known)
        _speak(speaker)
        known = await _speaking(amina, known)
        assert known == {speaker.sid: subscribe}


async def test_who_fell_silent_during_a_cut_is_told_after_it(start: Started, http: aiohttp.ClientSession) -> None:
    url, sessions = await start()
    await _join(http, url, "li", publishes=True)
    await _join(http, url, "recorder", publishes=True, hidden=True)
    amina = await _join(http, url, "amina")
    room = sessions.rooms.find("visit")
    _speak(room.find("li"))
    known = await _speaking(amina)
    # Into a WebSocket that nobody reads any more.
    room.mute(*room.find("li").tracks.values(), muted=True, by_admin=False)
    watch.tell_speakers(room)
    back = await _join(http, url, "amina", sid=_sid(room, "amina"))
    watch.tell_speakers(room)
    assert await _speaking(back, known) == {_sid(room, "li"): False, _sid(room, "amina"): False}
    await amina.close()


async def test_only_who_is_subscribed_hears_of_a_connection(start: Started, http: aiohttp.ClientSession) -> None:
    url, sessions = await start()
    li = await _join(http, url, "li", publishes=True)
    amina = await _join(http, url, "amina")
    waiting = await _join(http, url, "waiting", can_subscribe=False)
    room = sessions.rooms.find("visit")
    watch.tell_quality(room)
    assert await _rated(li) == {_sid(room, "li")}
    assert await _rated(amina) == {_sid(room, "amina"), _sid(room, "li")}
    assert await _rated(waiting) == {_sid(room, "waiting")}


async def test_a_connection_that_is_as_it_was_is_told_once_and_after_a_cut(
    start: Started, http: aiohttp.ClientSession
) -> None:
    url, sessions = await start()
    await _join(http, url, "li", publishes=True)
    amina = await _join(http, url, "amina")
    room = sessions.rooms.find("visit")
    everybody = {_sid(room, "amina"), _sid(room, "li")}
    for expected in (everybody, set()):
        watch.tell_quality(room)
        assert await _rated(amina) == expected
    back = await _join(http, url, "amina", sid=_sid(room, "amina"))
    watch.tell_quality(room)
    assert await _rated(back) == everybody
    await amina.close()
