"""How much sound a packet should carry, and how the answer says it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest
from livekit import api
from livekit.protocol.models import ClientInfo, Encryption, TrackType
from livekit.protocol.rtc import AddTrackRequest, JoinRequest, SessionDescription, SignalRequest

from signaling.clients import handlers
from signaling.config import Settings
from signaling.negotiation import wiring
from signaling.negotiation.offers import ClientOffers
from signaling.operation.webhooks import Webhooks
from signaling.rooms import packet_length
from signaling.rooms.packet_length import ATTRIBUTE
from signaling.rooms.participants import Participant
from signaling.rooms.room import Room
from signaling.sfu.endpoint import Endpoint
from signaling.sfu.formats import sdp
from signaling.sfu.formats.sdp import Codec, Description, Section
from signaling.tokens import Claims
from tests.signaling.conftest import KEY, SECRET, Started, token, until
from tests.signaling.test_joining import wrapped
from tests.signaling.test_sdp import OFFER


@pytest.mark.parametrize(
    ("setting", "asked", "wanted"),
    [
        (0, "", 0),
        (0, "60", 60),
        (60, "20", 60),
        (20, "40", 40),
        (0, "7", 0),
        (0, "x", 0),
    ],
)
def test_the_longer_wish_counts_and_nonsense_does_not(setting: int, asked: str, wanted: int) -> None:
    assert packet_length.wanted_ms(setting, {}) == setting
    assert packet_length.wanted_ms(setting, {ATTRIBUTE: asked}) == wanted


def test_a_section_says_the_length_only_when_there_is_one() -> None:
    opus = Codec(111, "opus", 48000, 2)
    sections = [Section("audio", "0", codecs=[opus], ptime_ms=60), Section("audio", "1", codecs=[opus])]
    written = sdp.write(Description(sections, "uf", "pw", [("sha-256", "CC")], "passive"))
    long, silent = sdp.parse(written).sections
    assert (long.ptime_ms, silent.ptime_ms) == (60, 0)
    assert written.count("a=ptime:60\r\na=maxptime:60\r\n") == 1


def test_a_length_that_opus_lacks_is_no_setting() -> None:
    with pytest.raises(ValueError, match="audio_ptime_ms"):
        Settings.model_validate({"keys": {"k": "s"}, "room": {"audio_ptime_ms": 50}})


@pytest.mark.parametrize("encryption", [Encryption.NONE, Encryption.GCM])
async def test_only_sound_that_nobody_can_join_is_asked_for_otherwise(
    start: Started, http: aiohttp.ClientSession, encryption: Encryption.Type
) -> None:
    url, _ = await start()
    offer = SessionDescription(type="offer", sdp=OFFER, id=1)
    track = AddTrackRequest(cid="track-a", type=TrackType.AUDIO, encryption=encryption)
    request = wrapped(JoinRequest(add_track_requests=[track], publisher_offer=offer))
    speaker = await http.ws_connect(f"{url}/rtc/v1", params={"access_token": token(), "join_request": request})
    assert "a=ptime" not in (await until(speaker, "answer")).answer.sdp

    grant = api.VideoGrants(room_join=True, room="visit")
    asking = api.AccessToken(KEY, SECRET).with_identity("li").with_grants(grant)
    asking = asking.with_attributes({ATTRIBUTE: "60"})
    listener = await http.ws_connect(f"{url}/rtc", params={"access_token": asking.to_jwt()})
    if encryption != Encryption.NONE:
        wanted = (await until(speaker, "media_sections_requirement")).media_sections_requirement
        assert (wanted.num_audios, wanted.num_videos) == (0, 0)
    await until(speaker, "update")
    await speaker.send_bytes(SignalRequest(offer=offer).SerializeToString())
    audio, video, _ = sdp.parse((await until(speaker, "answer")).answer.sdp).sections
    assert (audio.ptime_ms, video.ptime_ms) == (60 if encryption != Encryption.NONE else 0, 0)
    await listener.close()
    await speaker.close()


@pytest.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    endpoint = Endpoint(["127.0.0.1"], 0)
    await endpoint.open()
    yield endpoint
    await endpoint.close()


def _visit(endpoint: Endpoint, room_settings: dict[str, int]) -> tuple[Room, Participant, ClientOffers]:
    """A room with one phone in it, whose link nothing is known of."""
    settings = Settings.model_validate({"keys": {KEY: SECRET}, "room": room_settings})
    room = Room("visit", settings, Webhooks(settings))
    phone = Participant(room, Claims("amina", 0), ClientInfo(), auto_subscribe=True)
    wiring.connect(phone, endpoint, single=True, on_active=lambda _: None, on_slow=lambda _: None)
    room.join(phone)
    assert phone.offers is not None
    return room, phone, phone.offers


def _doctor(room: Room, endpoint: Endpoint) -> Participant:
    """Somebody with a good link who comes and speaks."""
    doctor = Participant(room, Claims("li", 0), ClientInfo(), auto_subscribe=True)
    wiring.connect(doctor, endpoint, single=False, on_active=lambda _: None, on_slow=lambda _: None)
    room.join(doctor)
    handlers.add_track(doctor, AddTrackRequest(cid="track-a", type=TrackType.AUDIO))
    return doctor


@pytest.mark.parametrize(("setting", "length_ms"), [(60, 60), (120, 120), (0, 0)])
async def test_somebody_whose_link_proves_narrow_sends_and_gets_long_packets_and_nobody_else(
    endpoint: Endpoint, setting: int, length_ms: int
) -> None:
    room, phone, offers = _visit(endpoint, {"audio_ptime_narrow_ms": setting})
    doctor = _doctor(room, endpoint)
    assert (phone.ptime_ms, offers.peer.packet_ms) == (0, 0)
    offers.peer.link.is_narrow = True
    room.update_ptime()
    assert (phone.ptime_ms, offers.peer.packet_ms) == (length_ms, length_ms)
    assert doctor.subscriber is not None
    assert (doctor.ptime_ms, doctor.subscriber.peer.packet_ms) == (0, 0)
    offers.peer.restart_ice()
    room.update_ptime()
    assert (phone.ptime_ms, offers.peer.packet_ms) == (0, 0)


async def test_encrypted_sound_is_packed_where_it_is_encrypted(endpoint: Endpoint) -> None:
    room, _, offers = _visit(endpoint, {})
    doctor = _doctor(room, endpoint)
    for track in doctor.tracks.values():
        track.info.encryption = Encryption.GCM
    offers.peer.link.is_narrow = True
    room.update_ptime()
    assert doctor.subscriber is not None
    assert (doctor.ptime_ms, doctor.subscriber.peer.packet_ms) == (60, 0)


async def test_a_setting_is_for_everybody(endpoint: Endpoint) -> None:
    room, phone, offers = _visit(endpoint, {"audio_ptime_ms": 40})
    room.update_ptime()
    assert (phone.ptime_ms, offers.peer.packet_ms) == (40, 40)


async def test_somebody_far_away_sends_long_packets_from_the_first_on(endpoint: Endpoint) -> None:
    room, phone, offers = _visit(endpoint, {})
    offers.peer.reception.strain.begin(0.5, 0.0)
    room.update_ptime()
    assert phone.ptime_ms == 0
    handlers.add_track(phone, AddTrackRequest(cid="track-a", type=TrackType.AUDIO))
    assert phone.ptime_ms == 60
    assert "a=ptime:60" in offers.answer(SessionDescription(type="offer", sdp=OFFER, id=1)).sdp


@pytest.mark.parametrize(("setting", "length_ms"), [(60, 120), (0, 0)])
async def test_somebody_very_far_away_has_the_longest_packets(endpoint: Endpoint, setting: int, length_ms: int) -> None:
    room, phone, offers = _visit(endpoint, {"audio_ptime_narrow_ms": setting})
    offers.peer.reception.strain.begin(1.5, 0.0)
    room.update_ptime()
    assert (phone.ptime_ms, offers.peer.packet_ms) == (length_ms, length_ms)


@pytest.mark.parametrize(
    ("ptime_ms", "disable_red", "codec"),
    [(0, False, "red"), (40, False, "red"), (60, False, "opus"), (120, False, "opus"), (0, True, "opus")],
)
def test_sound_is_doubled_unless_packets_are_long_or_its_publisher_says_no(
    ptime_ms: int, disable_red: bool, codec: str
) -> None:
    assert packet_length.codec(ptime_ms, disable_red=disable_red) == codec
