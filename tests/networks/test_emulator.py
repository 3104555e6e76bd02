"""Real packets over the emulated link."""

from __future__ import annotations

import asyncio
import socket
import time

import pytest

from tests.networks.namespace import FarSide, behind
from tests.networks.tunnels import within

pytestmark = pytest.mark.usefixtures("namespaces")


async def test_tcp_takes_the_time_of_the_link() -> None:
    async with behind("slow3g") as far_side:
        took, octets = await asyncio.to_thread(_download, far_side, 50_000)
    assert octets == 50_000
    # One second at 400 kbit/s, the handshake and the first packet's way; TCP's slow start at most as much again.
    assert 1.3 < took < 6.0
    assert far_side.counts["down"]["passed"] > 35


def _download(far_side: FarSide, octets: int) -> tuple[float, int]:
    """Seconds and octets of a download into the namespace."""
    with socket.create_server((far_side.here, 0)) as server:
        began = time.monotonic()
        client = within(far_side.namespace, lambda: socket.create_connection(server.getsockname(), timeout=10))
        with client, server.accept()[0] as sender:
            sender.sendall(bytes(octets))
            sender.shutdown(socket.SHUT_WR)
            received = sum(iter(lambda: len(client.recv(4096)), 0))
        return time.monotonic() - began, received


@pytest.mark.parametrize("blocks_udp", [False, True])
async def test_udp_passes_unless_it_is_blocked(blocks_udp: bool) -> None:
    async with behind("5g", blocks_udp=blocks_udp) as far_side:
        arrived = await asyncio.to_thread(_datagrams, far_side, 20, 0.5 if blocks_udp else 10.0)
    blocked = far_side.counts["up"]["blocked"]
    assert (arrived, blocked) == ((0, 20) if blocks_udp else (20, 0))


def _datagrams(far_side: FarSide, count: int, patience: float) -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind((far_side.here, 0))
        receiver.settimeout(patience)
        with within(far_side.namespace, lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sender:
            for _ in range(count):
                sender.sendto(b"habari", receiver.getsockname())
        arrived = 0
        try:
            while arrived < count:
                receiver.recv(100)
                arrived += 1
        except TimeoutError:
            pass
        return arrived
