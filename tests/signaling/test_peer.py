"""One peer's bounds: what a client that has connected may still not do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from itertools import pairwise
from statistics import median
from struct import pack

import pytest
import uvloop

from signaling.sfu.endpoint import IDLE_POLL_SECONDS, Endpoint
from signaling.sfu.formats import rtcp, rtp
from signaling.sfu.formats.sdp import Codec
from signaling.sfu.link.allocation import NOTHING
from signaling.sfu.network.slots import MAX_PACKET_BYTES
from signaling.sfu.peer import FEEDBACK_SECONDS, MAX_REPAIRS
from signaling.sfu.receiving.incoming import MAX_STRANGERS, MAX_STREAMS
from signaling.sfu.receiving.missing import LEAST_SECONDS
from signaling.sfu.receiving.uplink import Uplink
from signaling.sfu.sending.downlink import Downlink
from signaling.sfu.sending.sent import KEPT_PACKETS, KEPT_SECONDS
from tests.signaling.media_client import Client, check_of

VP8 = Codec(96, "VP8", 90000)
RTX = Codec(97, "rtx", 90000, fmtp="apt=96")


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    endpoint = Endpoint(["127.0.0.1"], 0)
    await endpoint.open()
    async with Client(endpoint) as connected:
        yield connected
    await endpoint.close()


async def _arrived(client: Client) -> None:
    """Wait until everything sent before has been read: packets of one socket keep their order here."""
    client.places[0].udp.sendto(check_of(client.peer))
    await client.places[0].next_stun()


def _uplink(client: Client, mid: str = "0") -> Uplink:
    return Uplink(client.peer, mid, "video", VP8, {96: VP8}, {})


def _packet(ssrc: int, sequence: int = 1) -> bytes:
    return rtp.header(marker=False, payload_type=96, sequence=sequence, timestamp=0, ssrc=ssrc) + b"\x10\x00payload"


async def test_streams_of_nobody_are_counted_and_forgotten(client: Client) -> None:
    for ssrc in range(10, 10 + 3 * MAX_STRANGERS):
        client.send(_packet(ssrc))
        client.send(rtcp.pli(ssrc + 1000, 1))
    await _arrived(client)
    assert client.peer.counts["unknown_stream"] == 3 * MAX_STRANGERS
    assert len(client.peer.reception.incoming.strangers) <= MAX_STRANGERS


async def test_a_track_has_only_so_many_streams(client: Client) -> None:
    uplink = _uplink(client)
    client.peer.reception.learn_extensions({rtp.MID: 4})
    client.peer.reception.expect(uplink, [], {})
    for ssrc in range(10, 10 + 2 * MAX_STREAMS):
        head = rtp.header(
            marker=False,
            payload_type=96,
            sequence=1,
            timestamp=0,
            ssrc=ssrc,
            extensions=((4, b"0"),),
        )
        client.send(head + b"\x10\x00payload")
    await _arrived(client)
    assert len(uplink.streams) == MAX_STREAMS
    assert client.peer.counts["too_many_streams"] == MAX_STREAMS


async def test_a_track_is_taken_after_many_streams_of_nobody(client: Client) -> None:
    uplink = _uplink(client)
    client.peer.reception.expect(uplink, [7], {})
    for ssrc in range(10, 10 + 2 * MAX_STRANGERS):
        client.send(_packet(ssrc))
    client.send(_packet(7))
    await _arrived(client)
    assert [stream.packets for stream in uplink.streams] == [1]


async def test_how_wide_an_uplink_is_shows_in_needless_repairs_too(client: Client) -> None:
    uplink = Uplink(client.peer, "0", "video", VP8, {96: VP8, 97: RTX}, {})
    client.peer.reception.expect(uplink, [7], {8: 7})
    now = asyncio.get_running_loop().time()
    client.peer.hurry()
    client.peer.poll(now)
    client.send(_packet(7))
    for sequence in range(20):
        head = rtp.header(marker=False, payload_type=97, sequence=sequence, timestamp=0, ssrc=8)
        client.send(head + b"\0\1\x10\x00payload")
    await _arrived(client)
    client.peer.poll(now + 0.5)
    assert uplink.streams[0].packets == 1
    assert client.peer.reception.strain.arriving_bps >= 8 * 20 * len(_packet(8))


async def test_nothing_of_a_track_is_kept_when_it_ends(client: Client) -> None:
    for ssrc in range(100, 200, 2):
        uplink = _uplink(client)
        client.peer.reception.expect(uplink, [ssrc], {ssrc + 1: ssrc, ssrc + 1000: ssrc + 999})
        client.send(_packet(ssrc))
        await _arrived(client)
        client.peer.reception.drop(uplink)
    peer = client.peer
    assert peer.reception.incoming.is_empty


async def test_one_report_asks_for_no_more_repairs_than_a_link_carries(client: Client) -> None:
    uplink = _uplink(client)
    downlink = Downlink(client.peer, uplink, ssrc=5, rtx_ssrc=6)
    client.peer.downlinks[5] = downlink
    asked = b"".join(pack("!HH", base, 0xFFFF) for base in range(0, 480 * 17, 17))
    before = client.peer.counts["nack_refused"]
    for _ in range(4):
        client.send(pack("!BBHII", 0x81, 205, 2 + 100, 1, 5) + asked[:400])
    await _arrived(client)
    assert client.peer.counts["nack_refused"] - before >= 4 * 512 - 2 * MAX_REPAIRS


@pytest.mark.parametrize("body", [b"", bytes(4), b"\0\1\0\5\0\0\0\0"])
async def test_feedback_cut_short_is_counted(client: Client, body: bytes, caplog: pytest.LogCaptureFixture) -> None:
    client.send(pack("!BBHII", 0x8F, 205, 2 + len(body) // 4, 1, 5) + body)
    await _arrived(client)
    assert client.peer.counts["feedback_malformed"] == 1
    assert not caplog.records


async def test_a_missing_packet_is_asked_for_soon_although_nothing_more_comes(client: Client) -> None:
    client.peer.reception.expect(_uplink(client), [7], {})
    place, loop = client.places[0], asyncio.get_running_loop()
    waits: list[float] = []
    for sequence in range(0, 27, 3):
        # With the first the peers are polled, and with what follows at once they are not.
        client.send(_packet(7, sequence))
        await _arrived(client)
        client.send(_packet(7, sequence + 2))
        await _arrived(client)
        place.packets.clear()
        began = loop.time()
        async with asyncio.timeout(5):
            while not any(packet[:2] == b"\x81\xcd" for packet in place.packets):
                place.media.clear()
                await place.media.wait()
        waits.append(loop.time() - began)
        client.send(_packet(7, sequence + 1))
        await _arrived(client)
        await asyncio.sleep(1.5 * IDLE_POLL_SECONDS)
    # The idle rounds would come to it half a round after it was missed.
    assert median(waits) < IDLE_POLL_SECONDS * 0.4


async def _requests(client: Client, number: int) -> list[float]:
    """When each of so many requests for a missing packet came."""
    place, came = client.places[0], list[float]()
    async with asyncio.timeout(5):
        while len(came) < number:
            place.media.clear()
            await place.media.wait()
            came += [time.monotonic() for packet in place.packets if packet[:2] == b"\x81\xcd"]
            place.packets.clear()
    return came


async def _between_requests() -> list[float]:
    endpoint = Endpoint(["127.0.0.1"], 0)
    await endpoint.open()
    async with Client(endpoint) as client:
        client.peer.reception.expect(_uplink(client), [7], {})
        for sequence in (1, 3):
            client.send(_packet(7, sequence))
        came = await _requests(client, 3)
    await endpoint.close()
    return [later - before for before, later in pairwise(came)]


def test_what_is_missing_is_asked_for_again_on_a_loop_that_counts_milliseconds() -> None:
    waits = [max(uvloop.run(_between_requests())) for _ in range(5)]
    assert median(waits) < 1.5 * IDLE_POLL_SECONDS


async def test_feedback_that_is_due_soon_comes_with_somebody_elses(client: Client) -> None:
    async with Client(client.endpoint) as other:
        peers = (client.peer, other.peer)
        async with asyncio.timeout(5):
            while abs(client.peer.feedback_due - other.peer.feedback_due) > 1e-9:
                # Packets, with which rounds come.
                await _arrived(client)
        assert {peer.due_at for peer in peers} == {client.peer.feedback_due}


async def test_a_peer_is_due_when_feedback_is_and_soon_while_something_is_missing(client: Client) -> None:
    peer = client.peer
    peer.reception.expect(_uplink(client), [7], {})
    client.send(_packet(7, 1))
    await _arrived(client)
    now = time.monotonic() + 1.0
    peer.poll(now)
    assert not peer.is_waiting
    assert peer.due_at == pytest.approx(now + FEEDBACK_SECONDS)
    client.send(_packet(7, 3))
    await _arrived(client)
    assert peer.due_at < now
    peer.poll(now)
    assert peer.is_waiting
    assert peer.due_at == pytest.approx(now + LEAST_SECONDS)
    client.send(_packet(7, 2))
    await _arrived(client)
    peer.poll(now)
    assert not peer.is_waiting


async def test_a_packet_is_sent_again_until_it_is_too_old(client: Client) -> None:
    uplink = _uplink(client)
    downlink = Downlink(client.peer, uplink, ssrc=5, rtx_ssrc=6)
    uplink.downlinks.append(downlink)
    client.peer.downlinks[5] = downlink
    downlink.bind([VP8], {})
    client.peer.reception.expect(uplink, [7], {})
    client.send(_packet(7))
    await _arrived(client)
    assert downlink.packets == 1
    place, now = client.places[0], asyncio.get_running_loop().time()

    async def is_sent_again(at: float) -> bool:
        client.peer.poll(at)
        await _arrived(client)
        place.media.clear()
        downlink.retransmit([downlink.ssrc])
        await _arrived(client)
        return place.media.is_set()

    assert await is_sent_again(now + KEPT_SECONDS / 2)
    assert not await is_sent_again(now + 60)


async def test_where_repairs_take_too_long_pictures_come_without_layers_from_a_key_frame_on(client: Client) -> None:
    uplink = _uplink(client)
    stream = uplink.add_stream(7, "q", 0)
    downlink = Downlink(client.peer, uplink, ssrc=5, rtx_ssrc=6)
    uplink.downlinks.append(downlink)
    downlink.bind([VP8], {})
    key, delta = bytes.fromhex("90e0a1b2074010020000"), bytes.fromhex("90e0a1b3074011020000")
    shorter = 2

    def sent(payload: bytes, sequence: int) -> int:
        before = downlink.octets
        head = rtp.header(marker=True, payload_type=96, sequence=sequence, timestamp=0, ssrc=7)
        uplink.receive(stream, rtp.parse(head + payload), 0.0)
        return downlink.octets - before

    assert sent(key, 1) == len(key)
    client.peer.rtt_seconds, client.peer.is_rtt_known = 0.4, True
    assert sent(delta, 2) == len(delta)
    assert sent(delta, 4) == len(delta)
    assert sent(key, 3) == len(key)
    assert sent(key, 5) == len(key) - shorter
    assert sent(delta, 6) == len(delta) - shorter
    client.peer.rtt_seconds = 0.1
    assert sent(key, 7) == len(key)


async def test_more_than_the_limit_is_tried_with_padding_that_no_decoder_sees(client: Client) -> None:
    peer = client.peer
    stream = (uplink := _uplink(client)).add_stream(7, "q", 0)
    stream.bitrate_bps, stream.last_at = 300_000.0, asyncio.get_running_loop().time()
    downlink = peer.downlinks[5] = Downlink(peer, uplink, ssrc=5, rtx_ssrc=6)
    peer.transport_cc_out = 3
    peer.link.estimate.limit_bps = 50_000.0
    assert downlink.bind([VP8, RTX], {rtp.TRANSPORT_CC: 3})
    async with asyncio.timeout(5):
        await client.places[0].media.wait()
    packet = rtp.parse(client.plain(client.places[0].newest))
    assert downlink.has_yielded
    assert (packet.ssrc, packet.payload_type, packet.is_padding) == (6, 97, True)


async def test_what_goes_out_again_under_its_own_number_is_the_same_to_the_last_byte(client: Client) -> None:
    # AES-GCM would give its key for authentication away (RFC 7714 §8.1).
    uplink = _uplink(client)
    client.peer.transport_cc_out = 3
    downlink = client.peer.downlinks[5] = Downlink(client.peer, uplink, ssrc=5, rtx_ssrc=6)
    uplink.downlinks.append(downlink)
    client.peer.reception.expect(uplink, [7], {})
    downlink.bind([VP8], {rtp.TRANSPORT_CC: 3})
    for sequence in (1, 2):
        client.send(_packet(7, sequence))
    await _arrived(client)
    downlink.retransmit([downlink.ssrc, downlink.ssrc + 1])
    await _arrived(client)
    ssrc = downlink.ssrc.to_bytes(4, "big")
    first, second, first_again, second_again = [p for p in client.places[0].packets if p[8:12] == ssrc]
    assert (first_again, second_again) == (first, second)
    assert first != second


async def test_on_a_narrow_link_the_lower_rank_yields(client: Client) -> None:
    peer, now = client.peer, asyncio.get_running_loop().time()
    for ssrc, rank in ((5, 2), (15, 1), (25, 3)):
        stream = (uplink := _uplink(client, str(ssrc))).add_stream(ssrc + 2, "q", 0)
        stream.bitrate_bps, stream.last_at = 150_000.0, now
        downlink = peer.downlinks[ssrc] = Downlink(peer, uplink, ssrc=ssrc, rtx_ssrc=ssrc + 1)
        downlink.bind([VP8], {})
        downlink.rank = rank
    yielding = []
    for bps in (500_000.0, 400_000.0, 200_000.0, 100_000.0):
        peer.link.estimate.limit_bps = bps
        peer.link.share(now)
        yielding.append([downlink.ssrc for downlink in peer.downlinks.values() if downlink.has_yielded])
    assert yielding == [[], [25], [5, 25], [5, 15, 25]]


async def test_what_is_lost_on_either_way_counts(client: Client) -> None:
    peer, now = client.peer, asyncio.get_running_loop().time()
    uplink = _uplink(client)
    downlink = peer.downlinks[5] = Downlink(peer, uplink, ssrc=5, rtx_ssrc=6)
    peer.reception.expect(uplink, [7], {})
    for sequence in (1, 2, 3, 5):
        client.send(_packet(7, sequence))
    await _arrived(client)
    peer.poll(now + 1.0)
    assert peer.loss() == pytest.approx(0.2, abs=0.01)
    downlink.fraction_lost = 0.5
    assert peer.loss() == 0.5


async def test_a_link_is_starved_while_pictures_that_somebody_wants_give_way(client: Client) -> None:
    uplink = _uplink(client)
    downlink = client.peer.downlinks[5] = Downlink(client.peer, uplink, ssrc=5, rtx_ssrc=6)
    downlink.bind([VP8], {})
    assert not client.peer.is_starved
    downlink.set_limit(*NOTHING)
    assert client.peer.is_starved
    downlink.set_paused(True)
    assert not client.peer.is_starved
    client.peer.reception.strain.is_yielding = True
    assert client.peer.is_starved


async def test_a_link_without_room_for_all_pictures_gets_some(client: Client) -> None:
    peer, uplink = client.peer, _uplink(client)
    stream = uplink.add_stream(7, "q", 0)
    downlink = peer.downlinks[5] = Downlink(peer, uplink, ssrc=5, rtx_ssrc=6)
    uplink.downlinks.append(downlink)
    downlink.bind([VP8], {})
    now = asyncio.get_running_loop().time()

    def show(seconds: float) -> int:
        """Three temporal layers as libvpx makes them, 20 pictures a second; returns how many are sent on."""
        nonlocal now
        before = downlink.packets
        for _ in range(round(seconds * 20)):
            number = stream.packets
            layer, is_sync = ((0, 0), (2, 0x20), (1, 0x20), (2, 0))[number % 4]
            descriptor = bytes((0x90, 0xE0, 0x80 | number >> 8, number & 0xFF, 7, layer << 6 | is_sync))
            head = rtp.header(marker=True, payload_type=96, sequence=number, timestamp=4500 * number, ssrc=7)
            uplink.receive(stream, rtp.parse(head + descriptor + bytes((number > 0,)) + bytes(600)), now)
            peer.poll(now)
            now += 0.05
        return downlink.packets - before

    assert show(5.0) == 100
    demand = downlink.demand()
    assert demand is not None
    full = demand.layers[0][1]
    assert [bps / full for bps in demand.thinned] == pytest.approx([0.25, 0.5], abs=0.05)
    peer.link.estimate.limit_bps = 0.7 * full
    show(1.0)
    assert show(2.0) == 20
    peer.link.estimate.limit_bps = 0.4 * full
    # Until the link is looked at again what it was before goes on.
    show(0.2)
    assert show(2.0) == 10
    assert not downlink.has_yielded
    peer.link.estimate.limit_bps = 0.1 * full
    show(0.2)
    assert downlink.has_yielded
    assert show(2.0) == 0


@pytest.mark.parametrize("before", [0, 12, 28, 90, 400])
async def test_a_payload_leaves_whole_wherever_it_stood_in_what_came(client: Client, before: int) -> None:
    data = bytes(range(256)) * 5
    data = data[:before] + b"the payload" + data[before : before + 300]
    client.peer.send_rtp(
        marker=True,
        payload_type=96,
        sequence=7,
        timestamp=8,
        ssrc=9,
        extensions=(),
        prefix=b"prefix ",
        data=data,
        at=before,
        end=before + len(b"the payload"),
    )
    async with asyncio.timeout(5):
        await client.places[0].media.wait()
    arrived = rtp.parse(client.plain(client.places[0].newest))
    assert arrived.data[arrived.payload_at : arrived.payload_end] == b"prefix the payload"
    assert (arrived.sequence, arrived.timestamp, arrived.ssrc) == (7, 8, 9)


async def test_what_no_slot_holds_is_counted_and_not_sent(client: Client) -> None:
    assert client.peer.selected is not None
    wire, address = client.peer.selected
    for octets in (MAX_PACKET_BYTES + 1, MAX_PACKET_BYTES):
        wire.send(address, b"\xff" * octets)
    async with asyncio.timeout(5):
        await client.places[0].media.wait()
    assert [len(packet) for packet in client.places[0].packets] == [MAX_PACKET_BYTES]
    assert client.endpoint.totals()["unsent"] == 1


async def test_after_a_mute_pictures_go_on_with_a_key_frame_that_is_asked_for(client: Client) -> None:
    uplink = _uplink(client)
    downlink = client.peer.downlinks[5] = Downlink(client.peer, uplink, ssrc=5, rtx_ssrc=6)
    uplink.downlinks.append(downlink)
    client.peer.reception.expect(uplink, [7], {})
    downlink.bind([VP8], {})
    sent = []
    for sequence, is_key, is_muted in ((1, 1, 0), (2, 0, 0), (3, 0, 1), (4, 0, 0), (5, 0, 0), (6, 1, 0), (7, 0, 0)):
        if is_muted != uplink.muted:
            uplink.set_muted(bool(is_muted))
        head = rtp.header(marker=True, payload_type=96, sequence=sequence, timestamp=0, ssrc=7)
        client.send(head + (b"\x10\x00" if is_key else b"\x10\x01") + b"payload")
        await _arrived(client)
        sent.append(downlink.packets)
    assert sent == [1, 2, 2, 2, 2, 3, 4]
    asked = client.peer.counts["plis_sent"]
    uplink.set_muted(True)
    uplink.set_muted(False)
    now = asyncio.get_running_loop().time() + 10.0
    client.peer.poll(now)
    assert client.peer.counts["plis_sent"] == asked + 1
    plain = [
        rtp.parse(client.plain(packet)) for packet in client.places[0].packets if packet[8:12] == bytes((0, 0, 0, 5))
    ]
    first = plain[0].sequence
    assert [packet.sequence - first for packet in plain] == [0, 1, 2, 3]


async def test_another_path_says_nothing_of_how_long_the_one_before_was(client: Client) -> None:
    peer = client.peer
    peer.link.estimate._base.add(1.0, 0.02)
    peer.reception.strain.heard(0.02, 1.0, expected=1, received=1)
    moved = await client.move()
    moved.answers = True
    moved.udp.sendto(check_of(peer))
    for _ in range(2):
        await moved.next_stun()
    moved.udp.sendto(check_of(peer))
    await moved.next_stun()
    assert peer.link.estimate._base.value == float("inf")
    peer.reception.strain.heard(0.9, 3.0, expected=2, received=2)
    assert peer.reception.strain.queue_seconds(3.0) < 0.3


async def test_sound_alone_finds_a_wider_link_after_a_picture_had_no_room(client: Client) -> None:
    peer, now = client.peer, asyncio.get_running_loop().time()
    stream = (uplink := _uplink(client)).add_stream(7, "q", 0)
    stream.bitrate_bps, stream.last_at = 300_000.0, now
    downlink = peer.downlinks[5] = Downlink(peer, uplink, ssrc=5, rtx_ssrc=6)
    peer.link.estimate.limit_bps = 60_000.0
    downlink.bind([VP8, RTX], {})
    peer.link.share(now)
    assert not peer.link.estimate._is_used(now)
    downlink.set_paused(True)
    peer.link.share(now)
    assert peer.link.estimate._is_used(now)


@pytest.mark.parametrize(("pause_seconds", "has_pictures"), [(2, True), (2, False), (0.5, False)])
async def test_a_microphone_that_is_changed_is_no_queue(
    client: Client, pause_seconds: float, *, has_pictures: bool
) -> None:
    opus = Codec(111, "opus", 48000, 2)
    sound, pictures = Uplink(client.peer, "0", "audio", opus, {111: opus}, {}), _uplink(client, "1")
    reception, began_at = client.peer.reception, asyncio.get_running_loop().time()
    now = began_at
    reception.expect(sound, [7], {})
    reception.expect(pictures, [8], {})
    spoken = 0
    for step in range(2000):
        now += 0.02
        # Nothing is recorded for a while, in which a browser's clock of sound stands still.
        if not 10 < now - began_at < 10 + pause_seconds:
            spoken += 1
            captured_at = now
            head = rtp.header(marker=False, payload_type=111, sequence=spoken, timestamp=spoken * 960, ssrc=7)
            reception.take(rtp.parse(head + bytes(60)), now)
        if has_pictures:
            reception.take(rtp.parse(_packet(8, step + 1) + bytes(500)), now)
        if step % 250 == 249:
            timestamp = spoken * 960 + round((now - captured_at) * 48000)
            reception.note_report(rtcp.SenderReport(7, round(now * 2**32), timestamp, spoken, 0), now)
        if step % 5 == 0:
            reception.feedback(now)
            # As little as a voice alone is not waited for until the next report, but does not stay so.
            is_open = not has_pictures and 10 < now - began_at < 16
            assert is_open or not (reception.strain.is_yielding or reception.strain.is_narrow)


async def test_when_one_sound_falls_silent_another_tells_how_the_way_is(client: Client) -> None:
    opus = Codec(111, "opus", 48000, 2)
    reception, now = client.peer.reception, 100.0
    for number in (7, 8):
        reception.expect(Uplink(client.peer, str(number), "audio", opus, {111: opus}, {}), [number], {})

    def pass_by(late_seconds: float, *speaking: int) -> None:
        nonlocal now
        for _ in range(300):
            now += 0.02
            for ssrc in speaking:
                # The clock of the one is hours apart from that of the other.
                clock = ssrc * 10_000 + now - late_seconds
                head = rtp.header(
                    marker=False,
                    payload_type=111,
                    sequence=round(now / 0.02) & 0xFFFF,
                    timestamp=round(clock * 48000) & 0xFFFFFFFF,
                    ssrc=ssrc,
                )
                reception.take(rtp.parse(head + bytes(60)), now)
            reception.feedback(now)

    pass_by(0.0, 7, 8)
    assert reception.strain.queue_seconds(now) < 0.05
    # A screen's sound goes on when the microphone is off; that it is heard from another clock is no queue.
    pass_by(0.0, 8)
    assert reception.strain.queue_seconds(now) < 0.05
    pass_by(0.5, 8)
    assert reception.strain.queue_seconds(now) > 0.4
    assert reception.strain.is_yielding


async def test_a_packet_that_comes_very_late_takes_no_newer_ones_place(client: Client) -> None:
    uplink = _uplink(client)
    stream = uplink.add_stream(7, "", 0)
    downlink = Downlink(client.peer, uplink, ssrc=5, rtx_ssrc=6)
    uplink.downlinks.append(downlink)
    downlink.bind([VP8], {})
    first, late = 1, 3
    for sequence in [*range(first, late), *range(late + 1, late + KEPT_PACKETS + 20), late]:
        uplink.receive(stream, rtp.parse(_packet(7, sequence)), 0.0)
        if sequence % 50 == 0:
            await _arrived(client)
    await _arrived(client)
    place = client.places[0]
    place.media.clear()
    downlink.retransmit([downlink.ssrc + late + KEPT_PACKETS - first])
    await _arrived(client)
    assert place.media.is_set()


async def test_a_key_frame_of_a_shared_screen_takes_no_picture_away_and_a_film_does(client: Client) -> None:
    peer, uplink = client.peer, _uplink(client)
    stream = uplink.add_stream(7, "", 0)
    downlink = Downlink(peer, uplink, ssrc=5, rtx_ssrc=6)
    uplink.downlinks.append(downlink)
    peer.downlinks[5] = downlink
    downlink.bind([VP8], {})
    peer.link.forced_limit_bps = 1_000_000
    sequence = 0

    def show(at: float, packets: int) -> bool:
        nonlocal sequence
        for _ in range(packets):
            sequence += 1
            uplink.receive(stream, rtp.parse(_packet(7, sequence) + bytes(1000)), at)
        peer.link.share(at)
        return not downlink.has_yielded

    still, slide = 3, 150
    assert all(show(1.1 * second, slide if second in (5, 12) else still) for second in range(20))
    assert not all(show(1.1 * second, slide) for second in range(20, 24))


async def test_a_layer_that_goes_on_under_another_ssrc_is_repaired(client: Client) -> None:
    uplink = Uplink(client.peer, "0", "video", VP8, {96: VP8, 97: RTX}, {})
    reception = client.peer.reception
    reception.learn_extensions({rtp.MID: 4, rtp.RID: 5, rtp.REPAIRED_RID: 6})
    reception.expect(uplink, [], {})

    def take(ssrc: int, sequence: int, name: int, payload_type: int = 96, before: bytes = b"") -> None:
        named = ((4, b"0"), (name, b"h"))
        head = rtp.header(
            marker=False, payload_type=payload_type, sequence=sequence, timestamp=0, ssrc=ssrc, extensions=named
        )
        reception.take(rtp.parse(head + before + b"\x10\x00payload"), 0.0)

    for ssrc in (7, 9):
        for sequence in (1, 3):
            take(ssrc, sequence, 5)
        take(ssrc + 1, 1, 6, payload_type=97, before=b"\0\2")
        assert [stream.packets for stream in uplink.streams if stream.ssrc == ssrc] == [3]
