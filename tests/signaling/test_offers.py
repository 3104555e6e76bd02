"""What becomes of a section that the client uses for both directions."""

from __future__ import annotations

import aiohttp
from livekit.protocol.models import TrackType
from livekit.protocol.rtc import AddTrackRequest, ConnectionSettings, JoinRequest, SessionDescription, SignalRequest

from signaling.sfu.formats import sdp
from tests.signaling.conftest import Started, token, until
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
