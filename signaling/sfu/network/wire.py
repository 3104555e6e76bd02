"""UDP sockets drained in ticks: a whole drain is read, forwarded, and sent with one system call."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import sys
import time
from typing import TYPE_CHECKING, Final

from mypy_extensions import mypyc_attr

from signaling.sfu.network import batches
from signaling.sfu.network.addresses import Address
from signaling.sfu.network.batches import RECEIVED_AT_ONCE, SENT_AT_ONCE, BatchCalls, Calls, PlainCalls
from signaling.sfu.network.departures import Departures
from signaling.sfu.network.moderation import Moderation
from signaling.sfu.network.slots import MAX_PACKET_BYTES, Slot, Slots
from signaling.sfu.network.transport import SecureTransport

if TYPE_CHECKING:
    from signaling.sfu.network.stream_wire import StreamWire

logger = logging.getLogger(__name__)

MOST_AT_ONCE: Final = 512
"""Packets handled before others may have the processor."""
SOCKET_BUFFER_BYTES = 4 * 1024 * 1024
_monotonic: Final = time.monotonic
"""The loop's own time stands still while its turn is held up, and counts milliseconds."""
SO_SNDBUFFORCE, SO_RCVBUFFORCE = 32, 33
"""Linux's options to go beyond net.core.wmem_max and rmem_max; Python does not name them."""


@mypyc_attr(allow_interpreted_subclasses=True)
class Handler:
    """Whom wires hand their packets to. No callables, because machine code calls what it knows without a look."""

    def datagram_received(self, wire: Wire | StreamWire, address: Address, slot: Slot, length: int, now: float) -> None:
        """Take one packet where it lies: the first `length` octets of the slot, until this returns."""
        raise NotImplementedError

    def drained(self, now: float) -> None:
        """All packets that waited were handed over."""
        raise NotImplementedError


class Wire:
    """One bound socket, and the handler of what comes there."""

    def __init__(self, sock: socket.socket, handler: Handler) -> None:
        self.socket = sock
        self.dropped = 0
        self.departures = Departures()
        self._loop = asyncio.get_running_loop()
        self._handler = handler
        self._receiving = Slots(RECEIVED_AT_ONCE)
        self._sending = Slots(SENT_AT_ONCE)
        kind = BatchCalls if batches.are_supported() else PlainCalls
        self._calls: Calls = kind(sock, self._receiving, self._sending)
        self._used = 0
        self._left = 0
        self._flush_due = False
        self._moderation = Moderation()
        self._timer: asyncio.TimerHandle | None = None
        self._loop.add_reader(sock, self._readable)

    def _readable(self) -> None:
        # Whoever wakes this process sends more while the first is handled.
        seconds = self._drain(until_empty=True)
        if seconds:
            self._loop.remove_reader(self.socket)
            self._timer = self._loop.call_later(seconds, self._tick)

    def _tick(self) -> None:
        seconds = self._drain(until_empty=False)
        if seconds:
            self._timer = self._loop.call_later(seconds, self._tick)
        else:
            self._timer = None
            self._loop.add_reader(self.socket, self._readable)

    def _drain(self, *, until_empty: bool) -> float:
        """Handle what has come; returns the seconds to the next tick, 0 to await a packet."""
        handler, slots, total, unsent = self._handler, self._receiving, 0, 0
        # Until this ends, nothing sent meanwhile asks for a flush of its own.
        self._flush_due = True
        self._left = 0
        while True:
            now = _monotonic()
            count = self._calls.receive()
            for index in range(count):
                try:
                    handler.datagram_received(
                        self, slots.addresses[index], slots.slots[index], slots.lengths[index], now
                    )
                except Exception:
                    logger.exception("packet could not be handled")
            total += count
            unsent += count
            if total >= MOST_AT_ONCE or count < (1 if until_empty else RECEIVED_AT_ONCE):
                break
            if unsent >= RECEIVED_AT_ONCE:
                # The first need not wait for the last of very many.
                self._hand_over()
                unsent = 0
        # Before the rounds of all peers, which may take longer than all packets.
        self._hand_over()
        handler.drained(now)
        self.flush()
        return self._moderation.wait_seconds(total, self._left, now)

    def send(self, address: Address, packet: bytes) -> None:
        """Send a packet as it is, with the rest of this tick."""
        slot = self._slot_for(len(packet))
        if slot is not None:
            slot.write(packet)
            self._fill(address, len(packet))

    def send_rtp(self, address: Address, head: bytes, data: bytes, at: int, end: int, secure: SecureTransport) -> None:
        """Send the packet that `head` and then `data[at:end]` make, protected."""
        slot = self._slot_for(len(head) + end - at)
        if slot is not None:
            self._fill(address, secure.protect(slot, head, data, at, end))

    def send_rtcp(self, address: Address, packet: bytes, secure: SecureTransport) -> None:
        """Send an RTCP packet, protected."""
        slot = self._slot_for(len(packet))
        if slot is not None:
            self._fill(address, secure.protect_rtcp(slot, packet))

    def _slot_for(self, length: int) -> Slot | None:
        """The next slot; None when the packet is larger than any."""
        if length > MAX_PACKET_BYTES:
            self.dropped += 1
            return None
        if self._used == SENT_AT_ONCE:
            # Whether a flush is due stays as it is: one is scheduled, or a drain will end with one.
            self._hand_over()
        return self._sending.slots[self._used]

    def _fill(self, address: Address, length: int) -> None:
        """The next slot holds a packet of this length; of 0 when it could not be protected."""
        if not length:
            self.dropped += 1
            return
        slots, index = self._sending, self._used
        slots.lengths[index] = length
        slots.addresses[index] = address
        self._used = index + 1
        if not self._flush_due:
            self._flush_due = True
            self._loop.call_soon(self.flush)

    def flush(self) -> None:
        """Hand over everything waiting; what a full socket buffer does not take is lost, as on any link."""
        self._flush_due = False
        self._hand_over()

    def _hand_over(self) -> None:
        if self._used:
            self.departures.leave(_monotonic())
            self.dropped += self._used - self._calls.send(self._used)
            self._left += self._used
            self._used = 0

    def close(self) -> None:
        """Stop reading and close the socket."""
        if self._timer is not None:
            self._timer.cancel()
        self._loop.remove_reader(self.socket)
        self.socket.close()


def heard_at(announced: list[str]) -> list[str]:
    """Where to listen for what is sent to the announced addresses.

    At those that this machine has. Where it has none of a family, as behind NAT, at every one of that family: what
    comes to the announced one is passed on to one of them.
    """
    own = [host for host in announced if _is_own(host)]
    others = {":" in host for host in announced} - {":" in host for host in own}
    return own + ["::" if is_six else "0.0.0.0" for is_six in sorted(others)]  # noqa: S104


def _is_own(host: str) -> bool:
    try:
        bind(host, 0).close()
    except OSError as refused:
        if refused.errno != errno.EADDRNOTAVAIL:
            raise
        return False
    return True


def bind(host: str, port: int) -> socket.socket:
    """A bound, non-blocking UDP socket; port 0 takes any. Raises OSError when the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.settimeout(0)
        if family == socket.AF_INET6:
            # Or :: would take the port of 0.0.0.0 too.
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        _widen(sock, socket.SO_RCVBUF, SO_RCVBUFFORCE)
        _widen(sock, socket.SO_SNDBUF, SO_SNDBUFFORCE)
        sock.bind((host, port))
    except OSError as refused:
        sock.close()
        raise OSError(refused.errno, f"{refused.strerror}: UDP port {port} at {host}") from refused
    return sock


def _widen(sock: socket.socket, option: int, forced: int) -> None:
    """Ask for a large buffer: the system's usual one of 200 KB overflows when this process is held up for 10 ms."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, forced if sys.platform == "linux" else option, SOCKET_BUFFER_BYTES)
    except PermissionError:
        # Without CAP_NET_ADMIN the system grants what its limits allow.
        sock.setsockopt(socket.SOL_SOCKET, option, SOCKET_BUFFER_BYTES)
