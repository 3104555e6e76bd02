"""What becomes of a section that the client uses for both directions."""

from __future__ import annotations

import aiohttp
import pytest
from livekit.protocol.models import AudioTrackFeature, TrackSource, TrackType
from livekit.protocol.rtc import (
    AddTrackRequest,
    ConnectionSettings,
    JoinRequest,
    RequestResponse,
    SessionDescription,
    SignalRequest,
    SignalResponse,
)

from signaling.sfu.formats import sdp
from tests.signaling.conftest import Started, next_of, token, until
from tests.signaling.test_comeback import until_its_signal_is_lost
from tests.signaling.test_joining import wrapped

SECTION = """v=0\r
o=- 1 2 IN IP4 127.0.0.1\r
s=-\r
t=0 0\r
m=audio 9 UDP/TLS/RTP/SAVPF 111\r
a=mid:0\r
a=ice-ufrag:abcd\r
a=ice-pwd:0123456789012345678901\r
a=fingerprint:sha-256 00:11\r
a=setup:actpass\r
a=rtpmap:111 opus/48000/2\r
a={direction}\r
"""
LISTENS = SECTION.format(direction="recvonly")
SPEAKS = SECTION.format(direction="sendrecv") + "a=msid:stream mine\r\na=ssrc:7 cname:c\r\n"


async def test_who_publishes_on_a_section_that_receives_goes_on_receiving(
    start: Started, http: aiohttp.ClientSession
) -> None:
    url, _ = await start()
    speaks = SessionDescription(type="offer", sdp=SPEAKS, id=1)
    mine = AddTrackRequest(cid="mine", type=TrackType.AUDIO)
    amina = await http.ws_connect(
        f"{url}/rtc/v1",
        params={
            "access_token": token(identity="amina"),
            "join_request": wrapped(JoinRequest(add_track_requests=[mine], publisher_offer=speaks)),
        },
    )
    await until(amina, "answer")
    listens = SessionDescription(type="offer", sdp=LISTENS, id=1)
    li = await http.ws_connect(
        f"{url}/rtc/v1",
        params={
            "access_token": token(identity="li"),
            "join_request": wrapped(
                JoinRequest(connection_settings=ConnectionSettings(auto_subscribe=True), publisher_offer=listens)
            ),
        },
    )
    first = (await until(li, "answer")).answer
    (received,) = sdp.parse(first.sdp).sections
    assert received.direction == "sendonly"

    await li.send_bytes(SignalRequest(add_track=mine).SerializeToString())
    speaks.id = 2
    await li.send_bytes(SignalRequest(offer=speaks).SerializeToString())
    second = (await until(li, "answer")).answer
    (both,) = sdp.parse(second.sdp).sections
    assert both.direction == "sendrecv"
    assert (both.msid, both.ssrcs) == (received.msid, received.ssrcs)
    assert second.mid_to_track_id == first.mid_to_track_id
    await amina.close()
    await li.close()


def speaks(mid: str, msid: str) -> str:
    """A section to be sent on."""
    section = SECTION.format(direction="sendonly").replace("a=mid:0", f"a=mid:{mid}")
    return section[section.index("m=") :] + f"a=msid:stream {msid}\r\na=ssrc:{7 + int(mid)} cname:c\r\n"


def _offer(*sections: str, number: int, generation: str = "abcd") -> bytes:
    text = (SECTION[: SECTION.index("m=")] + "".join(sections)).replace("a=ice-ufrag:abcd", f"a=ice-ufrag:{generation}")
    return SignalRequest(offer=SessionDescription(type="offer", sdp=text, id=number)).SerializeToString()


async def _joined(
    http: aiohttp.ClientSession, url: str, identity: str, sid: str = ""
) -> aiohttp.ClientWebSocketResponse:
    settings = ConnectionSettings(auto_subscribe=True)
    join = wrapped(JoinRequest(connection_settings=settings, reconnect=bool(sid), participant_sid=sid))
    query = {"access_token": token(identity=identity), "join_request": join}
    return await http.ws_connect(f"{url}/rtc/v1", params=query)


async def _published(socket: aiohttp.ClientWebSocketResponse, cid: str) -> str:
    """Announce a sound; returns its SID."""
    request = SignalRequest(add_track=AddTrackRequest(cid=cid, type=TrackType.AUDIO))
    await socket.send_bytes(request.SerializeToString())
    return (await until(socket, "track_published")).track_published.track.sid


async def _speaking(http: aiohttp.ClientSession, url: str) -> tuple[aiohttp.ClientWebSocketResponse, str]:
    """Li, who speaks in one section, and the SID of that sound."""
    li = await _joined(http, url, "li")
    sid = await _published(li, "mine")
    await li.send_bytes(_offer(speaks("0", "mine"), number=1))
    await until(li, "answer")
    return li, sid


async def test_a_track_announced_again_before_its_section_ends_is_another(
    start: Started, http: aiohttp.ClientSession
) -> None:
    url, sessions = await start()
    li, first = await _speaking(http, url)
    second = await _published(li, "mine")
    assert second != first
    tracks = sessions.rooms.find("visit").find("li").tracks
    assert {sid: track.is_published for sid, track in tracks.items()} == {first: True, second: False}
    # libwebrtc names what is added again otherwise.
    ended = speaks("0", "mine").replace("sendonly", "inactive")
    await li.send_bytes(_offer(ended, speaks("1", "random"), number=2))
    await until(li, "answer")
    assert {sid: track.is_published for sid, track in tracks.items()} == {second: True}
    await li.send_bytes(_offer(ended, speaks("1", "random"), number=3))
    await until(li, "answer")
    assert {sid: track.is_published for sid, track in tracks.items()} == {second: True}
    await li.close()


async def test_two_tracks_of_unknown_ids_are_two_tracks(start: Started, http: aiohttp.ClientSession) -> None:
    url, sessions = await start()
    li = await _joined(http, url, "li")
    sids = [await _published(li, cid) for cid in ("one", "two")]
    await li.send_bytes(_offer(speaks("0", "x"), speaks("1", "y"), number=1))
    await until(li, "answer")
    tracks = sessions.rooms.find("visit").find("li").tracks
    uplinks = [tracks[sid].uplink for sid in sids]
    assert [uplink.mid for uplink in uplinks if uplink is not None] == ["0", "1"]
    await li.close()


async def test_who_comes_back_gets_sections_for_what_was_published_meanwhile(
    start: Started, http: aiohttp.ClientSession
) -> None:
    url, sessions = await start()
    amina = await _joined(http, url, "amina")
    sid = (await next_of(amina)).join.participant.sid
    await _published(amina, "mine")
    mine = speaks("0", "mine")
    await amina.send_bytes(_offer(mine, number=1))
    await until(amina, "answer")
    there = sessions.rooms.find("visit").find("amina")
    await amina.close()
    await until_its_signal_is_lost(there)
    li = await _joined(http, url, "li")
    track = await _published(li, "theirs")
    await li.send_bytes(_offer(speaks("0", "theirs"), number=1))
    await until(li, "answer")
    amina = await _joined(http, url, "amina", sid)
    await until(amina, "reconnect")
    # Something more before the client has said anything: nothing is asked for yet.
    await _published(li, "more")
    await li.send_bytes(_offer(speaks("0", "theirs"), speaks("1", "more"), number=2))
    await until(li, "answer")
    # As clients do: an offer that restarts ICE, and one more with each section that is asked for.
    await amina.send_bytes(_offer(mine, number=2, generation="efgh"))
    asked: list[tuple[int, int]] = []
    sections: list[str] = [mine]
    given: dict[str, str] = {}
    while not given:
        response: SignalResponse = await next_of(amina)
        if response.HasField("media_sections_requirement"):
            needed = response.media_sections_requirement
            asked.append((needed.num_audios, needed.num_videos))
            assert len(asked) < 5
            listens = SECTION[SECTION.index("m=") :].format(direction="recvonly")
            sections += [listens.replace("a=mid:0", f"a=mid:{1 + index}") for index in range(needed.num_audios)]
            await amina.send_bytes(_offer(*sections, number=3, generation="efgh"))
        elif response.HasField("answer"):
            given = dict(response.answer.mid_to_track_id)
    assert given["1"] == track
    assert len(given) == 2
    assert asked == [(2, 0)]
    await amina.close()
    await li.close()


async def test_silence_is_left_out_and_a_voice_has_one_channel(start: Started, http: aiohttp.ClientSession) -> None:
    url, _ = await start()
    li = await _joined(http, url, "li")
    for cid in ("voice", "music"):
        features = [AudioTrackFeature.TF_NO_DTX] if cid == "music" else []
        request = AddTrackRequest(cid=cid, type=TrackType.AUDIO, stereo=cid == "music", audio_features=features)
        await li.send_bytes(SignalRequest(add_track=request).SerializeToString())
        told = (await until(li, "track_published")).track_published.track
    assert list(told.audio_features) == [AudioTrackFeature.TF_STEREO, AudioTrackFeature.TF_NO_DTX]
    both = _offer(speaks("0", "voice"), speaks("1", "music"), number=1)
    await li.send_bytes(both)
    voice, music = sdp.parse((await until(li, "answer")).answer.sdp).sections
    assert voice.codecs[0].parameters == {"usedtx": "1"}
    assert music.codecs[0].parameters == {"stereo": "1", "maxaveragebitrate": "510000"}
    await li.close()


async def test_who_is_offered_music_is_told_that_it_has_two_channels(
    start: Started, http: aiohttp.ClientSession
) -> None:
    url, _ = await start()
    li = await _joined(http, url, "li")
    music = AddTrackRequest(cid="music", type=TrackType.AUDIO, stereo=True)
    await li.send_bytes(SignalRequest(add_track=music).SerializeToString())
    await li.send_bytes(_offer(speaks("0", "music"), number=1))
    await until(li, "answer")
    amina = await http.ws_connect(f"{url}/rtc", params={"access_token": token(identity="amina")})
    offered = sdp.parse((await until(amina, "offer")).offer.sdp)
    (opus,) = (codec for section in offered.sections for codec in section.codecs if codec.mime_type == "opus")
    assert opus.parameters["sprop-stereo"] == "1"
    await amina.close()
    await li.close()


async def test_a_track_announced_after_its_offer_is_published_under_whatever_id(
    start: Started, http: aiohttp.ClientSession
) -> None:
    url, sessions = await start()
    li = await _joined(http, url, "li")
    await li.send_bytes(_offer(speaks("0", "random"), speaks("1", "two"), number=1))
    await until(li, "answer")
    two, one = [await _published(li, cid) for cid in ("two", "one")]
    there = sessions.rooms.find("visit").find("li")
    uplinks = {sid: track.uplink.mid for sid, track in there.tracks.items() if track.uplink is not None}
    assert uplinks == {one: "0", two: "1"}
    third = await _published(li, "three")
    assert not there.tracks[third].is_published
    assert not there.unclaimed
    await li.close()


async def test_what_was_taken_away_is_not_published_by_an_announcement(
    start: Started, http: aiohttp.ClientSession
) -> None:
    url, sessions = await start()
    li, first = await _speaking(http, url)
    there = sessions.rooms.find("visit").find("li")
    there.room.unpublish(there.tracks[first], tell=True)
    second = await _published(li, "other")
    assert not there.tracks[second].is_published
    await li.close()


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (AddTrackRequest(sid="TR_gone", cid="copy", type=TrackType.VIDEO), RequestResponse.NOT_FOUND),
        (AddTrackRequest(cid="numbers", type=TrackType.DATA), RequestResponse.UNSUPPORTED_TYPE),
    ],
)
async def test_what_can_be_no_track_is_refused(
    start: Started, http: aiohttp.ClientSession, request_: AddTrackRequest, reason: RequestResponse.Reason
) -> None:
    url, sessions = await start()
    li = await _joined(http, url, "li")
    await li.send_bytes(SignalRequest(add_track=request_).SerializeToString())
    assert (await until(li, "request_response")).request_response.reason == reason
    assert not sessions.rooms.find("visit").find("li").tracks
    await li.close()


async def test_a_section_that_is_out_of_use_is_left_so_and_what_came_there_comes_elsewhere(
    start: Started, http: aiohttp.ClientSession
) -> None:
    url, sessions = await start()
    li, track = await _speaking(http, url)
    amina = await _joined(http, url, "amina")
    listens = SECTION[SECTION.index("m=") :].format(direction="recvonly")
    data = listens.replace("m=audio 9 UDP/TLS/RTP/SAVPF 111", "m=application 9 UDP/DTLS/SCTP webrtc-datachannel")
    data = data.replace("a=mid:0", "a=mid:data")
    await amina.send_bytes(_offer(listens, data, number=1))
    assert dict((await until(amina, "answer")).answer.mid_to_track_id) == {"0": track}
    stopped = listens.replace("m=audio 9", "m=audio 0").replace("recvonly", "inactive")
    await amina.send_bytes(_offer(stopped, data, number=2))
    needed = (await until(amina, "media_sections_requirement")).media_sections_requirement
    assert (needed.num_audios, needed.num_videos) == (1, 0)
    answer = (await until(amina, "answer")).answer
    assert [section.port for section in sdp.parse(answer.sdp).sections] == [0, 9]
    assert "a=group:BUNDLE data\r\n" in answer.sdp
    assert not answer.mid_to_track_id
    # The line is used again under another name, and then somebody else begins to speak.
    await amina.send_bytes(_offer(listens.replace("a=mid:0", "a=mid:1"), data, number=3))
    assert dict((await until(amina, "answer")).answer.mid_to_track_id) == {"1": track}
    await _published(li, "more")
    await li.send_bytes(_offer(speaks("0", "mine"), speaks("1", "more"), number=2))
    await until(li, "answer")
    needed = (await until(amina, "media_sections_requirement")).media_sections_requirement
    assert (needed.num_audios, needed.num_videos) == (1, 0)
    # What somebody sends in a section that is put out of use has ended.
    ended = speaks("1", "more").replace("m=audio 9", "m=audio 0").replace("sendonly", "inactive")
    await li.send_bytes(_offer(speaks("0", "mine"), ended, number=3))
    await until(li, "answer")
    assert list(sessions.rooms.find("visit").find("li").tracks) == [track]
    await amina.close()
    await li.close()


async def _refused(socket: aiohttp.ClientWebSocketResponse, cid: str, source: TrackSource) -> None:
    request = AddTrackRequest(cid=cid, type=TrackType.AUDIO, source=source)
    await socket.send_bytes(SignalRequest(add_track=request).SerializeToString())
    assert (await until(socket, "request_response")).request_response.reason == RequestResponse.NOT_ALLOWED


@pytest.mark.parametrize("is_offered_first", [False, True])
async def test_media_of_what_was_refused_is_nobody_elses(
    start: Started, http: aiohttp.ClientSession, is_offered_first: bool
) -> None:
    url, sessions = await start()
    query = {
        "access_token": token(identity="li", can_publish_sources=["screen_share_audio"]),
        "join_request": wrapped(JoinRequest(connection_settings=ConnectionSettings(auto_subscribe=True))),
    }
    li = await http.ws_connect(f"{url}/rtc/v1", params=query)
    both = _offer(speaks("0", "voice"), speaks("1", "screen"), number=1)
    if is_offered_first:
        await li.send_bytes(both)
        await until(li, "answer")
    await _refused(li, "voice", TrackSource.MICROPHONE)
    shared = AddTrackRequest(cid="screen", type=TrackType.AUDIO, source=TrackSource.SCREEN_SHARE_AUDIO)
    await li.send_bytes(SignalRequest(add_track=shared).SerializeToString())
    await until(li, "track_published")
    if not is_offered_first:
        await li.send_bytes(both)
        await until(li, "answer")
    (track,) = sessions.rooms.find("visit").find("li").tracks.values()
    assert track.uplink is not None
    assert track.uplink.mid == "1"
    await li.close()


async def test_a_track_announced_again_in_its_section_takes_it_over(
    start: Started, http: aiohttp.ClientSession
) -> None:
    url, sessions = await start()
    li, first = await _speaking(http, url)
    second = await _published(li, "mine")
    await li.send_bytes(_offer(speaks("0", "mine"), number=2))
    await until(li, "answer")
    there = sessions.rooms.find("visit").find("li")
    assert {sid: track.is_published for sid, track in there.tracks.items()} == {second: True}
    there.room.unpublish(there.tracks[second], tell=True)
    third = await _published(li, "mine")
    assert there.tracks[third].is_published
    assert first != second != third
    await li.close()


async def test_what_was_offered_before_it_was_announced_is_answered_alike_later(
    start: Started, http: aiohttp.ClientSession
) -> None:
    url, _ = await start()
    li = await _joined(http, url, "li")
    await li.send_bytes(_offer(speaks("0", "random"), number=1))
    await until(li, "answer")
    await _published(li, "mine")
    await li.send_bytes(_offer(speaks("0", "random"), number=2))
    (voice,) = sdp.parse((await until(li, "answer")).answer.sdp).sections
    assert voice.codecs[0].parameters == {"usedtx": "1"}
    await li.close()
