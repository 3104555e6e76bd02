"""Where a peer's media goes: an address is believed once an answer has come from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from signaling.sfu.network import ice
from signaling.sfu.network.addresses import Address
from signaling.sfu.network.ice import Probe
from signaling.sfu.network.stream_wire import StreamWire
from signaling.sfu.network.wire import Wire

if TYPE_CHECKING:
    from signaling.sfu.peer import Peer

MAX_ADDRESSES = 8
"""Addresses one peer is known by: a phone has two networks, each with two addresses."""
CONSENT_SECONDS = 30.0
"""Without a genuine check for this long nothing more is sent (RFC 7675 §5.1); clients check every few seconds."""


class Path:
    """The addresses that one peer's checks came from, and the choice among them.

    Whoever has seen a check, or is a client itself, can send it again with a forged source; were that enough, one
    packet would turn a stream on a stranger. So the first address gets the handshake, which nobody completes who
    does not receive there, and a later one gets a check of our own first. A TCP connection is proof in itself.
    """

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._probes: dict[Address, Probe] = {}
        self.addresses: list[Address] = []
        self.checked_at = 0.0

    def note(self, address: Address) -> Address | None:
        """Remember an address. Returns one to forget instead, never the one in use."""
        if address in self.addresses:
            return None
        self.addresses.append(address)
        if len(self.addresses) <= MAX_ADDRESSES:
            return None
        in_use = self._peer.selected[1] if self._peer.selected is not None else b""
        oldest = next(known for known in self.addresses if known != in_use)
        self.addresses.remove(oldest)
        self._probes.pop(oldest, None)
        return oldest

    def checked(self, wire: Wire | StreamWire, address: Address, now: float, *, nominated: bool) -> bytes | None:
        """Take a genuine check. Returns a check of our own to send back, when the address must be proven first."""
        peer = self._peer
        if peer.selected == (wire, address):
            self.checked_at = now
            return None
        if peer.selected is not None and not nominated:
            return None
        is_first = peer.selected is None and not peer.secure.is_keyed
        if is_first or isinstance(wire, StreamWire):
            self._select(wire, address, now)
            return None
        username = f"{peer.remote_ufrag}:{peer.credentials.ufrag}"
        probe = self._probes.get(address)
        if probe is None or (probe.username, probe.pwd) != (username, peer.remote_pwd):
            # A client may check anew before its answer has told us its new credentials.
            probe = self._probes[address] = ice.probe(username, peer.remote_pwd)
        return probe.request

    def answered(self, wire: Wire | StreamWire, address: Address, data: bytes, now: float) -> bool:
        """Take the answer to our check. False when it is not one."""
        probe = self._probes.get(address)
        if probe is None or not ice.is_answer(data, probe):
            return False
        self._select(wire, address, now)
        return True

    def _select(self, wire: Wire | StreamWire, address: Address, now: float) -> None:
        self._peer.reach(wire, address, now)
        self._probes.clear()
        self.checked_at = now

    def expire(self, now: float) -> None:
        """Stop sending to a client that no longer asks for it."""
        if self._peer.selected is not None and now - self.checked_at > CONSENT_SECONDS:
            self._peer.selected = None
