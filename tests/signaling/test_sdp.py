"""Session descriptions: a browser's offer read, our answers written and read again."""

from __future__ import annotations

import contextlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signaling.negotiation import answers
from signaling.sfu.formats import codecs, rtp, sdp
from signaling.sfu.formats.sdp import Description, Section

OFFER = """v=0\r
o=- 1 2 IN IP4 127.0.0.1\r
s=-\r
t=0 0\r
a=group:BUNDLE 0 1 2\r
m=audio 9 UDP/TLS/RTP/SAVPF 63 111 9\r
a=ice-ufrag:abcd\r
a=ice-pwd:0123456789012345678901\r
a=fingerprint:sha-256 AA:BB\r
a=setup:actpass\r
a=mid:0\r
a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r
a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r
a=sendonly\r
a=msid:stream track-a\r
a=rtpmap:63 red/48000/2\r
a=fmtp:63 111/111\r
a=rtpmap:111 opus/48000/2\r
a=rtcp-fb:111 transport-cc\r
a=fmtp:111 minptime=10;useinbandfec=1\r
a=rtpmap:9 G722/8000\r
a=ssrc:11 cname:x\r
m=video 9 UDP/TLS/RTP/SAVPF 96 97 98\r
a=mid:1\r
a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\r
a=extmap:12 https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension\r
a=sendonly\r
a=msid:stream track-v\r
a=rtpmap:96 VP8/90000\r
a=rtcp-fb:96 goog-remb\r
a=rtcp-fb:96 nack pli\r
a=rtpmap:97 rtx/90000\r
a=fmtp:97 apt=96\r
a=rtpmap:98 VP9/90000\r
a=rid:q send\r
a=rid:h send\r
a=rid:f send\r
a=simulcast:send q;h;f\r
a=ssrc-group:FID 5 6\r
m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r
a=mid:2\r
a=sctp-port:5000\r
"""


def test_a_browsers_offer_is_understood() -> None:
    offer = sdp.parse(OFFER)
    audio, video, data = offer.sections
    assert (offer.ice_ufrag, offer.setup, offer.fingerprints) == ("abcd", "actpass", [("sha-256", "AA:BB")])
    assert [codec.name for codec in audio.codecs] == ["red", "opus", "G722"]
    assert audio.msid == ("stream", "track-a")
    assert audio.ssrcs == [11]
    assert video.rids == ["q", "h", "f"]
    assert video.repairs == {6: 5}
    assert video.codecs[1].apt == 96
    assert data.sctp_port == 5000


def test_attributes_in_the_order_of_their_names_say_the_same() -> None:
    head, *sections = OFFER.split("m=")
    # As Firefox writes them: fmtp and rtcp-fb before the rtpmap that they are about.
    ordered = []
    for section in sections:
        first, *attributes = section.strip().split("\r\n")
        ordered.append("\r\n".join([first, *sorted(attributes, key=lambda line: line.split(":")[0])]) + "\r\n")
    expected = sdp.parse(OFFER)
    found = sdp.parse("m=".join([head, *ordered]))
    assert found == expected
    assert found.sections[0].codecs[1].fmtp
    assert found.sections[1].codecs[0].feedback


def test_a_section_out_of_use_says_nothing_of_the_connection() -> None:
    old = "m=video 0 UDP/TLS/RTP/SAVPF 96\r\na=ice-ufrag:old\r\na=ice-pwd:old\r\na=setup:passive\r\na=mid:3\r\n"
    offer = sdp.parse(OFFER + old)
    assert (offer.ice_ufrag, offer.setup) == ("abcd", "actpass")
    assert [section.is_rejected for section in offer.sections] == [False, False, False, True]
    assert not sdp.parse(OFFER + old + "a=bundle-only\r\n").sections[-1].is_rejected


@pytest.mark.parametrize(
    ("direction", "profiles", "expected"),
    [
        ("sendonly", ["640c1f", "42E01F"], ["42E01F"]),
        ("sendonly", ["640c1f"], ["640c1f"]),
        ("recvonly", ["640c1f", "42e01f"], ["640c1f", "42e01f"]),
    ],
)
def test_of_h264_what_everybody_can_receive_is_taken(direction: str, profiles: list[str], expected: list[str]) -> None:
    lines = [
        f"a=rtpmap:{96 + index} H264/90000\na=fmtp:{96 + index} packetization-mode=1;profile-level-id={profile}"
        for index, profile in enumerate(profiles)
    ]
    section = sdp.parse("\n".join(["m=video 9 UDP/TLS/RTP/SAVPF 96 97", *lines, f"a={direction}"])).sections[0]
    accepted = answers.accept_codecs(section)
    assert [codec.parameters["profile-level-id"] for codec in accepted] == expected
    assert codecs.matches(accepted[-1], section.codecs[-1])


def test_codecs_are_answered_with_the_preferred_one_first() -> None:
    video = sdp.parse(OFFER).sections[1]
    assert [codec.name for codec in answers.accept_codecs(video)] == ["VP8", "VP9", "rtx"]
    assert [codec.name for codec in answers.accept_codecs(video, answers.Intent("vp9"))] == ["VP9", "VP8", "rtx"]
    assert answers.accept_codecs(video)[0].feedback == ("goog-remb", "nack pli")


@pytest.mark.parametrize(
    ("intent", "expected"),
    [
        (answers.UNKNOWN, "minptime=10;stereo=1;usedtx=1"),
        (answers.Intent(dtx=True, stereo=False), "minptime=10;usedtx=1"),
        (answers.Intent(dtx=False, stereo=False), "minptime=10"),
        (answers.Intent(dtx=False, stereo=True), "minptime=10;stereo=1;maxaveragebitrate=510000"),
    ],
)
def test_opus_is_answered_as_its_publisher_means_to_send_it(intent: answers.Intent, expected: str) -> None:
    audio = sdp.parse(OFFER.replace("minptime=10;useinbandfec=1", "minptime=10;stereo=1;usedtx=1")).sections[0]
    (opus,) = (codec for codec in answers.accept_codecs(audio, intent) if codec.mime_type == "opus")
    assert opus.fmtp == expected


def test_only_who_sends_is_told_how_much_can_be_received() -> None:
    video = sdp.parse(OFFER).sections[1]
    video.direction = "recvonly"
    assert answers.accept_codecs(video)[0].feedback == ("nack pli",)


def test_unknown_codecs_are_left_out_and_red_names_no_track() -> None:
    accepted = answers.accept_codecs(sdp.parse(OFFER).sections[0])
    assert [codec.name for codec in accepted] == ["red", "opus"]
    named = answers.primary(accepted)
    assert named is not None
    assert named.name == "opus"


def test_the_descriptor_extension_is_taken_only_where_it_is_read() -> None:
    video = sdp.parse(OFFER).sections[1]
    assert rtp.DEPENDENCY_DESCRIPTOR not in answers.accept_extensions(video, descriptor=False).values()
    assert rtp.DEPENDENCY_DESCRIPTOR in answers.accept_extensions(video, descriptor=True).values()


@pytest.mark.parametrize(
    ("kind", "direction", "is_numbered"),
    [
        ("audio", "sendonly", False),
        ("audio", "recvonly", True),
        ("audio", "sendrecv", True),
        ("video", "sendonly", True),
    ],
)
def test_only_sound_that_is_only_sent_goes_without_transport_wide_numbers(
    kind: str, direction: str, is_numbered: bool
) -> None:
    section = Section(kind, "0", direction, extensions={3: rtp.TRANSPORT_CC, 4: rtp.MID})
    accepted = answers.accept_extensions(section, descriptor=False)
    assert accepted[4] == rtp.MID
    assert (3 in accepted) is is_numbered


def test_what_is_written_is_read_back() -> None:
    offered = sdp.parse(OFFER)
    section = offered.sections[1]
    section.direction = "sendonly"
    section.cname = "c"
    section.ssrcs = [5, 6]
    section.rids = []
    written = sdp.write(
        Description(
            [section, Section("audio", "9", port=0)], "uf", "pw", [("sha-256", "CC")], "passive", ["c"], is_lite=True
        )
    )
    found = sdp.parse(written)
    assert found.is_lite
    assert (found.ice_ufrag, found.ice_pwd, found.setup) == ("uf", "pw", "passive")
    assert found.sections[0].msid == section.msid
    assert found.sections[0].ssrcs == [5, 6]
    assert found.sections[0].codecs == section.codecs
    assert found.sections[1].port == 0


@pytest.mark.parametrize("text", ["m=audio", "m=audio x UDP", "m=audio 9 UDP\na=rtpmap:x", "m=audio 9 UDP\na=extmap:"])
def test_lines_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="cannot read"):
        sdp.parse(text)


@pytest.mark.parametrize("text", ["x" * (sdp.MAX_LENGTH + 1), "m=audio 9 UDP\n" * (sdp.MAX_SECTIONS + 1)])
def test_a_description_too_large_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="too"):
        sdp.parse(text)


@given(st.integers(0, len(OFFER)), st.text(max_size=20))
def test_an_offer_cut_or_spoilt_is_read_or_refused(at: int, text: str) -> None:
    try:
        sdp.parse(OFFER[:at] + text)
    except ValueError:
        return


@pytest.mark.parametrize(
    "line",
    [
        "a=rtpmap:128 VP8/90000",
        "a=rtpmap:96 VP8/0",
        "a=rtpmap:96 VP8/99999999",
        "a=rtpmap:96 opus/48000/0",
        "a=rtpmap:\u00b2 VP8/90000",
        "a=ssrc:4294967296 cname:x",
        "a=ssrc:-1 cname:x",
        "a=ssrc-group:FID 1 4294967296",
        "a=sctp-port:65536",
        "a=extmap:x urn:x",
    ],
)
def test_numbers_that_no_packet_can_carry_are_refused(line: str) -> None:
    with pytest.raises(ValueError, match="cannot read"):
        sdp.parse(f"m=video 9 UDP\n{line}\n")


def test_an_extension_id_that_no_header_can_carry_is_passed_over() -> None:
    section = sdp.parse("m=video 9 UDP\na=extmap:4096 urn:far\na=extmap:0 urn:pad\na=extmap:3 urn:near\n").sections[0]
    assert section.extensions == {3: "urn:near"}


def test_sound_is_no_picture() -> None:
    section = sdp.parse(
        "m=video 9 UDP\na=rtpmap:1 opus/48000/2\na=rtpmap:2 red/48000/2\na=rtpmap:3 VP8/90000\n"
    ).sections[0]
    assert [codec.name for codec in answers.accept_codecs(section)] == ["VP8"]


_REPEATED = [
    ["a=ssrc:{} cname:x"],
    ["a=rid:{} send"],
    ["a=fingerprint:sha-256 {}"],
    ["a=extmap:{} urn:x"],
    ["a=rtpmap:{} VP8/90000", "a=rtcp-fb:* {}"],
    ["a=rtpmap:96 VP8/90000", "a=rtcp-fb:* {}", "a=fmtp:* {}"],
    ["a=ssrc-group:FID {} 2"],
    ["a="],
    ["m=audio 9 UDP", "a=mid:{}"],
]


@pytest.mark.parametrize("lines", _REPEATED)
def test_no_description_takes_long_to_read(lines: list[str]) -> None:
    copies = [line.replace("{}", str(number)) for number in range(9000) for line in lines]
    text = "\n".join(["m=video 9 UDP", *copies])[: sdp.MAX_LENGTH]
    began = time.process_time()
    with contextlib.suppress(ValueError):
        for section in sdp.parse(text).sections:
            answers.accept_codecs(section)
    assert time.process_time() - began < 0.5
