"""RTP headers and extensions, whole and cut short."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signaling.sfu.formats import rtp


def _packet(extensions: list[tuple[int, bytes]], payload: bytes) -> bytes:
    head = rtp.header(
        marker=True,
        payload_type=96,
        sequence=65535,
        timestamp=1 << 31,
        ssrc=7,
        extensions=tuple(extensions),
    )
    return head + payload


def test_what_is_written_is_read_back() -> None:
    packet = rtp.parse(_packet([(1, b"\x05"), (4, b"0")], b"payload"))
    assert (packet.marker, packet.payload_type, packet.sequence, packet.ssrc) == (True, 96, 65535, 7)
    assert [packet.extension(number) for number in (1, 4, 3, 0)] == [b"\x05", b"0", b"", b""]
    assert packet.data[packet.payload_at : packet.payload_end] == b"payload"


def test_a_long_extension_takes_two_byte_headers() -> None:
    packet = rtp.parse(_packet([(8, bytes(30)), (1, b"\x05")], b"x"))
    assert [packet.extension(number) for number in (8, 1, 2)] == [bytes(30), b"\x05", b""]


@pytest.mark.parametrize("number_id", [3, 14, 15, 200])
@pytest.mark.parametrize(
    "others", [(), ((1, b"\x85"),), ((1, b"\x05"), (4, b"0")), ((1, bytes(17)),), ((21, b"\x05"),), ((1, b""),)]
)
def test_the_transport_wide_number_goes_with_any_others(number_id: int, others: rtp.Extensions) -> None:
    head = rtp.header(
        marker=False,
        payload_type=111,
        sequence=9,
        timestamp=1 << 33,
        ssrc=7,
        extensions=others,
        number_id=number_id,
        number=0x1234,
    )
    packet = rtp.parse(head + b"payload")
    assert (packet.marker, packet.payload_type, packet.sequence, packet.timestamp) == (False, 111, 9, 0)
    assert packet.extension(number_id) == b"\x12\x34"
    assert [packet.extension(identifier) for identifier, _ in others] == [value for _, value in others]
    assert packet.data[packet.payload_at : packet.payload_end] == b"payload"


def test_padding_is_not_payload() -> None:
    data = bytearray(_packet([], b"\0\0\0\4"))
    data[0] |= 0x20
    assert rtp.parse(bytes(data)).is_padding


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        packet = rtp.parse(data)
    except ValueError:
        return
    assert packet.payload_at <= packet.payload_end <= len(data)
    assert all(len(packet.extension(number)) <= len(data) for number in range(256))


@given(st.integers(1, 60))
def test_a_packet_cut_short_is_refused_or_loses_only_payload(length: int) -> None:
    whole = _packet([(1, b"\x05"), (3, b"ab")], b"payload")
    try:
        packet = rtp.parse(whole[:length])
    except ValueError:
        return
    assert packet.payload_at <= length


@pytest.mark.parametrize("start", [0, 65530, 32768])
def test_sequence_numbers_never_wrap_once_extended(start: int) -> None:
    extender = rtp.Extender()
    found = [extender.extend((start + step) & 0xFFFF) for step in range(40)]
    assert found == list(range(found[0], found[0] + 40))
    assert extender.extend((start + 35) & 0xFFFF) == found[35]
