"""The server's offers to a client with two connections: which section a track comes in."""

from __future__ import annotations

from dataclasses import replace

import aiohttp
import pytest
from livekit.protocol.models import PacketTrailerFeature, ParticipantPermission, TrackType
from livekit.protocol.rtc import (
    AddTrackRequest,
    JoinRequest,
    SessionDescription,
    SignalRequest,
    SubscriptionPermission,
    UpdateSubscription,
)

from signaling.clients import handlers
from signaling.sfu.formats import sdp
from tests.signaling.conftest import Started, next_of, token, until
from tests.signaling.test_joining import wrapped
from tests.signaling.test_offers import SECTION, speaks
from tests.signaling.test_sdp import OFFER

SOUNDS = ("one", "two", "three")


async def _li(http: aiohttp.ClientSession, url: str) -> dict[str, str]:
    """Li, who publishes all sounds, each with its sid."""
    text = SECTION[: SECTION.index("m=")] + "".join(speaks(str(mid), cid) for mid, cid in enumerate(SOUNDS))
    request = JoinRequest(
        add_track_requests=[AddTrackRequest(cid=cid, type=TrackType.AUDIO) for cid in SOUNDS],
        publisher_offer=SessionDescription(type="offer", sdp=text, id=1),
    )
    query = {"access_token": token(identity="li"), "join_request": wrapped(request)}
    socket = await http.ws_connect(f"{url}/rtc/v1", params=query)
    found = {}
    for _ in SOUNDS:
        published = (await until(socket, "track_published")).track_published
        found[published.cid] = published.track.sid
    await until(socket, "answer")
    return found


class _Amina:
    """Somebody who chooses what to hear, and answers offers when she likes."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket

    async def choose(self, sid: str, *, subscribe: bool) -> None:
        request = UpdateSubscription(track_sids=[sid], subscribe=subscribe)
        await self._socket.send_bytes(SignalRequest(subscription=request).SerializeToString())

    async def offered(self) -> SessionDescription:
        return (await until(self._socket, "offer")).offer

    async def answer(self, offer: SessionDescription) -> None:
        described = sdp.parse(offer.sdp)
        turned = {"sendonly": "recvonly"}
        sections = [
            replace(
                section, direction=turned.get(section.direction, section.direction), msid=None, ssrcs=[], ssrc_groups=[]
            )
            for section in described.sections
        ]
        text = sdp.write(replace(described, sections=sections, setup="active", is_lite=False))
        answer = SessionDescription(type="answer", sdp=text, id=offer.id)
        await self._socket.send_bytes(SignalRequest(answer=answer).SerializeToString())

    async def permitted(self) -> list[bool]:
        """What she is told of being allowed tracks, until an answer to a ping of hers."""
        await self._socket.send_bytes(SignalRequest(ping=1).SerializeToString())
        found = []
        while (response := await next_of(self._socket)).WhichOneof("message") != "pong":
            if response.HasField("subscription_permission_update"):
                found.append(response.subscription_permission_update.allowed)
        return found


def _sections(offer: SessionDescription) -> dict[str, str]:
    """The sid of what is sent in each section that is in use."""
    return {s.mid: s.msid[1] for s in sdp.parse(offer.sdp).sections if s.msid and s.direction == "sendonly"}


async def test_a_section_is_empty_between_two_tracks(start: Started, http: aiohttp.ClientSession) -> None:
    url, _ = await start()
    sids = await _li(http, url)
    one, two, three = (sids[cid] for cid in SOUNDS)
    query = {"access_token": token(identity="amina"), "auto_subscribe": "0"}
    socket = await http.ws_connect(f"{url}/rtc", params=query)
    amina = _Amina(socket)
    await amina.answer(await amina.offered())
    await amina.choose(one, subscribe=True)
    offer = await amina.offered()
    assert _sections(offer) == {"1": one}
    await amina.answer(offer)

    await amina.choose(two, subscribe=True)
    outstanding = await amina.offered()
    await amina.choose(one, subscribe=False)
    await amina.choose(three, subscribe=True)
    await amina.answer(outstanding)
    offer = await amina.offered()
    # The client would take it for the first sound still.
    assert _sections(offer) == {"2": two, "3": three}
    await amina.answer(offer)

    await amina.choose(one, subscribe=True)
    assert _sections(await amina.offered()) == {"1": one, "2": two, "3": three}
    await socket.close()


async def test_a_section_whose_end_was_not_heard_of_is_not_taken_over(
    start: Started, http: aiohttp.ClientSession
) -> None:
    url, _ = await start()
    sids = await _li(http, url)
    one, two, _ = (sids[cid] for cid in SOUNDS)
    query = {"access_token": token(identity="amina"), "auto_subscribe": "0"}
    socket = await http.ws_connect(f"{url}/rtc", params=query)
    amina = _Amina(socket)
    await amina.answer(await amina.offered())
    await amina.choose(one, subscribe=True)
    await amina.answer(await amina.offered())
    await amina.choose(one, subscribe=False)
    assert _sections(await amina.offered()) == {}
    await amina.choose(two, subscribe=True)
    await socket.send_bytes(SignalRequest(ping=1).SerializeToString())
    await until(socket, "pong")
    # The offer before went to a WebSocket that is dead by now, for all the server knows.
    back = _Amina(await http.ws_connect(f"{url}/rtc", params=query | {"reconnect": "1"}))
    assert _sections(await back.offered()) == {"2": two}


async def test_what_became_allowed_meanwhile_is_told_with_the_permission_to_subscribe(
    start: Started, http: aiohttp.ClientSession
) -> None:
    url, sessions = await start()
    await _li(http, url)
    socket = await http.ws_connect(f"{url}/rtc", params={"access_token": token(identity="amina")})
    amina = _Amina(socket)
    assert await amina.permitted() == []
    room = sessions.rooms.find("visit")
    participant, publisher = room.find("amina"), room.find("li")
    handlers.handle(publisher, SignalRequest(subscription_permission=SubscriptionPermission()))
    assert await amina.permitted() == [False] * 3
    room.permit(participant, ParticipantPermission(can_subscribe=False))
    open_to_all = SubscriptionPermission(all_participants=True)
    handlers.handle(publisher, SignalRequest(subscription_permission=open_to_all))
    assert await amina.permitted() == []
    room.permit(participant, ParticipantPermission(can_subscribe=True))
    assert len(participant.subscriptions) == 3
    assert await amina.permitted() == [True] * 3
    await socket.close()


async def test_whoever_asks_again_for_what_is_refused_is_told_so_again(
    start: Started, http: aiohttp.ClientSession
) -> None:
    url, sessions = await start()
    sids = await _li(http, url)
    socket = await http.ws_connect(f"{url}/rtc", params={"access_token": token(identity="amina")})
    amina = _Amina(socket)
    await amina.permitted()
    publisher = sessions.rooms.find("visit").find("li")
    handlers.handle(publisher, SignalRequest(subscription_permission=SubscriptionPermission()))
    assert await amina.permitted() == [False] * 3
    await amina.choose(sids["one"], subscribe=True)
    assert await amina.permitted() == [False]
    await socket.close()


@pytest.mark.parametrize(
    ("features", "capabilities", "is_stripped"),
    [
        ([], "", False),
        ([PacketTrailerFeature.PTF_FRAME_ID], "", True),
        ([PacketTrailerFeature.PTF_FRAME_ID], "CAP_PACKET_TRAILER", False),
    ],
)
async def test_packet_trailers_are_for_whose_client_knows_them(
    start: Started,
    http: aiohttp.ClientSession,
    features: list[PacketTrailerFeature],
    capabilities: str,
    is_stripped: bool,
) -> None:
    url, sessions = await start()
    request = JoinRequest(
        add_track_requests=[AddTrackRequest(cid="track-v", type=TrackType.VIDEO, packet_trailer_features=features)],
        publisher_offer=SessionDescription(type="offer", sdp=OFFER),
    )
    query = {"access_token": token(identity="li"), "join_request": wrapped(request)}
    li = await http.ws_connect(f"{url}/rtc/v1", params=query)
    await until(li, "answer")
    amina = await http.ws_connect(f"{url}/rtc", params={"access_token": token(), "capabilities": capabilities})
    await until(amina, "offer")
    (subscription,) = sessions.rooms.find("visit").find("amina").subscriptions.values()
    assert subscription.downlink.strips_trailers is is_stripped
