"""The seam to aiortc and pylibsrtp: two transports talk to each other over nothing but function calls."""

from __future__ import annotations

import asyncio
import os
import time
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from unittest.mock import AsyncMock

import pytest
from aiortc import RTCCertificate, RTCDataChannel, rtcsctptransport
from aiortc.rtcsctptransport import (
    SCTP_DATA_FIRST_FRAG,
    SCTP_DATA_LAST_FRAG,
    SCTP_DATA_UNORDERED,
    DataChunk,
    RTCSctpCapabilities,
    RTCSctpTransport,
    SackChunk,
    StreamResetResponseParam,
)
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from signaling.sfu.network import transport
from signaling.sfu.network.datagrams import MAX_WAITING_DATAGRAMS, Datagrams
from signaling.sfu.network.native import address_of
from signaling.sfu.network.slots import Slots
from signaling.sfu.network.transport import SecureTransport

CHANGE_CIPHER_SPEC = 20


class _Side:
    def __init__(self, certificate: transport.Certificate | None = None) -> None:
        self.certificate = certificate or transport.Certificate()
        self.keyed = asyncio.Event()
        self.connected = asyncio.Event()
        self.closed = asyncio.Event()
        self.channel: asyncio.Queue[RTCDataChannel] = asyncio.Queue()
        self.first_round_trip_seconds: float | None = None
        self.other: _Side | None = None
        self.secure = SecureTransport(
            self.certificate,
            send=self._send,
            on_keyed=self._keyed,
            on_connected=self.connected.set,
            on_closed=self.closed.set,
            on_channel=self.channel.put_nowait,
        )
        self.secure.reach()

    def _keyed(self) -> None:
        self.first_round_trip_seconds = self.secure.round_trip_seconds
        self.keyed.set()

    def _send(self, data: bytes) -> None:
        if self.other is not None:
            self.other.secure.receive(data)


async def _pair() -> tuple[_Side, _Side]:
    server, client = _Side(), _Side()
    server.other, client.other = client, server
    server.secure.start([client.certificate.fingerprint], is_client=False, sctp_port=5000)
    client.secure.start([server.certificate.fingerprint], is_client=True, sctp_port=5000)
    async with asyncio.timeout(10):
        await server.connected.wait()
        await client.connected.wait()
    return server, client


class _Loser(_Side):
    """Loses the first of everything that it sends in a handshake; what is sent again has new record numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.lost: set[bytes] = set()

    def _send(self, data: bytes) -> None:
        # Of an encrypted record nothing comes again the same.
        part = data[13:25] if data[0] == 22 and data[3:5] == b"\0\0" else data[:1]
        if data[0] < 23 and part not in self.lost:
            self.lost.add(part)
        else:
            super()._send(data)


async def test_a_handshake_that_loses_each_flight_once_does_not_wait_for_openssls_timer() -> None:
    server, client = _Loser(), _Loser()
    server.other, client.other = client, server
    began = asyncio.get_running_loop().time()
    server.secure.start([client.certificate.fingerprint], is_client=False, sctp_port=5000)
    client.secure.start([server.certificate.fingerprint], is_client=True, sctp_port=5000)
    async with asyncio.timeout(10):
        await server.connected.wait()
        await client.connected.wait()
    assert len(server.lost) >= 2
    assert len(client.lost) >= 2
    # Four flights are lost, each of which OpenSSL alone sends again after a second.
    assert asyncio.get_running_loop().time() - began < 2.5
    await server.secure.close()
    await client.secure.close()


class _Mute(_Side):
    """From its first word on nothing that it sends arrives for longer than OpenSSL waits before it sends again."""

    SECONDS = 1.2

    def __init__(self) -> None:
        super().__init__()
        self.began_at: float | None = None

    def _send(self, data: bytes) -> None:
        now = asyncio.get_running_loop().time()
        self.began_at = now if self.began_at is None else self.began_at
        if now >= self.began_at + self.SECONDS:
            super()._send(data)


async def test_a_round_trip_is_as_long_as_the_first_answer_took_until_another_took_less() -> None:
    server, client = _Side(), _Mute()
    server.other, client.other = client, server
    server.secure.start([client.certificate.fingerprint], is_client=False, sctp_port=5000)
    client.secure.start([server.certificate.fingerprint], is_client=True, sctp_port=5000)
    async with asyncio.timeout(10):
        await client.connected.wait()
    first, shortest = client.first_round_trip_seconds, client.secure.round_trip_seconds
    assert first is not None
    assert shortest is not None
    # Nothing arrived before, however often it was sent.
    assert first > 0.99 * _Mute.SECONDS
    assert 0 < shortest < 0.5 * _Mute.SECONDS
    await server.secure.close()
    await client.secure.close()


@pytest.mark.parametrize("is_answered", [False, True])
async def test_only_a_handshake_that_ends_with_an_answer_tells_a_round_trip(is_answered: bool) -> None:
    datagrams = Datagrams(lambda _: None)
    datagrams.reach()
    await datagrams._send(bytes(30))
    datagrams.settle(is_answered=is_answered)
    assert (datagrams.round_trip_seconds is not None) is is_answered


async def test_nothing_of_a_handshake_leaves_before_there_is_an_address() -> None:
    sent = asyncio.Event()
    secure = SecureTransport(
        transport.Certificate(),
        send=lambda _: sent.set(),
        on_keyed=lambda: None,
        on_connected=lambda: None,
        on_closed=lambda: None,
        on_channel=lambda _: None,
    )
    secure.start([transport.Certificate().fingerprint], is_client=True, sctp_port=5000)
    for _ in range(3):
        await asyncio.sleep(0)
    assert not sent.is_set()
    secure.reach()
    async with asyncio.timeout(10):
        await sent.wait()
    await secure.close()


HEAD = bytes.fromhex("8060000100000001000000ff")


async def test_packets_are_protected_in_place_and_read_by_the_other_side() -> None:
    server, client = await _pair()
    slot = Slots(2).slots[1]
    protected = server.secure.protect(slot, HEAD, b"a payload in more", 2, 9)
    assert protected > len(HEAD) + 7
    assert b"payload" not in slot.read(protected)
    assert client.secure.unprotect(slot, protected) == HEAD + b"payload"
    assert client.secure.unprotect(slot, protected) == b""
    await server.secure.close()
    await client.secure.close()


async def test_of_the_ciphers_that_both_know_the_cheapest_strong_one_is_taken() -> None:
    server, client = await _pair()
    for side in (server, client):
        connection = side.secure._dtls._ssl
        assert connection is not None
        assert connection.get_selected_srtp_profile() == transport.PREFERRED_PROFILE
        await side.secure.close()


async def test_data_channels_open_and_carry_messages() -> None:
    server, client = await _pair()
    channel = client.secure.open_channel("_reliable", ordered=True, max_retransmits=None)
    async with asyncio.timeout(10):
        arrived = await server.channel.get()
    assert arrived.label == "_reliable"
    messages: asyncio.Queue[bytes] = asyncio.Queue()
    channel.on("message", messages.put_nowait)
    arrived.send(b"hello")
    async with asyncio.timeout(10):
        assert await messages.get() == b"hello"
    await server.secure.close()
    await client.secure.close()


@pytest.mark.parametrize("is_client", [False, True])
async def test_a_wrong_fingerprint_is_refused(is_client: bool) -> None:
    ours, theirs = _Side(), _Side()
    ours.other, theirs.other = theirs, ours
    ours.secure.start([transport.Certificate().fingerprint], is_client=is_client, sctp_port=5000)
    theirs.secure.start([ours.certificate.fingerprint], is_client=not is_client, sctp_port=5000)
    async with asyncio.timeout(10):
        await ours.closed.wait()
    assert not ours.keyed.is_set()
    assert not ours.secure.is_keyed
    await ours.secure.close()
    await theirs.secure.close()


class _Mumbler(_Side):
    """Its last flight, which begins by changing the cipher, does not arrive."""

    def _send(self, data: bytes) -> None:
        if data[0] != CHANGE_CIPHER_SPEC:
            super()._send(data)


async def test_who_began_the_handshake_can_send_media_before_its_end() -> None:
    server, client = _Mumbler(), _Side()
    server.other, client.other = client, server
    server.secure.start([client.certificate.fingerprint], is_client=False, sctp_port=5000)
    client.secure.start([server.certificate.fingerprint], is_client=True, sctp_port=5000)
    async with asyncio.timeout(10):
        await server.connected.wait()
        await client.keyed.wait()
    (slot,) = Slots(1).slots
    for sender, receiver in ((client, server), (server, client)):
        protected = sender.secure.protect(slot, HEAD, b"payload", 0, 7)
        assert receiver.secure.unprotect(slot, protected) == HEAD + b"payload"
    assert not client.connected.is_set()
    await server.secure.close()
    await client.secure.close()


async def test_the_sessions_taken_early_stay_the_only_ones() -> None:
    server, client = await _pair()
    for side in (server, client):
        receiving, sending = side.secure._dtls._rx_srtp, side.secure._dtls._tx_srtp
        assert receiving is not None
        assert sending is not None
        used = side.secure._receiving, side.secure._sending
        assert (address_of(receiving._srtp[0]), address_of(sending._srtp[0])) == used
    await server.secure.close()
    await client.secure.close()


async def test_what_is_kept_of_a_stream_is_freed() -> None:
    server, client = await _pair()
    (slot,) = Slots(1).slots
    protected = server.secure.protect(slot, HEAD, b"payload", 0, 7)
    wire = slot.read(protected)
    assert client.secure.unprotect(slot, protected) == HEAD + b"payload"
    slot.write(wire)
    assert client.secure.unprotect(slot, protected) == b"", "a replay"
    client.secure.forget_received(0xFF)
    slot.write(wire)
    assert client.secure.unprotect(slot, protected) == HEAD + b"payload", "its context was freed"
    await server.secure.close()
    await client.secure.close()


GARBAGE = [
    bytes((22,)) + os.urandom(60),
    bytes.fromhex("16feff0000000000000000000c0100000000000000000000000000"),
    bytes.fromhex("16fefd000000000000000100ffffffffff"),
    bytes.fromhex("17fefd00010000000000000010") + bytes(16),
    bytes.fromhex("14fefd0000000000000000000101"),
    bytes((63,)) * 1400,
]


async def test_garbage_before_a_handshake_keeps_nobody_from_it() -> None:
    server, client = _Side(), _Side()
    server.other, client.other = client, server
    server.secure.start([client.certificate.fingerprint], is_client=False, sctp_port=5000)
    for _ in range(transport.HANDSHAKE_TRIES - 1):
        for data in GARBAGE:
            server.secure.receive(data)
        await asyncio.sleep(0)
    client.secure.start([server.certificate.fingerprint], is_client=True, sctp_port=5000)
    async with asyncio.timeout(10):
        await server.connected.wait()
    for data in GARBAGE:
        assert server.secure.receive(data)
    channel = client.secure.open_channel("_reliable", ordered=True, max_retransmits=None)
    async with asyncio.timeout(10):
        assert (await server.channel.get()).label == channel.label
    await server.secure.close()
    await client.secure.close()


class _Interrupted(_Side):
    """Before its last flight somebody else puts in a word, and the client ends the association with an alert."""

    def _send(self, data: bytes) -> None:
        if data[0] == CHANGE_CIPHER_SPEC and self.other is not None:
            self.other.secure.receive(bytes.fromhex("16fefd0000000000000007000401020304"))
        super()._send(data)


async def test_an_association_that_the_far_side_broke_off_ends_without_a_stir(
    caplog: pytest.LogCaptureFixture,
) -> None:
    server, client = _Interrupted(), _Side()
    server.other, client.other = client, server
    server.secure.start([client.certificate.fingerprint], is_client=False, sctp_port=5000)
    client.secure.start([server.certificate.fingerprint], is_client=True, sctp_port=5000)
    async with asyncio.timeout(10):
        await server.connected.wait()
        await server.closed.wait()
    await server.secure.close()
    await client.secure.close()
    assert not caplog.records


async def test_only_so_many_datagrams_wait_and_none_after_the_end() -> None:
    side = _Side()
    taken = sum(side.secure.receive(GARBAGE[0]) for _ in range(2 * MAX_WAITING_DATAGRAMS))
    assert taken == MAX_WAITING_DATAGRAMS
    await side.secure.close()
    assert not side.secure.receive(GARBAGE[0])
    assert not side.secure._datagrams.waiting


async def test_a_client_that_opens_channels_without_end_is_cut_off() -> None:
    server, client = await _pair()
    for number in range(transport.MAX_CHANNELS + 5):
        client.secure.open_channel(f"c{number}", ordered=True, max_retransmits=None)
    async with asyncio.timeout(10):
        await server.closed.wait()
    assert server.channel.qsize() == transport.MAX_CHANNELS
    await server.secure.close()
    await client.secure.close()


@pytest.mark.parametrize(
    ("flags", "step"),
    [(SCTP_DATA_FIRST_FRAG, 1), (SCTP_DATA_FIRST_FRAG | SCTP_DATA_LAST_FRAG | SCTP_DATA_UNORDERED, 2)],
    ids=["messages that never end", "numbers left out"],
)
async def test_a_client_that_fills_our_memory_is_cut_off(
    flags: int, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "MAX_DISORDER", 200)
    server, client = await _pair()
    channel = client.secure.open_channel("_reliable", ordered=True, max_retransmits=None)
    async with asyncio.timeout(10):
        await server.channel.get()
    sctp = client.secure._sctp
    chunk = DataChunk(flags)
    chunk.stream_id, chunk.protocol, chunk.user_data = channel.id, 53, bytes(1100 if step == 1 else 4)
    chunk.tsn = sctp._local_tsn + 10
    async with asyncio.timeout(30):
        while not server.closed.is_set():
            chunk.tsn = (chunk.tsn + step) & 0xFFFFFFFF
            await sctp._send_chunk(chunk)
            await asyncio.sleep(0)
    await server.secure.close()
    await client.secure.close()


async def _opened() -> tuple[_Side, _Side, RTCDataChannel]:
    """Two sides, and a channel that the client has opened to the server."""
    server, client = await _pair()
    channel = client.secure.open_channel("_reliable", ordered=True, max_retransmits=None)
    async with asyncio.timeout(10):
        await server.channel.get()
    return server, client, channel


async def test_gaps_that_cannot_be_are_not_counted_through(monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[tuple[int, int]] = []
    count = RTCSctpTransport._receive_sack_chunk

    async def watched(self: RTCSctpTransport, chunk: SackChunk) -> None:
        counted.extend(chunk.gaps)
        await count(self, chunk)

    monkeypatch.setattr(RTCSctpTransport, "_receive_sack_chunk", watched)
    server, client, channel = await _opened()
    sack = SackChunk()
    sack.cumulative_tsn = server.secure._sctp._last_sacked_tsn
    sack.advertised_rwnd = 1 << 20
    sack.gaps = [(0, 65535)] * 300 + [(2, 1), (5, 60000)]
    await client.secure._sctp._send_chunk(sack)
    heard: asyncio.Queue[str] = asyncio.Queue()
    (opened,) = server.secure._sctp._data_channels.values()
    opened.on("message", heard.put_nowait)
    channel.send("after it")
    async with asyncio.timeout(10):
        assert await heard.get() == "after it"
    assert not counted
    await server.secure.close()
    await client.secure.close()


async def test_gaps_beyond_numbers_that_were_given_up_count() -> None:
    server, client, _ = await _opened()
    sctp = server.secure._sctp
    first = sctp._last_sacked_tsn + 1
    for tsn in (first + 10, first + 11):
        chunk = DataChunk(SCTP_DATA_FIRST_FRAG | SCTP_DATA_LAST_FRAG)
        chunk.tsn, chunk.user_data = tsn, b"x"
        chunk._abandoned = chunk._acked = chunk._retransmit = False
        chunk._book_size, chunk._misses, chunk._sent_count, chunk._in_flight = 1, 0, 1, True
        sctp._sent_queue.append(chunk)
    sack = SackChunk()
    sack.cumulative_tsn, sack.advertised_rwnd, sack.gaps = first - 1, 1 << 20, [(11, 12)]
    await sctp._receive_sack_chunk(sack)
    assert [chunk._acked for chunk in list(sctp._sent_queue)[-2:]] == [True, True]
    await server.secure.close()
    await client.secure.close()


@pytest.mark.parametrize("case", ["no data", "fragments", "streams"])
async def test_data_that_leads_nowhere_ends_the_association(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "MAX_DISORDER", 100)
    server, client, channel = await _opened()
    sctp = client.secure._sctp
    async with asyncio.timeout(30):
        while not server.closed.is_set():
            chunk = DataChunk(SCTP_DATA_UNORDERED if case == "fragments" else 0)
            chunk.stream_id, chunk.protocol = channel.id, 53
            chunk.user_data = b"" if case == "no data" else b"x"
            if case == "streams":
                chunk.stream_id = sctp._local_tsn & 0xFFFF
            chunk.tsn = sctp._local_tsn
            sctp._local_tsn += 1
            await sctp._send_chunk(chunk)
            await asyncio.sleep(0)
    assert len(server.secure._sctp._inbound_streams) <= transport.MAX_STREAMS
    await server.secure.close()
    await client.secure.close()


async def test_a_channel_is_opened_anew_though_the_end_of_the_one_before_got_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server, client, channel = await _opened()
    (before,) = server.secure._sctp._data_channels.values()
    send, lost = client.secure._sctp._send_reconfig_param, asyncio.Event()

    async def losing(param: Any) -> None:
        if isinstance(param, StreamResetResponseParam) and not lost.is_set():
            lost.set()
        else:
            await send(param)

    monkeypatch.setattr(client.secure._sctp, "_send_reconfig_param", losing)
    closed = asyncio.Event()
    channel.on("close", closed.set)
    channel.close()
    async with asyncio.timeout(10):
        await lost.wait()
        await closed.wait()
        again = client.secure.open_channel("_reliable", ordered=True, max_retransmits=None)
        opened = await server.channel.get()
        heard: asyncio.Queue[str] = asyncio.Queue()
        again.on("message", heard.put_nowait)
        opened.send("once more")
        assert await heard.get() == "once more"
    assert again.id == channel.id
    assert before.readyState == "closed"
    await server.secure.close()
    await client.secure.close()


async def test_what_waits_for_a_lost_number_is_read_where_numbers_begin_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "MAX_DISORDER", 100)
    server, client = _Side(), _Side()
    server.other, client.other = client, server
    sctp, last = client.secure._sctp, 0xFFFFFFFF
    sctp._local_tsn, sctp._last_sacked_tsn = last - 3, last - 4
    sctp._advanced_peer_ack_tsn = last - 4
    send, lost = sctp._send_chunk, asyncio.Event()

    async def losing(chunk: Any) -> None:
        if isinstance(chunk, DataChunk) and chunk.tsn == last and not lost.is_set():
            lost.set()
        else:
            await send(chunk)

    monkeypatch.setattr(sctp, "_send_chunk", losing)
    server.secure.start([client.certificate.fingerprint], is_client=True, sctp_port=5000)
    client.secure.start([server.certificate.fingerprint], is_client=False, sctp_port=5000)
    channel = client.secure.open_channel("_reliable", ordered=True, max_retransmits=None)
    heard: asyncio.Queue[str] = asyncio.Queue()
    opened = asyncio.Event()
    channel.on("open", opened.set)
    async with asyncio.timeout(10):
        (await server.channel.get()).on("message", heard.put_nowait)
        await opened.wait()
        sent = [str(number).ljust(100) for number in range(400)]
        for message in sent:
            channel.send(message)
        assert [await heard.get() for _ in sent] == sent
    assert lost.is_set()
    await server.secure.close()
    await client.secure.close()


async def test_a_clock_that_is_set_makes_no_round_trip_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    server, client, channel = await _opened()
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now)
    (opened,) = server.secure._sctp._data_channels.values()
    heard: asyncio.Queue[str] = asyncio.Queue()
    channel.on("message", heard.put_nowait)
    opened.send("sent before")
    now += 3600
    for told in ("sent before", "sent after"):
        if told != "sent before":
            opened.send(told)
        async with asyncio.timeout(10):
            assert await heard.get() == told
    assert server.secure._sctp._rto < 5
    await server.secure.close()
    await client.secure.close()


async def test_channels_close_with_what_is_under_them() -> None:
    server, client, _ = await _opened()
    (opened,) = server.secure._sctp._data_channels.values()
    await client.secure._dtls.stop()
    async with asyncio.timeout(10):
        await server.closed.wait()
    assert opened.readyState == "closed"
    await server.secure.close()
    await client.secure.close()


async def test_channels_that_come_long_after_the_media_are_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rtcsctptransport, "SCTP_RTO_INITIAL", 0.02)
    server, client = _Side(), _Side()
    server.other, client.other = client, server
    begin, gave_up = client.secure._sctp.start, asyncio.Event()
    # The client has negotiated no data yet.
    monkeypatch.setattr(client.secure._sctp, "start", AsyncMock())
    told = server.secure._sctp._set_state

    def watched(state: RTCSctpTransport.State) -> None:
        told(state)
        if state == RTCSctpTransport.State.CLOSED:
            gave_up.set()

    monkeypatch.setattr(server.secure._sctp, "_set_state", watched)
    server.secure.start([client.certificate.fingerprint], is_client=True, sctp_port=5000)
    client.secure.start([server.certificate.fingerprint], is_client=False, sctp_port=5000)
    async with asyncio.timeout(10):
        await gave_up.wait()
        await begin(RTCSctpCapabilities(maxMessageSize=transport.MAX_MESSAGE_BYTES), 5000)
        client.secure.open_channel("_reliable", ordered=True, max_retransmits=None)
        assert (await server.channel.get()).label == "_reliable"
    await server.secure.close()
    await client.secure.close()


def _rsa() -> transport.Certificate:
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "client")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=1))
    certificate = transport.Certificate()
    certificate._certificate = RTCCertificate(cast("Any", key), builder.sign(key, hashes.SHA256()))
    return certificate


@pytest.mark.parametrize("begins", [True, False])
async def test_a_client_whose_certificate_is_of_rsa_is_understood(begins: bool) -> None:
    server, client = _Side(), _Side(_rsa())
    server.other, client.other = client, server
    server.secure.start([client.certificate.fingerprint], is_client=begins, sctp_port=5000)
    client.secure.start([server.certificate.fingerprint], is_client=not begins, sctp_port=5000)
    async with asyncio.timeout(10):
        await server.connected.wait()
        await client.connected.wait()
    await server.secure.close()
    await client.secure.close()
