"""Somebody who joins gets the picture as soon as there are keys for it, and once more when it was lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from signaling.sfu.endpoint import Endpoint
from signaling.sfu.formats import codecs, rtp
from signaling.sfu.formats.sdp import Codec
from signaling.sfu.receiving.uplink import Stream, Uplink
from signaling.sfu.sending.beginning import LONGEST_SECONDS, MOST_OCTETS
from signaling.sfu.sending.downlink import Downlink
from tests.signaling.media_client import Client, check_of

VP8 = Codec(96, "VP8", 90000)
OPUS = Codec(96, "opus", 48000, 2)
H264 = Codec(96, "H264", 90000, fmtp="packetization-mode=1;profile-level-id=42e01f")
SSRC = 5
CHANGE_CIPHER_SPEC = 20
KEY, DELTA = b"\x10\x00", b"\x10\x01"


class Call:
    """Somebody who sends, and somebody who comes to look or listen."""

    def __init__(
        self, endpoint: Endpoint, publisher: Client, codec: Codec, *, delay_seconds: float = 0.0, begins: bool = True
    ) -> None:
        kind = "audio" if codec is OPUS else "video"
        self.publisher = publisher
        self.uplink = Uplink(publisher.peer, "0", kind, codec, {96: codec}, {})
        self.stream: Stream = self.uplink.add_stream(9, "", 0)
        self.viewer = Client(endpoint, delay_seconds=delay_seconds, begins=begins)
        self.downlink = Downlink(self.viewer.peer, self.uplink, ssrc=SSRC, rtx_ssrc=6)
        self.uplink.downlinks.append(self.downlink)
        self.viewer.peer.downlinks[SSRC] = self.downlink
        assert self.downlink.bind([codec], {})
        self.sequence = 0

    def send(self, payload: bytes, now: float | None = None) -> None:
        """One packet of the publisher's comes in."""
        self.sequence += 1
        head = rtp.header(marker=True, payload_type=96, sequence=self.sequence, timestamp=0, ssrc=9)
        at = asyncio.get_running_loop().time() if now is None else now
        self.uplink.receive(self.stream, rtp.parse(head + payload), at)

    async def arrived(self) -> int:
        """How many packets of the stream the viewer has by now; those of one socket keep their order here."""
        place = self.viewer.places[0]
        place.udp.sendto(check_of(self.viewer.peer))
        await place.next_stun()
        return sum(packet[8:12] == SSRC.to_bytes(4, "big") for packet in place.packets)


@pytest.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    endpoint = Endpoint(["127.0.0.1"], 0)
    await endpoint.open()
    yield endpoint
    await endpoint.close()


@pytest.fixture
async def publisher(endpoint: Endpoint) -> AsyncIterator[Client]:
    async with Client(endpoint) as client:
        yield client


async def test_a_picture_that_came_during_the_handshake_is_sent_at_its_end(
    endpoint: Endpoint, publisher: Client
) -> None:
    call = Call(endpoint, publisher, VP8)
    # A handshake on a busy machine may take longer than a picture is held.
    later = asyncio.get_running_loop().time() + 60
    for payload in (DELTA, KEY, DELTA):
        call.send(payload, later)
    async with call.viewer:
        assert await call.arrived() == 2
        call.send(DELTA, later)
        assert await call.arrived() == 3


async def test_where_we_begin_the_handshake_the_picture_goes_with_our_last_word(
    endpoint: Endpoint, publisher: Client
) -> None:
    call = Call(endpoint, publisher, VP8, begins=False)
    call.send(KEY, asyncio.get_running_loop().time() + 60)
    viewer = call.viewer
    viewer.is_lost = lambda data: data[0] == CHANGE_CIPHER_SPEC
    await viewer.begin()
    async with asyncio.timeout(10):
        await viewer.connected.wait()
    assert await call.arrived() == 1
    assert viewer.plain(viewer.places[0].newest)
    assert not viewer.heard.is_set()
    # What we said last goes out again; had it been lost, the picture would have been lost with it.
    viewer.is_lost = lambda _: False
    async with asyncio.timeout(10):
        await viewer.heard.wait()
    assert publisher.peer.counts["plis_sent"] + await call.arrived() == 2, "the picture again, or a new one"
    await viewer.close()


async def test_what_somebody_begins_with_is_sent_once_more_before_the_publisher_is_asked(
    endpoint: Endpoint, publisher: Client
) -> None:
    call = Call(endpoint, publisher, VP8)
    later = asyncio.get_running_loop().time() + 60
    for payload in (KEY, DELTA):
        call.send(payload, later)
    async with call.viewer:
        assert await call.arrived() == 2
        call.downlink.key_frame_requested(later)
        assert await call.arrived() == 4
        assert publisher.peer.counts["plis_sent"] == 0
        call.downlink.key_frame_requested(later)
        assert await call.arrived() == 4
        assert publisher.peer.counts["plis_sent"] == 1


async def test_what_is_no_beginning_any_more_is_not_sent_again(endpoint: Endpoint, publisher: Client) -> None:
    call = Call(endpoint, publisher, VP8)
    later = asyncio.get_running_loop().time() + 60
    call.send(KEY, later)
    async with call.viewer:
        call.downlink.key_frame_requested(later + 2 * LONGEST_SECONDS)
        assert await call.arrived() == 1
        assert publisher.peer.counts["plis_sent"] == 1


@pytest.mark.parametrize(("delay_seconds", "descriptor"), [(0.0, "90e0a1b20740"), (0.2, "9080a1b2")])
async def test_to_somebody_far_away_even_the_first_picture_comes_without_layers(
    endpoint: Endpoint, publisher: Client, delay_seconds: float, descriptor: str
) -> None:
    call = Call(endpoint, publisher, VP8, delay_seconds=delay_seconds)
    call.send(bytes.fromhex("90e0a1b2074010020000"), asyncio.get_running_loop().time() + 60)
    async with call.viewer:
        assert await call.arrived() == 1
        first = next(packet for packet in call.viewer.places[0].packets if packet[8:12] == SSRC.to_bytes(4, "big"))
        packet = rtp.parse(call.viewer.plain(first))
        assert packet.data[packet.payload_at :] == bytes.fromhex(descriptor + "10020000")


async def test_sound_of_before_the_handshake_is_not_sent_late(endpoint: Endpoint, publisher: Client) -> None:
    call = Call(endpoint, publisher, OPUS)
    call.send(b"sound")
    async with call.viewer:
        assert await call.arrived() == 0
        call.send(b"sound")
        assert await call.arrived() == 1


async def test_a_picture_too_old_is_left_out(endpoint: Endpoint, publisher: Client) -> None:
    call = Call(endpoint, publisher, VP8)
    call.send(KEY, asyncio.get_running_loop().time() - 2 * LONGEST_SECONDS)
    async with call.viewer:
        assert call.downlink.current_layer == -1
        assert await call.arrived() == 0


async def test_more_than_a_narrow_link_takes_at_once_is_left_out(endpoint: Endpoint, publisher: Client) -> None:
    call = Call(endpoint, publisher, VP8)
    call.send(KEY)
    for _ in range(MOST_OCTETS // 1000 + 1):
        call.send(DELTA + bytes(1000))
    async with call.viewer:
        assert await call.arrived() == 0


@pytest.mark.parametrize("is_late", [False, True])
async def test_a_key_frame_is_asked_for_a_round_trip_before_we_can_send(
    endpoint: Endpoint, publisher: Client, is_late: bool
) -> None:
    call = Call(endpoint, publisher, VP8, begins=False)
    call.send(DELTA)
    viewer = call.viewer
    viewer.is_lost = lambda data: data[0] >= CHANGE_CIPHER_SPEC
    if is_late:
        call.downlink.unbind()
    await viewer.begin()
    assert publisher.peer.counts["plis_sent"] == (0 if is_late else 1)
    if is_late:
        call.downlink.bind([VP8], {})
    await call.arrived()
    assert publisher.peer.counts["plis_sent"] == 1
    await viewer.close()


@pytest.mark.parametrize(("delay_seconds", "is_narrow"), [(0.0, False), (0.5, True)])
async def test_somebody_far_away_may_have_a_narrow_link(
    endpoint: Endpoint, publisher: Client, delay_seconds: float, is_narrow: bool
) -> None:
    async with Call(endpoint, publisher, VP8, delay_seconds=delay_seconds).viewer as viewer:
        assert viewer.peer.reception.strain.may_be_narrow is is_narrow


async def test_somebody_near_whose_first_answer_was_lost_is_not_far_away(endpoint: Endpoint) -> None:
    client, loop = Client(endpoint, begins=False), asyncio.get_running_loop()
    until = loop.time() + 1.2
    client.is_lost = lambda data: 20 <= data[0] < 64 and loop.time() < until
    async with client:
        peer = client.peer
        strain = peer.reception.strain
        assert (strain.is_yielding, strain.may_be_narrow) == (False, False)
        assert peer.rtt_seconds < 0.35


async def test_a_key_frame_is_asked_for_while_the_handshake_lasts(endpoint: Endpoint, publisher: Client) -> None:
    call = Call(endpoint, publisher, VP8)
    call.send(DELTA)
    call.viewer.peer.dtls_received(b"\x16 the first flight of a client", asyncio.get_running_loop().time())
    assert not call.viewer.peer.secure.is_keyed
    assert publisher.peer.counts["plis_sent"] == 1
    await call.viewer.peer.close()


async def test_a_key_frame_that_comes_late_is_nothing_to_begin_with(endpoint: Endpoint, publisher: Client) -> None:
    async with (call := Call(endpoint, publisher, VP8)).viewer:
        for call.sequence, payload in ((0, DELTA), (2, DELTA), (3, DELTA), (1, KEY), (4, DELTA)):
            call.send(payload)
        assert await call.arrived() == 0
        # The one that is asked for instead.
        for payload in (KEY, DELTA):
            call.send(payload)
        assert await call.arrived() == 2


def _picture(number: int, temporal: int) -> bytes:
    """A picture numbered with seven bits, of one of two temporal layers."""
    return bytes((0x90, 0xE0, number & 0x7F, number // 2 & 0xFF, temporal << 6 | 0x20, 0 if not number else 1))


async def test_pictures_numbered_with_seven_bits_are_sent_with_fifteen_and_can_be_thinned_out(
    endpoint: Endpoint, publisher: Client
) -> None:
    async with (call := Call(endpoint, publisher, VP8)).viewer:
        now = asyncio.get_running_loop().time()
        for number in range(400):
            call.send(_picture(number, number % 2), now)
            if number % 50 == 49:
                await call.arrived()
            if number == 199:
                call.downlink.set_limit(0, 0)
                call.downlink.poll(now, 0.0)
        assert await call.arrived() == 200 + 100
        told = []
        for packet in call.viewer.places[0].packets:
            whole = rtp.parse(call.viewer.plain(packet))
            found = codecs.parse_vp8(whole.data, whole.payload_at, whole.payload_end)
            assert found is not None
            told.append(found.picture_id)
        assert told == list(range(300))


TRAILER = bytes.fromhex("0102f84c4b5453")


@pytest.mark.parametrize("is_stripped", [False, True])
async def test_who_does_not_know_packet_trailers_gets_pictures_without(
    endpoint: Endpoint, publisher: Client, *, is_stripped: bool
) -> None:
    async with (call := Call(endpoint, publisher, VP8)).viewer:
        call.downlink.strips_trailers = is_stripped
        for payload in (KEY, DELTA):
            call.send(payload + b"picture" + TRAILER)
        assert await call.arrived() == 2
        for payload, packet in zip((KEY, DELTA), call.viewer.places[0].packets, strict=True):
            whole = rtp.parse(call.viewer.plain(packet))
            sent = payload + b"picture" + (b"" if is_stripped else TRAILER)
            assert whole.data[whole.payload_at : whole.payload_end] == sent


STAP_A = b"\x18"
PARAMETERS, SLICE = b"\x67\x42\x00\x1f", b"\x65\x88"


async def test_of_several_units_in_a_packet_the_last_is_shorter_by_its_trailer(
    endpoint: Endpoint, publisher: Client
) -> None:
    async with (call := Call(endpoint, publisher, H264)).viewer:
        call.downlink.strips_trailers = True

        def packet(*units: bytes) -> bytes:
            return STAP_A + b"".join(len(unit).to_bytes(2, "big") + unit for unit in units)

        whole = [packet(PARAMETERS, SLICE), SLICE]
        # Here a unit is shorter than the trailer that it seems to have.
        odd = packet(PARAMETERS, b"ab\xf0LKTS")
        for payload in (packet(PARAMETERS, SLICE + TRAILER), SLICE + TRAILER, odd):
            call.send(payload)
        assert await call.arrived() == 3
        told = [rtp.parse(call.viewer.plain(packet)) for packet in call.viewer.places[0].packets]
        assert [found.data[found.payload_at : found.payload_end] for found in told] == [*whole, odd]


async def test_a_layer_goes_on_while_the_next_ones_key_frame_comes_late(endpoint: Endpoint, publisher: Client) -> None:
    async with (call := Call(endpoint, publisher, VP8)).viewer:
        call.send(KEY)
        larger = call.uplink.add_stream(10, "h", 1)
        for sequence, payload in ((1, DELTA), (3, DELTA), (4, DELTA), (2, KEY), (5, DELTA)):
            head = rtp.header(marker=True, payload_type=96, sequence=sequence, timestamp=0, ssrc=10)
            call.uplink.receive(larger, rtp.parse(head + payload), asyncio.get_running_loop().time())
        call.send(DELTA)
        assert call.downlink.current_layer == 0
        assert await call.arrived() == 2
