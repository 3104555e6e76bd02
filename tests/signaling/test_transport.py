"""The seam to aiortc and pylibsrtp: two transports talk to each other over nothing but function calls."""

from __future__ import annotations

import asyncio

from aiortc import RTCDataChannel

from signaling.sfu import transport
from signaling.sfu.transport import SecureTransport


class _Side:
    def __init__(self) -> None:
        self.certificate = transport.new_certificate()
        self.connected = asyncio.Event()
        self.closed = asyncio.Event()
        self.channel: asyncio.Queue[RTCDataChannel] = asyncio.Queue()
        self.other: _Side | None = None
        self.secure = SecureTransport(
            self.certificate,
            send=self._send,
            on_connected=self.connected.set,
            on_closed=self.closed.set,
            on_channel=self.channel.put_nowait,
        )

    def _send(self, data: bytes) -> None:
        if self.other is not None:
            self.other.secure.receive(data)


async def _pair() -> tuple[_Side, _Side]:
    server, client = _Side(), _Side()
    server.other, client.other = client, server
    server.secure.start([transport.fingerprint(client.certificate)], is_client=False, sctp_port=5000)
    client.secure.start([transport.fingerprint(server.certificate)], is_client=True, sctp_port=5000)
    async with asyncio.timeout(10):
        await server.connected.wait()
        await client.connected.wait()
    return server, client


async def test_packets_are_protected_in_place_and_read_by_the_other_side() -> None:
    server, client = await _pair()
    packet = bytes.fromhex("8060000100000001000000ff") + b"payload"
    arena = bytearray(2 * 2048)
    pointers = transport.pointers(arena, 2048)
    arena[2048 : 2048 + len(packet)] = packet
    protected = server.secure.protect(pointers[1], len(packet))
    assert protected > len(packet)
    assert bytes(arena[2048 : 2048 + len(packet)]) != packet
    assert client.secure.unprotect(pointers[1], protected) == len(packet)
    assert bytes(arena[2048 : 2048 + len(packet)]) == packet
    assert client.secure.unprotect(pointers[1], protected) == 0
    await server.secure.close()
    await client.secure.close()


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


async def test_a_wrong_fingerprint_is_refused() -> None:
    server, client = _Side(), _Side()
    server.other, client.other = client, server
    stranger = transport.fingerprint(transport.new_certificate())
    server.secure.start([stranger], is_client=False, sctp_port=5000)
    client.secure.start([transport.fingerprint(server.certificate)], is_client=True, sctp_port=5000)
    async with asyncio.timeout(10):
        await server.closed.wait()
    assert not server.secure.is_connected
    await server.secure.close()
    await client.secure.close()


async def test_what_is_kept_of_a_stream_is_freed() -> None:
    server, client = await _pair()
    packet = bytes.fromhex("8060000100000001000000ff") + b"payload"
    arena = bytearray(2048)
    (pointer,) = transport.pointers(arena, 2048)
    arena[: len(packet)] = packet
    protected = server.secure.protect(pointer, len(packet))
    wire = bytes(arena[:protected])
    assert client.secure.unprotect(pointer, protected) == len(packet)
    arena[:protected] = wire
    assert client.secure.unprotect(pointer, protected) == 0, "a replay"
    client.secure.forget_received(0xFF)
    arena[:protected] = wire
    assert client.secure.unprotect(pointer, protected) == len(packet), "its context was freed"
    await server.secure.close()
    await client.secure.close()
