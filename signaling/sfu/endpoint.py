"""The one UDP port that all peers share: who a datagram belongs to, and the clock of everything periodic."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from typing import Any, Final

from signaling.sfu.network import ice
from signaling.sfu.network.addresses import Address
from signaling.sfu.network.path import Path
from signaling.sfu.network.slots import Slot
from signaling.sfu.network.stream_wire import StreamWire
from signaling.sfu.network.transport import Certificate
from signaling.sfu.network.wire import Handler, Wire, bind, heard_at
from signaling.sfu.peer import FEEDBACK_SECONDS, Peer

logger = logging.getLogger(__name__)

POLL_SECONDS: Final = 0.02
"""How often those peers are polled that are due while packets come: with a drain, when the process is awake anyway."""
IDLE_POLL_SECONDS: Final = FEEDBACK_SECONDS
"""How often while none come: whenever feedback is due."""
TIMER_SECONDS: Final = 0.002
"""How much later than something is due a timer for it is set: the loop's may come a millisecond early."""
GATHER_SECONDS: Final = FEEDBACK_SECONDS / 2
"""How much earlier than due feedback is given, once, to come with somebody else's."""
MOST_GATHERED: Final = 8
"""Of more peers several are due in most rounds anyway, and a round of all of them would hold packets up."""
SENTRY_SECONDS: Final = 0.5
"""How often a timer looks whether packets still come, as long as they do: drains see to everything then, and so late at
most comes the last feedback to who stops sending.

TCP connections have no drains, so while there are any it looks as often as if nothing came.
"""
GENERATIONS = 2
"""ICE generations that a peer is known by: the present one, and the one it comes from in a restart."""
EXPIRY_SECONDS = 1.0
NEVER: Final = float("inf")
_monotonic: Final = time.monotonic


class Endpoint(Handler):
    """Sockets, peers by user fragment and by address. `open` binds; until then nothing is touched."""

    def __init__(self, node_ips: list[str], udp_port: int, tcp_port: int = -1) -> None:
        self._node_ips = node_ips
        self._udp_port = udp_port
        self._tcp_port = tcp_port
        self._servers: list[asyncio.Server] = []
        self._streams: set[StreamWire] = set()
        self.certificate: Certificate | None = None
        self.counts: Counter[str] = Counter()
        self._gone: Counter[str] = Counter()
        self._wires: list[Wire] = []
        self._passwords: dict[str, tuple[str, Peer]] = {}
        self._by_address: dict[Address, Peer] = {}
        self._ufrags: dict[Peer, list[str]] = {}
        self._paths: dict[Peer, Path] = {}
        self._poll_at = 0.0
        self._drained_at = 0.0
        self._expired_at = 0.0
        self._timer_at = NEVER
        self._timer: asyncio.TimerHandle | None = None
        self.candidates: list[str] = []

    async def open(self) -> None:
        """Bind one socket per address of this machine, all on one port. Raises OSError when it is taken."""
        self.certificate = Certificate()
        hosts, port = heard_at(self._node_ips), self._udp_port
        if not set(hosts) <= set(self._node_ips):
            logger.info("calls come to an address that another machine passes on", extra={"announced": self._node_ips})
        for host in hosts:
            sock = bind(host, port)
            port = sock.getsockname()[1]
            self._wires.append(Wire(sock, self))
        udp = [(host, port) for host in self._node_ips]
        self.candidates = ice.candidates(udp, await self._open_tcp(hosts) if self._tcp_port >= 0 else [])
        self._loop = asyncio.get_running_loop()
        self._wake_within(IDLE_POLL_SECONDS)

    async def _open_tcp(self, hosts: list[str]) -> list[tuple[str, int]]:
        loop, port = asyncio.get_running_loop(), self._tcp_port
        for host in hosts:
            # uvloop lists the sockets in another type than asyncio, and machine code checks types.
            server: Any = await loop.create_server(self._stream, host, port)
            port = server.sockets[0].getsockname()[1]
            self._servers.append(server)
        return [(host, port) for host in self._node_ips]

    def _stream(self) -> StreamWire:
        return StreamWire(self.datagram_received, self._by_address.__contains__, self._streams, self.counts)

    async def close(self) -> None:
        """Close the sockets; peers are closed by their owners."""
        for server in self._servers:
            server.close()
        for stream in list(self._streams):
            stream.close()
        if self._timer is not None:
            self._timer.cancel()
        for wire in self._wires:
            wire.close()
        self._wires.clear()

    @property
    def fingerprint(self) -> tuple[str, str]:
        """The fingerprint of our certificate, as (algorithm, value)."""
        if self.certificate is None:
            raise RuntimeError("endpoint is not open")
        return self.certificate.fingerprint

    @property
    def udp_port(self) -> int:
        """The port in use, once open."""
        return int(self._wires[0].socket.getsockname()[1])

    @property
    def peers(self) -> set[Peer]:
        """Everyone connected or expected."""
        return set(self._paths)

    def totals(self) -> Counter[str]:
        """All that was counted since `open`: here, by the peers of now, and by those that are gone."""
        found = self.counts + self._gone
        for peer in self._paths:
            found.update(peer.totals())
        found["unsent"] += sum(wire.dropped for wire in self._wires)
        return found

    def add(self, peer: Peer) -> None:
        """Expect a peer under its present credentials, and those before them."""
        self._paths.setdefault(peer, Path(peer))
        self._passwords[peer.credentials.ufrag] = (peer.credentials.pwd, peer)
        ufrags = self._ufrags.setdefault(peer, [])
        ufrags.append(peer.credentials.ufrag)
        while len(ufrags) > GENERATIONS:
            del self._passwords[ufrags.pop(0)]

    def remove(self, peer: Peer) -> None:
        """Forget a peer, its credentials and its addresses."""
        for ufrag in self._ufrags.pop(peer, []):
            del self._passwords[ufrag]
        path = self._paths.pop(peer, None)
        if path is not None:
            self._gone.update(peer.totals())
        for address in path.addresses if path is not None else []:
            self._forget(peer, address)

    def _forget(self, peer: Peer, address: Address) -> None:
        if self._by_address.get(address) is peer:
            del self._by_address[address]
            for stream in [stream for stream in self._streams if stream.address == address]:
                stream.close()

    def datagram_received(self, wire: Wire | StreamWire, address: Address, slot: Slot, length: int, now: float) -> None:
        """Take a packet to whom it belongs."""
        if length < 12:
            self.counts["too_short"] += 1
            return
        peer = self._by_address.get(address)
        if peer is not None and peer.srtp_received(slot, length, now):
            return
        first = slot.octet(0)
        if first < 4:
            self._stun(wire, address, slot.read(length), now)
        elif peer is None:
            self.counts["unknown_address"] += 1
        elif 20 <= first < 64:
            if not peer.dtls_received(slot.read(length), now):
                self.counts["dtls_overflow"] += 1
        else:
            self.counts["unknown_protocol"] += 1

    def _stun(self, wire: Wire | StreamWire, address: Address, data: bytes, now: float) -> None:
        found = ice.check(data, self._password, address)
        if found is None:
            peer = self._by_address.get(address)
            if peer is None or not self._paths[peer].answered(wire, address, data, now):
                self.counts["stun_refused"] += 1
            return
        peer = self._passwords[found.ufrag][1]
        path = self._paths[peer]
        forgotten = path.note(address)
        if forgotten is not None:
            self._forget(peer, forgotten)
        self._by_address[address] = peer
        nominated = found.nominated and found.ufrag == peer.credentials.ufrag
        probe = path.checked(wire, address, now, nominated=nominated)
        wire.send(address, found.answer)
        if probe is not None:
            wire.send(address, probe)

    def _password(self, ufrag: str) -> str | None:
        entry = self._passwords.get(ufrag)
        return entry[0] if entry is not None else None

    def hurry(self, peer: Peer, seconds: float = 0.0) -> None:
        """Have a peer polled within this time even if no packet comes."""
        if not self._wires:
            return
        at = _monotonic() + seconds
        peer.due_at = min(peer.due_at, at)
        self._poll_at = min(self._poll_at, at)
        self._wake_within(seconds)

    def _wake_within(self, seconds: float) -> None:
        seconds += TIMER_SECONDS if seconds else 0.0
        at = _monotonic() + seconds
        if at < self._timer_at:
            if self._timer is not None:
                self._timer.cancel()
            self._timer_at = at
            self._timer = self._loop.call_later(seconds, self._timed_out)

    def _timed_out(self) -> None:
        self._timer_at = NEVER
        now = _monotonic()
        self._poll(now)
        are_coming = now - self._drained_at < POLL_SECONDS and not self._streams
        self._wake_within(SENTRY_SECONDS if are_coming else IDLE_POLL_SECONDS)

    def drained(self, now: float) -> None:
        """Poll who is due: nobody has to be woken for it while packets come."""
        self._drained_at = now
        if now >= self._poll_at:
            self._poll(now)

    def _gather(self, now: float) -> None:
        """Have those whose feedback is due soon take part in a round that somebody's is due in, and from then on.

        What a round does is no longer in any cache when the next comes, however short it is.
        """
        if len(self._paths) > MOST_GATHERED:
            return
        if any(peer.due_at <= now and peer.feedback_due <= now for peer in self._paths):
            for peer in self._paths:
                if peer.due_at < NEVER and peer.feedback_due <= now + GATHER_SECONDS:
                    peer.feedback_due = peer.due_at = now

    def _poll(self, now: float) -> None:
        if now - self._expired_at >= EXPIRY_SECONDS:
            self._expired_at = now
            for path in self._paths.values():
                path.expire(now)
        next_at = now + IDLE_POLL_SECONDS
        waiting_at = NEVER
        self._gather(now)
        for peer in list(self._paths):
            if peer.due_at <= now:
                try:
                    peer.poll(now)
                except Exception:
                    peer.due_at = peer.feedback_due = now + IDLE_POLL_SECONDS
                    logger.exception("peer could not be polled")
            next_at = min(next_at, peer.due_at)
            if peer.is_waiting or peer.due_at < peer.feedback_due:
                waiting_at = min(waiting_at, peer.due_at)
        self._poll_at = max(next_at, now + POLL_SECONDS)
        if waiting_at < NEVER:
            self._wake_within(max(POLL_SECONDS, waiting_at - now))
