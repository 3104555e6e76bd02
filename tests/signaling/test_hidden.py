"""What somebody hidden must not give away."""

from __future__ import annotations

import aiohttp
from livekit.protocol.models import TrackType
from livekit.protocol.rtc import (
    AddTrackRequest,
    ConnectionSettings,
    JoinRequest,
    SessionDescription,
    SignalRequest,
    SimulateScenario,
)

from signaling.rooms import watch
from tests.signaling.conftest import Started, next_of, token, until
from tests.signaling.test_joining import wrapped
from tests.signaling.test_sdp import OFFER


async def _join(
    http: aiohttp.ClientSession, url: str, identity: str, *, hidden: bool = False, publishes: bool = False
) -> aiohttp.ClientWebSocketResponse:
    request = JoinRequest(
        connection_settings=ConnectionSettings(auto_subscribe=True),
        add_track_requests=[AddTrackRequest(cid="track-a", type=TrackType.AUDIO)] if publishes else [],
        publisher_offer=SessionDescription(type="offer", sdp=OFFER),
    )
    query = {"access_token": token(identity=identity, hidden=hidden), "join_request": wrapped(request)}
    socket = await http.ws_connect(f"{url}/rtc/v1", params=query)
    await until(socket, "answer")
    return socket


async def _told(socket: aiohttp.ClientWebSocketResponse) -> list[str | None]:
    """The kinds of message that have come to somebody."""
    await socket.send_bytes(SignalRequest(ping=1).SerializeToString())
    kinds = []
    while (kind := (await next_of(socket)).WhichOneof("message")) != "pong":
        kinds.append(kind)
    return kinds


async def test_a_publisher_is_told_of_its_first_viewer_that_is_not_hidden(
    start: Started, http: aiohttp.ClientSession
) -> None:
    url, sessions = await start()
    li = await _join(http, url, "li", publishes=True)
    (track,) = sessions.rooms.find("visit").find("li").tracks.values()
    await _join(http, url, "recorder", hidden=True)
    assert track.subscriptions
    assert "track_subscribed" not in await _told(li)
    await _join(http, url, "amina")
    await until(li, "track_subscribed")
    await _join(http, url, "zola")
    assert "track_subscribed" not in await _told(li)


async def test_somebody_hidden_never_seems_to_speak(start: Started, http: aiohttp.ClientSession) -> None:
    url, sessions = await start()
    li = await _join(http, url, "li")
    recorder = await _join(http, url, "recorder", hidden=True)
    scenario = SignalRequest(simulate=SimulateScenario(speaker_update=1))
    await recorder.send_bytes(scenario.SerializeToString())
    await _told(recorder)
    watch.tell_speakers(sessions.rooms.find("visit"))
    assert "speakers_changed" not in await _told(li)
