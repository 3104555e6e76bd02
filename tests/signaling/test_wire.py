"""A wire notes when packets leave, not when it began to handle them."""

from __future__ import annotations

import asyncio
import socket
from time import monotonic

from signaling.sfu.network.addresses import Address
from signaling.sfu.network.slots import Slot
from signaling.sfu.network.stream_wire import StreamWire
from signaling.sfu.network.wire import Handler, Wire, bind

HELD_UP_SECONDS = 0.05


class _Answering(Handler):
    """Sends back what comes, and takes long."""

    def __init__(self) -> None:
        self.done = asyncio.Event()
        self.began_at = 0.0

    def datagram_received(self, wire: Wire | StreamWire, address: Address, slot: Slot, length: int, now: float) -> None:
        self.began_at = now
        wire.send(address, slot.read(length))
        until = monotonic() + HELD_UP_SECONDS
        while monotonic() < until:
            # What a busy processor does to this process, at its worst place.
            pass
        self.done.set()

    def drained(self, now: float) -> None:
        """Nothing is due."""


async def test_a_packet_leaves_when_its_batch_does() -> None:
    answering = _Answering()
    wire = Wire(bind("127.0.0.1", 0), answering)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(b"habari", wire.socket.getsockname())
        async with asyncio.timeout(5):
            await answering.done.wait()
        wire.close()
    left_at = wire.departures.left_at(0)
    assert left_at - answering.began_at >= HELD_UP_SECONDS
    assert monotonic() - left_at < HELD_UP_SECONDS + 5
