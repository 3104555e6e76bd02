"""ICE over TCP: packets with their length before them, for networks that block UDP (RFC 4571, RFC 6544)."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Callable
from time import monotonic
from typing import cast

from signaling.sfu.network.addresses import Address, subscriber_of, to_address
from signaling.sfu.network.departures import Departures
from signaling.sfu.network.slots import MAX_PACKET_BYTES, SLOT_BYTES, Slot, Slots
from signaling.sfu.network.transport import SecureTransport

MAX_CONNECTIONS = 2000
MAX_UNSENT_BYTES = 512 * 1024
"""A connection this far behind loses packets, as a full link does."""
MAX_CONNECTIONS_PER_HOST = 200
"""A whole hospital may be behind one address (of IPv6 a /64), but must not take every connection there is."""
FIRST_CHECK_SECONDS = 10.0
"""A connection on which no genuine check arrives by then is closed."""

OnDatagram = Callable[["StreamWire", Address, Slot, int, float], None]

_numbers = itertools.count()


class StreamWire(asyncio.Protocol):
    """One TCP connection of one client, used like the UDP wire."""

    def __init__(
        self,
        on_datagram: OnDatagram,
        is_known: Callable[[Address], bool],
        open_wires: set[StreamWire],
        counts: Counter[str],
    ) -> None:
        self._counts = counts
        self._on_datagram = on_datagram
        self._is_known = is_known
        self._open_wires = open_wires
        self._in, self._out = Slots(2).slots
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None
        self.address: Address = b""
        self.subscriber = b""
        self.departures = Departures()
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a connection, unless there are too many."""
        self._transport = cast("asyncio.Transport", transport)
        host, port = (transport.get_extra_info("peername") or ("", 0))[:2]
        if not host:
            self._transport.abort()
            return
        address = to_address(host, port)
        self.subscriber = subscriber_of(address)
        of_host = sum(wire.subscriber == self.subscriber for wire in self._open_wires)
        if len(self._open_wires) >= MAX_CONNECTIONS or of_host >= MAX_CONNECTIONS_PER_HOST:
            self._transport.abort()
            return
        self._open_wires.add(self)
        # The number keeps a TCP client apart from a UDP client of the same address and port.
        self.address = address + next(_numbers).to_bytes(8, "big")
        self._timer = self._loop.call_later(FIRST_CHECK_SECONDS, self._expire)

    def _expire(self) -> None:
        if self._transport is not None and not self._is_known(self.address):
            self._transport.abort()

    def connection_lost(self, _: Exception | None) -> None:
        """Forget the connection; the client comes back by ICE."""
        self._open_wires.discard(self)
        self._transport = None
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        """Cut the stream into packets; one longer than any packet ends it."""
        self._buffer += data
        at = 0
        while len(self._buffer) - at >= 2:
            length = int.from_bytes(self._buffer[at : at + 2], "big")
            if length > SLOT_BYTES:
                self.close()
                return
            if len(self._buffer) - at < 2 + length:
                break
            self._in.write(bytes(self._buffer[at + 2 : at + 2 + length]))
            self._on_datagram(self, self.address, self._in, length, monotonic())
            at += 2 + length
        del self._buffer[:at]

    def send(self, _: Address, packet: bytes) -> None:
        """Send a packet as it is."""
        if self._has_room_for(len(packet)):
            self._write(packet)

    def send_rtp(self, _: Address, head: bytes, data: bytes, at: int, end: int, secure: SecureTransport) -> None:
        """Send the packet that `head` and then `data[at:end]` make, protected."""
        if self._has_room_for(len(head) + end - at):
            self._write(self._out.read(secure.protect(self._out, head, data, at, end)))

    def send_rtcp(self, _: Address, packet: bytes, secure: SecureTransport) -> None:
        """Send an RTCP packet, protected."""
        if self._has_room_for(len(packet)):
            self._write(self._out.read(secure.protect_rtcp(self._out, packet)))

    def _has_room_for(self, length: int) -> bool:
        transport = self._transport
        if transport is None or length > MAX_PACKET_BYTES or transport.get_write_buffer_size() > MAX_UNSENT_BYTES:
            self._counts["stream_unsent"] += 1
            return False
        return True

    def _write(self, packet: bytes) -> None:
        if packet and self._transport is not None:
            self.departures.leave(monotonic())
            self._transport.write(len(packet).to_bytes(2, "big") + packet)

    def close(self) -> None:
        """End the connection."""
        if self._transport is not None:
            self._transport.abort()
