"""Key frames and descriptors, from bytes as encoders write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signaling.sfu.formats import codecs
from signaling.sfu.formats.sdp import Codec

VP8_KEY = bytes.fromhex("90e0a1b20740") + bytes.fromhex("10020000 9d012a")
VP8_DELTA = bytes.fromhex("90e0a1b30740") + bytes.fromhex("11020000")


def test_a_vp8_key_frame_is_told_from_a_delta_frame() -> None:
    assert codecs.is_key_frame("vp8", VP8_KEY, 0, len(VP8_KEY))
    assert not codecs.is_key_frame("vp8", VP8_DELTA, 0, len(VP8_DELTA))


def test_a_vp8_descriptor_is_renumbered_and_nothing_else() -> None:
    found = codecs.parse_vp8(VP8_KEY, 0, len(VP8_KEY))
    assert found is not None
    assert (found.picture_id, found.tl0_picture, found.temporal_layer, found.size) == (0x21B2, 7, 1, 6)
    written = codecs.write_vp8(VP8_KEY[0], found, 0x21B2, 7)
    assert written == VP8_KEY[:6]


def test_a_vp8_descriptor_without_layers_keeps_its_picture_id() -> None:
    found = codecs.parse_vp8(VP8_DELTA, 0, len(VP8_DELTA))
    assert found is not None
    again = codecs.parse_vp8(written := codecs.write_vp8_in_order(VP8_DELTA[0], found, 0x21B3), 0, len(written))
    assert again is not None
    assert (again.picture_id, again.tl0_picture, again.temporal_layer, again.key_index) == (0x21B3, -1, -1, -1)
    assert (again.starts_frame, again.is_reference, again.size) == (found.starts_frame, found.is_reference, 4)


@pytest.mark.parametrize(
    ("codec", "payload", "key"),
    [
        ("h264", "65b8", True),
        ("h264", "41b8", False),
        ("h264", "7885", True),
        ("h264", "7c85", True),
        ("h264", "7c05", False),
        ("h264", "1800026742000268ce", True),
        ("vp9", "8c00", True),
        ("vp9", "cc00", False),
        ("av1", "18", True),
        ("av1", "10", False),
        ("opus", "78", True),
    ],
)
def test_key_frames_of_other_codecs(codec: str, payload: str, key: bool) -> None:
    data = bytes.fromhex(payload)
    if payload == "7885":
        data = bytes.fromhex("780003678500")
    assert codecs.is_key_frame(codec, data, 0, len(data)) is key


def test_the_newest_frame_is_taken_out_of_red() -> None:
    redundant, primary = b"old", b"newest"
    header = bytes((0x80 | 111, 0x03, 0xC0 | len(redundant) >> 8, len(redundant))) + bytes((111,))
    data = header + redundant + primary
    at = codecs.primary_of_red(data, 0, len(data))
    assert at is not None
    assert data[at:] == primary


@given(st.sampled_from(["vp8", "vp9", "h264", "av1", "red"]), st.binary(max_size=40))
def test_any_payload_can_be_looked_at(codec: str, data: bytes) -> None:
    codecs.is_key_frame(codec, data, 0, len(data))
    codecs.parse_vp8(data, 0, len(data))
    codecs.primary_of_red(data, 0, len(data))
    if data:
        _, begin, end = codecs.without_trailer(codec, data, 0, len(data))
        assert 0 <= begin < end <= len(data)


@pytest.mark.parametrize(
    ("trailer", "size"),
    [
        ("ff" * 8 + "f2" + "4c4b5453", 13),
        ("fa" + "4c4b5453", 5),
        ("fb" + "4c4b5453", 0),
        ("f2" + "4c4b5453", 0),
        ("00" + "4c4b5453", 0),
        ("f2" + "4c4b5454", 0),
        ("4c4b5453", 0),
    ],
)
def test_a_packet_trailer_is_as_long_as_it_says_unless_that_cannot_be(trailer: str, size: int) -> None:
    data = b"head" + b"x" + bytes.fromhex(trailer)
    assert codecs.without_trailer("vp8", data, 4, len(data)) == (b"", 4, len(data) - size)


def test_h264_matches_by_profile_and_packetization() -> None:
    baseline = Codec(1, "H264", 90000, fmtp="packetization-mode=1;profile-level-id=42e01f")
    other = Codec(2, "H264", 90000, fmtp="packetization-mode=1;profile-level-id=42001f")
    high = Codec(3, "H264", 90000, fmtp="packetization-mode=1;profile-level-id=64001f")
    assert codecs.matches(baseline, other)
    assert not codecs.matches(baseline, high)
