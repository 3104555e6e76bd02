"""A UDP relay that loses packets, or all of them for a while, to stand between clients and our server."""

from __future__ import annotations

import asyncio
import random

Address = tuple[str, int]


class _Back(asyncio.DatagramProtocol):
    """The way from the server back to one client."""

    def __init__(self, relay: LossyRelay, client: Address) -> None:
        self._relay = relay
        self._client = client

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self._relay.pass_back(data, self._client)


class LossyRelay(asyncio.DatagramProtocol):
    """Passes on everything but a share of the media packets, in both directions; nothing while it is cut."""

    def __init__(self, server: Address, share: float) -> None:
        self.lost = 0
        self.share = share
        self.is_cut = False
        self._server = server
        self._chance = random.Random(4)
        self._ways: dict[Address, asyncio.Task[asyncio.DatagramTransport]] = {}
        self._front: asyncio.DatagramTransport | None = None

    async def open(self) -> int:
        """Start on a free port and return it."""
        loop = asyncio.get_running_loop()
        self._front, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))
        return int(self._front.get_extra_info("sockname")[1])

    def close(self) -> None:
        """Close both sides."""
        for way in self._ways.values():
            if way.done():
                way.result().close()
        if self._front is not None:
            self._front.close()

    def _is_lost(self, data: bytes) -> bool:
        lost = self.is_cut or (128 <= data[0] < 192 and self._chance.random() < self.share)
        self.lost += lost
        return lost

    def datagram_received(self, data: bytes, addr: Address) -> None:
        way = self._ways.get(addr)
        if way is None:
            way = self._ways[addr] = asyncio.create_task(self._open_way(addr))
        if way.done() and not self._is_lost(data):
            way.result().sendto(data)

    async def _open_way(self, client: Address) -> asyncio.DatagramTransport:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: _Back(self, client), remote_addr=self._server)
        return transport

    def pass_back(self, data: bytes, client: Address) -> None:
        """Hand a packet of the server to a client, or lose it."""
        if self._front is not None and not self._is_lost(data):
            self._front.sendto(data, client)
