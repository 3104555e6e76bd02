"""Sound joined to longer packets: heard as it was said, under numbers without a gap, and asked for again as it left."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from fractions import Fraction

import numpy as np
import pytest
from aiortc.codecs.opus import OpusDecoder, OpusEncoder
from aiortc.jitterbuffer import JitterFrame
from av import AudioFrame
from hypothesis import given
from hypothesis import strategies as st

from signaling.sfu.endpoint import Endpoint
from signaling.sfu.formats import opus, rtp
from signaling.sfu.formats.sdp import Codec
from signaling.sfu.receiving.uplink import Stream, Uplink
from signaling.sfu.sending.downlink import Downlink
from tests.signaling.media_client import Client, check_of

OPUS, RED = Codec(111, "opus", 48000, 2), Codec(63, "red", 48000, 2, "111/111")
SSRC = 5
FRAME = 960
SILK_20, CELT_20, CELT_10, CELT_20_TWICE = 0x08, 0xF8, 0xF0, 0xF9
"""First octets of packets: wideband speech, and music of one frame of 20 ms, one of 10, and two of 20."""


def _spoken(count: int) -> list[bytes]:
    """So many packets of 20 ms by libopus."""
    encoder, chance = OpusEncoder(), np.random.default_rng(1)
    tone = np.sin(np.arange(count * FRAME) / 30) * 8000 + chance.normal(0, 500, count * FRAME)
    packets: list[bytes] = []
    for index in range(count):
        samples = np.repeat(tone[index * FRAME : (index + 1) * FRAME].astype(np.int16), 2).reshape(1, -1)
        frame = AudioFrame.from_ndarray(samples, "s16", "stereo")
        frame.sample_rate, frame.pts, frame.time_base = 48000, index * FRAME, Fraction(1, 48000)
        packets += encoder.encode(frame)[0]
    return packets


def _heard(packets: list[bytes]) -> bytes:
    decoder, heard = OpusDecoder(), b""
    for packet in packets:
        for frame in decoder.decode(JitterFrame(packet, 0)):
            assert isinstance(frame, AudioFrame)
            heard += frame.to_ndarray().tobytes()
    return heard


@pytest.mark.parametrize("each", [2, 3, 6])
def test_joined_packets_are_heard_as_they_were_said(each: int) -> None:
    packets = _spoken(12)
    assert all(opus.is_single(packet[0]) and opus.frame_samples(packet[0]) == FRAME for packet in packets)
    joined = [opus.join(packets[at : at + each]) for at in range(0, len(packets), each)]
    heard = _heard(packets)
    assert len(heard) == len(packets) * FRAME * 4
    assert any(heard)
    assert _heard(joined) == heard


def _frames(packet: bytes) -> list[bytes]:
    """The frames of a packet of code 3 without padding (RFC 6716 §3.2.5), read independently of what writes it."""
    count, at, lengths = packet[1] & 0x3F, 2, []
    assert packet[0] & 3 == 3
    assert packet[1] & 0xC0 == 0x80
    for _ in range(count - 1):
        length = packet[at]
        at += 1
        if length >= 252:
            length += 4 * packet[at]
            at += 1
        lengths.append(length)
    frames = []
    for length in (*lengths, len(packet) - at - sum(lengths)):
        frames.append(packet[at : at + length])
        at += length
    return frames


@given(st.lists(st.integers(0, 1275), min_size=2, max_size=6))
def test_frames_of_every_length_are_found_again(lengths: list[int]) -> None:
    frames = [bytes((index,)) * length for index, length in enumerate(lengths)]
    assert _frames(opus.join([bytes((CELT_20,)) + frame for frame in frames])) == frames


@pytest.mark.parametrize(
    ("first", "samples"),
    [
        (0x00, 480),
        (0x18, 2880),
        (0x38, 2880),
        (0x58, 2880),
        (0x60, 480),
        (0x78, 960),
        (0x80, 120),
        (0xE8, 240),
        (0xF8, 960),
    ],
)
def test_how_long_a_frame_is_stands_in_the_first_octet(first: int, samples: int) -> None:
    assert opus.frame_samples(first | 0x04) == opus.frame_samples(first | 0x03) == opus.frame_samples(first) == samples


class _Listening:
    """One who speaks, and one who listens in long packets."""

    def __init__(self, speaker: Client, listener: Client, milliseconds: int, *, red: bool = False) -> None:
        self.listener = listener
        self.uplink = Uplink(speaker.peer, "0", "audio", OPUS, {111: OPUS, 63: RED}, {})
        self.stream: Stream = self.uplink.add_stream(9, "", 0)
        self.downlink = Downlink(listener.peer, self.uplink, ssrc=SSRC, rtx_ssrc=6)
        self.uplink.downlinks.append(self.downlink)
        listener.peer.downlinks[SSRC] = self.downlink
        listener.peer.packet_ms = milliseconds
        assert self.downlink.bind([OPUS, RED] if red else [OPUS], {})
        self.plain: list[rtp.Packet] = []
        self.now = asyncio.get_running_loop().time()
        self.wait(0.0)

    def wait(self, seconds: float) -> None:
        """The clock looks at the listener again after so long."""
        self.now += seconds
        self.downlink.poll(self.now, self.now - 1.0)

    def say(self, number: int, sound: bytes, *, payload_type: int = 111) -> None:
        """A packet comes in at the place in time that its number gives it."""
        head = rtp.header(
            marker=number == 1, payload_type=payload_type, sequence=number, timestamp=number * FRAME, ssrc=9
        )
        self.uplink.receive(self.stream, rtp.parse(head + sound), self.now)

    async def left(self) -> list[bytes]:
        """All packets that have left by now, encrypted; those of one socket keep their order here."""
        place = self.listener.places[0]
        place.udp.sendto(check_of(self.listener.peer))
        await place.next_stun()
        return [packet for packet in place.packets if packet[8:12] == SSRC.to_bytes(4, "big")]

    async def heard(self) -> list[tuple[int, int, bytes]]:
        """Of each packet that has left: its number and time, from those of the first, and its payload."""
        packets = await self.left()
        # The same packet is not decrypted twice.
        self.plain += [rtp.parse(self.listener.plain(packet)) for packet in packets[len(self.plain) :]]
        first = self.plain[0]
        return [
            (
                (packet.sequence - first.sequence) & 0xFFFF,
                (packet.timestamp - first.timestamp) & 0xFFFFFFFF,
                packet.data[packet.payload_at : packet.payload_end],
            )
            for packet in self.plain
        ]


@pytest.fixture
async def clients() -> AsyncIterator[tuple[Client, Client]]:
    endpoint = Endpoint(["127.0.0.1"], 0)
    await endpoint.open()
    async with Client(endpoint) as speaker, Client(endpoint) as listener:
        yield speaker, listener
    await endpoint.close()


def _sound(number: int, first: int = CELT_20) -> bytes:
    return bytes((first, number, number))


def _joined(*numbers: int, first: int = CELT_20) -> bytes:
    return opus.join([_sound(number, first) for number in numbers])


async def test_three_packets_leave_as_one_without_a_gap(clients: tuple[Client, Client]) -> None:
    call = _Listening(*clients, 60)
    for number in range(1, 8):
        call.say(number, _sound(number))
    assert await call.heard() == [(0, 0, _joined(1, 2, 3)), (1, 3 * FRAME, _joined(4, 5, 6))]


async def test_one_that_is_missing_ends_a_packet_and_comes_by_itself_when_it_comes(
    clients: tuple[Client, Client],
) -> None:
    call = _Listening(*clients, 60)
    for number in (1, 2, 4, 5, 6, 3, 7, 8, 9):
        call.say(number, _sound(number))
    assert await call.heard() == [
        (0, 0, _joined(1, 2)),
        (2, 3 * FRAME, _joined(4, 5, 6)),
        (1, 2 * FRAME, _sound(3)),
        (3, 6 * FRAME, _joined(7, 8, 9)),
    ]


async def test_sound_coded_otherwise_or_long_already_begins_anew(clients: tuple[Client, Client]) -> None:
    call = _Listening(*clients, 40)
    call.say(1, _sound(1))
    call.say(2, _sound(2, SILK_20))
    call.say(3, _sound(3, SILK_20))
    call.say(4, _sound(4, CELT_20_TWICE))
    call.say(5, b"")
    heard = await call.heard()
    assert [payload for _, _, payload in heard] == [_sound(1), _joined(2, 3, first=SILK_20), _sound(4, CELT_20_TWICE)]
    assert [sequence for sequence, _, _ in heard] == [0, 1, 2]


async def test_music_is_joined_only_as_far_as_a_packet_may_grow(clients: tuple[Client, Client]) -> None:
    call = _Listening(*clients, 120)
    sounds = [bytes((CELT_20,)) + bytes((number,)) * 319 for number in range(1, 13)]
    for number, sound in enumerate(sounds, 1):
        call.say(number, sound)
    call.wait(0.2)
    heard = await call.heard()
    assert [payload for _, _, payload in heard] == [opus.join(sounds[at : at + 3]) for at in range(0, 12, 3)]


async def test_a_frame_larger_than_any_is_left_as_it_is(clients: tuple[Client, Client]) -> None:
    call = _Listening(*clients, 60)
    large = bytes((CELT_20,)) + bytes(opus.MAX_FRAME_OCTETS + 1)
    call.say(1, large)
    call.say(2, large)
    call.wait(0.2)
    assert [payload for _, _, payload in await call.heard()] == [large, large]


async def test_a_pause_while_muted_is_no_gap(clients: tuple[Client, Client]) -> None:
    call = _Listening(*clients, 0)
    call.say(1, _sound(1))
    call.uplink.set_muted(True)
    for number in range(2, 50):
        call.say(number, _sound(number))
    call.uplink.set_muted(False)
    call.say(50, _sound(50))
    assert [(sequence, payload) for sequence, _, payload in await call.heard()] == [(0, _sound(1)), (1, _sound(50))]


async def test_what_waited_when_muted_is_not_heard_later(clients: tuple[Client, Client]) -> None:
    call = _Listening(*clients, 60)
    call.say(1, _sound(1))
    call.uplink.set_muted(True)
    call.uplink.set_muted(False)
    for number in (50, 51, 52):
        call.say(number, _sound(number))
    assert [payload for _, _, payload in await call.heard()] == [_joined(50, 51, 52)]


async def test_before_a_pause_what_waits_is_sent(clients: tuple[Client, Client]) -> None:
    call = _Listening(*clients, 60)
    for number in range(1, 5):
        call.say(number, _sound(number))
    call.wait(0.05)
    assert len(await call.heard()) == 1
    call.wait(0.05)
    assert [payload for _, _, payload in await call.heard()] == [_joined(1, 2, 3), _sound(4)]


async def test_when_the_link_has_widened_sound_goes_as_it_comes(clients: tuple[Client, Client]) -> None:
    call = _Listening(*clients, 60)
    for number in range(1, 6):
        call.say(number, _sound(number))
    call.listener.peer.packet_ms = 0
    call.wait(0.0)
    call.say(6, _sound(6))
    assert await call.heard() == [
        (0, 0, _joined(1, 2, 3)),
        (1, 3 * FRAME, _joined(4, 5)),
        (2, 5 * FRAME, _sound(6)),
    ]


async def test_encrypted_sound_is_left_as_it_is(clients: tuple[Client, Client]) -> None:
    call = _Listening(*clients, 60)
    call.uplink.is_opaque = True
    call.wait(0.0)
    for number in range(1, 4):
        call.say(number, _sound(number))
    assert [payload for _, _, payload in await call.heard()] == [_sound(1), _sound(2), _sound(3)]


async def test_of_sound_sent_twice_one_copy_is_joined(clients: tuple[Client, Client]) -> None:
    call = _Listening(*clients, 60, red=True)
    for number in range(1, 4):
        earlier = _sound(number - 1)
        block = (0x80 | 111) << 24 | FRAME << 10 | len(earlier)
        call.say(number, block.to_bytes(4, "big") + b"\x6f" + earlier + _sound(number), payload_type=63)
    assert [payload for _, _, payload in await call.heard()] == [_joined(1, 2, 3)]


async def test_a_joined_packet_is_asked_for_again_as_it_left(clients: tuple[Client, Client]) -> None:
    call = _Listening(*clients, 60)
    for number in range(1, 7):
        call.say(number, _sound(number))
    call.downlink.retransmit([SSRC])
    first, _, again = await call.left()
    assert again == first


async def test_a_source_with_other_numbers_is_packed_anew(clients: tuple[Client, Client]) -> None:
    call = _Listening(*clients, 40)
    for number in (101, 102, 103):
        call.say(number, _sound(number))
    call.uplink.streams.remove(call.stream)
    call.stream = call.uplink.add_stream(9, "", 0)
    for number in range(1, 6):
        call.say(number, _sound(number))
    heard = [payload for _, _, payload in await call.heard()]
    assert heard == [_joined(101, 102), _sound(1), _joined(2, 3), _joined(4, 5)]


async def test_one_listener_in_long_packets_changes_nothing_for_another(clients: tuple[Client, Client]) -> None:
    call = _Listening(*clients, 60)
    other = Downlink(clients[0].peer, call.uplink, ssrc=15, rtx_ssrc=16)
    call.uplink.downlinks.append(other)
    assert other.bind([OPUS], {})
    another = Downlink(call.listener.peer, call.uplink, ssrc=25, rtx_ssrc=26)
    call.uplink.downlinks.insert(0, another)
    assert another.bind([OPUS], {})
    another.poll(call.now, call.now - 1.0)
    for number in range(1, 4):
        call.say(number, _sound(number))
    assert [payload for _, _, payload in await call.heard()] == [_joined(1, 2, 3)]
    assert (other.packets, another.packets) == (3, 1)
