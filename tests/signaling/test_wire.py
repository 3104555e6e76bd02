"""A wire notes when packets leave, not when it began to handle them."""

from __future__ import annotations

import asyncio
import socket
from time import monotonic

from signaling.sfu.network.addresses import Address
from signaling.sfu.network.slots import Slot
from signaling.sfu.network.wire import Wire, bind

HELD_UP_SECONDS = 0.05


async def test_a_packet_leaves_when_its_batch_does() -> None:
    done = asyncio.Event()
    began: list[float] = []

    def answer(wire: Wire, address: Address, slot: Slot, length: int, now: float) -> None:
        began.append(now)
        wire.send(address, slot.read(length))
        until = monotonic() + HELD_UP_SECONDS
        while monotonic() < until:
            # What a busy processor does to this process, at its worst place.
            pass
        done.set()

    wire = Wire(bind("127.0.0.1", 0), answer, lambda _: None)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(b"habari", wire.socket.getsockname())
        async with asyncio.timeout(5):
            await done.wait()
        wire.close()
    left_at = wire.departures.left_at(0)
    assert left_at - began[0] >= HELD_UP_SECONDS
    assert monotonic() - left_at < HELD_UP_SECONDS + 5
