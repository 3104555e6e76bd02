"""How many people and publishers a client knows of."""

from __future__ import annotations

import aiohttp
from livekit.protocol.models import ClientInfo, DisconnectReason, TrackType
from livekit.protocol.models import Room as RoomInfo
from livekit.protocol.rtc import AddTrackRequest, JoinRequest, SessionDescription, SignalResponse

from signaling.clients import greetings
from signaling.config import Settings
from signaling.operation.webhooks import Webhooks
from signaling.rooms import watch
from signaling.rooms.participants import Participant
from signaling.rooms.room import Room
from signaling.tokens import Claims, VideoGrant
from tests.signaling.conftest import KEY, SECRET, Started, token, until
from tests.signaling.test_joining import wrapped
from tests.signaling.test_sdp import OFFER


class _Inbox:
    """The numbers of people and publishers that have come to a client."""

    def __init__(self) -> None:
        self.numbers: list[tuple[int, int]] = []

    def send(self, response: SignalResponse) -> None:
        kind = response.WhichOneof("message")
        if kind in ("join", "room_update"):
            self.numbers.append(_numbers(getattr(response, kind).room))


def _numbers(room: RoomInfo) -> tuple[int, int]:
    return room.num_participants, room.num_publishers


def _room() -> Room:
    settings = Settings(keys={KEY: SECRET})
    return Room("visit", settings, Webhooks(settings))


def _join(room: Room, identity: str, *, hidden: bool = False) -> _Inbox:
    claims = Claims(identity, 0, video=VideoGrant(hidden=hidden), api_key=KEY)
    participant = Participant(room, claims, ClientInfo(), auto_subscribe=True)
    participant.signal = inbox = _Inbox()
    room.join(participant)
    greetings.greet(participant, greetings.new_server_info())
    return inbox


async def test_everyone_is_told_by_the_clock_how_many_are_there(start: Started, http: aiohttp.ClientSession) -> None:
    url, _ = await start()
    amina = await http.ws_connect(f"{url}/rtc", params={"access_token": token()})
    await until(amina, "join")
    request = JoinRequest(
        add_track_requests=[AddTrackRequest(cid="track-a", type=TrackType.AUDIO)],
        publisher_offer=SessionDescription(type="offer", sdp=OFFER),
    )
    query = {"access_token": token(identity="li"), "join_request": wrapped(request)}
    await until(await http.ws_connect(f"{url}/rtc/v1", params=query), "answer")
    while _numbers((await until(amina, "room_update")).room_update.room) != (2, 1):
        pass


def test_only_those_who_know_other_numbers_are_told() -> None:
    room = _room()
    _join(room, "amina")
    li = _join(room, "li")
    watch.tell_counts(room)
    assert li.numbers == [(2, 0)]
    # Two people again, where only the newcomer has heard otherwise.
    karl = _join(room, "karl")
    room.leave(room.find("amina"), DisconnectReason.CLIENT_INITIATED)
    watch.tell_counts(room)
    assert li.numbers == [(2, 0)]
    assert karl.numbers == [(3, 0), (2, 0)]


def test_somebody_hidden_counts_for_nothing() -> None:
    room = _room()
    amina = _join(room, "amina")
    _join(room, "recorder", hidden=True)
    watch.tell_counts(room)
    assert amina.numbers == [(1, 0)]
