"""Renumbering: no gap the receiver would wait for, no number twice."""

from __future__ import annotations

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signaling.sfu.formats.codecs import Vp8Descriptor, parse_vp8, widen_picture
from signaling.sfu.sending.rewrite import SequenceMap, TimestampMap, Vp8Map, put_in_order
from signaling.sfu.sending.sent import SentPacket


def test_a_left_out_packet_leaves_no_gap() -> None:
    numbers = SequenceMap(first_out=100)
    numbers.restart(1000)
    assert numbers.forward(1000) == 100
    numbers.drop(1001)
    assert numbers.forward(1002) == 101


def test_a_late_packet_from_before_a_gap_keeps_its_own_number() -> None:
    numbers = SequenceMap(first_out=100)
    numbers.restart(1000)
    numbers.forward(1000)
    numbers.forward(1002)
    numbers.drop(1003)
    assert numbers.forward(1004) == 103
    assert numbers.forward(1001) == 101


def test_a_packet_from_before_a_switch_is_not_sent() -> None:
    numbers = SequenceMap(first_out=1)
    numbers.restart(50)
    assert numbers.forward(50) == 1
    numbers.restart(9000)
    assert numbers.forward(9000) == 2
    assert numbers.forward(8999) < 0


def test_a_late_packet_keeps_its_number_from_the_next_source() -> None:
    numbers = SequenceMap(first_out=1)
    numbers.restart(50)
    numbers.forward(50)
    numbers.drop(52)
    late = numbers.forward(51)
    assert late == 2
    numbers.restart(9000)
    assert numbers.forward(9000) == late + 1


@given(st.lists(st.sampled_from(["send", "drop", "lose"]), min_size=1, max_size=300))
def test_what_is_sent_is_unique_and_gaps_are_only_losses(steps: list[str]) -> None:
    numbers = SequenceMap(first_out=1)
    numbers.restart(500)
    sent: list[int] = []
    lost = 0
    for source, step in enumerate(steps, 500):
        if step == "send":
            out = numbers.forward(source)
            assert out == len(sent) + lost + 1
            sent.append(out)
        elif step == "drop":
            numbers.drop(source)
        else:
            lost += 1
    assert len(set(sent)) == len(sent)


def test_time_goes_on_evenly_over_a_switch() -> None:
    times = TimestampMap(90000, first_out=1000)
    times.restart(5000, now=10.0)
    first = times.forward(5000, 10.0)
    times.restart(700_000, now=10.5)
    assert times.forward(700_000, 10.5) - first == 45000


def test_timestamps_wrap_without_a_jump() -> None:
    times = TimestampMap(90000, first_out=0xFFFFFFFF)
    times.restart(0xFFFFFFF0, now=1.0)
    before = times.forward(0xFFFFFFF0, 1.0)
    after = times.forward(0x10, 1.1)
    assert (after - before) & 0xFFFFFFFF == 0x20


def _written(picture: int, tl0: int) -> bytes:
    return bytes((0x90, 0xE0, 0x80 | picture >> 8, picture & 0xFF, tl0, 0x40))


def _descriptor(picture: int, tl0: int) -> Vp8Descriptor:
    found = parse_vp8(_written(picture, tl0), 0, 6)
    assert found is not None
    return found


def test_picture_numbers_go_on_over_a_switch() -> None:
    pictures = Vp8Map()
    first = _descriptor(300, 20)
    pictures.restart(first)
    assert pictures.rewrite(0x90, first) == b""
    assert pictures.rewrite(0x90, _descriptor(301, 20)) == b""
    other = _descriptor(9, 200)
    pictures.restart(other)
    assert pictures.rewrite(0x90, other) == _written(302, 21)


SEVEN_BITS, FIFTEEN_BITS, AS_PION = "seven bits", "fifteen bits", "seven bits up to 127"


def _sent(picture: int, way: str) -> bytes:
    """A descriptor as a sender writes it that numbers its pictures in this way."""
    is_short = way == SEVEN_BITS or (way == AS_PION and picture & 0x7FFF < 128)
    number = bytes((picture & 0x7F,)) if is_short else bytes((0x80 | picture >> 8 & 0x7F, picture & 0xFF))
    return b"\x90\x80" + number


@given(
    st.lists(
        st.tuples(
            st.integers(0, 0x7FFF),
            st.sampled_from([SEVEN_BITS, FIFTEEN_BITS, AS_PION]),
            st.lists(st.integers(1, 60), max_size=20),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_pictures_are_numbered_with_fifteen_bits_however_their_layers_are(
    layers: list[tuple[int, str, list[int]]],
) -> None:
    pictures = Vp8Map()
    expected = -1
    for first, way, gaps in layers:
        newest = -1
        for index, number in enumerate(accumulate([first, *gaps])):
            data = _sent(number, way)
            found = parse_vp8(data, 0, len(data))
            assert found is not None
            newest = widen_picture(found, newest)
            if not index:
                pictures.restart(found)
            out = pictures.rewrite(data[0], found) or data
            told = parse_vp8(out, 0, len(out))
            assert told is not None
            assert not told.is_short
            if expected >= 0:
                expected = expected + (gaps[index - 1] if index else 1) & 0x7FFF
                assert told.picture_id == expected
            expected = told.picture_id


def test_a_late_picture_of_seven_bits_keeps_its_place() -> None:
    newest = -1
    for picture, place in ((126, 126), (1, 129), (127, 127), (0, 128), (2, 130)):
        data = _sent(picture, SEVEN_BITS)
        found = parse_vp8(data, 0, len(data))
        assert found is not None
        newest = widen_picture(found, newest)
        assert found.picture_id == place
    assert newest == 130


def test_pictures_in_order_have_their_numbers_and_no_layers() -> None:
    pictures = Vp8Map()
    pictures.is_in_order = True
    first = _descriptor(300, 20)
    pictures.restart(first)
    assert pictures.rewrite(0x90, first) == bytes((0x90, 0x80, 0x80 | 300 >> 8, 300 & 0xFF))


@pytest.mark.parametrize("is_renumbered", [False, True])
def test_a_packet_not_sent_yet_can_lose_its_layers(is_renumbered: bool) -> None:
    written, payload = _written(300, 20), b"the picture"
    prefix = _written(700, 21) if is_renumbered else b""
    data = b"head" + written + payload
    at = 4 + len(written) if is_renumbered else 4
    kept = SentPacket(
        sequence=1,
        marker=True,
        payload_type=96,
        timestamp=0,
        prefix=prefix,
        data=data,
        at=at,
        end=len(data),
        extensions=(),
    )
    put_in_order(kept)
    picture = 700 if is_renumbered else 300
    assert kept.prefix == bytes((0x90, 0x80, 0x80 | picture >> 8, picture & 0xFF))
    assert kept.data[kept.at : kept.end] == payload
