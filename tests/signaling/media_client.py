"""A WebRTC client reduced to what the shared port sees of one: checks, a handshake, packets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from aioice import stun

from signaling.sfu.endpoint import Endpoint
from signaling.sfu.network import ice, transport
from signaling.sfu.network.addresses import to_address
from signaling.sfu.network.slots import Slots
from signaling.sfu.network.transport import SecureTransport
from signaling.sfu.peer import Peer


def new_peer(endpoint: Endpoint, on_connected: Callable[[], None] = lambda: None) -> Peer:
    """The server's side of a client to come."""
    return Peer(
        endpoint,
        endpoint.certificate or transport.Certificate(),
        on_connected=on_connected,
        on_closed=lambda: None,
        on_channel=lambda _: None,
        on_yield=lambda _: None,
    )


def check_of(peer: Peer, *, nominated: bool = True, pwd: str | None = None) -> bytes:
    """A connectivity check as libwebrtc sends it."""
    message = stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)
    message.attributes["USERNAME"] = f"{peer.credentials.ufrag}:{peer.remote_ufrag}"
    message.attributes["ICE-CONTROLLING"] = 1
    if nominated:
        message.attributes["USE-CANDIDATE"] = None
    message.attributes["PRIORITY"] = 1
    message.add_message_integrity((pwd or peer.credentials.pwd).encode())
    return bytes(message)


class Place(asyncio.DatagramProtocol):
    """One address of a client. It answers checks once `answers` is set."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.answers = False
        self.stun: asyncio.Queue[bytes] = asyncio.Queue()
        self.media = asyncio.Event()
        self.newest = b""
        self.packets: list[bytes] = []
        self.udp: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.udp = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        if data[0] < 4:
            self.stun.put_nowait(data)
            found = ice.check(data, lambda _: self._client.credentials.pwd, to_address(*addr[:2]))
            if found is not None and self.answers:
                self.udp.sendto(found.answer)
        elif data[0] < 64:
            self._client.secure.receive(data)
        else:
            self.newest = data
            self.packets.append(data)
            self.media.set()

    async def next_stun(self) -> stun.Message:
        async with asyncio.timeout(5):
            return stun.parse_message(await self.stun.get())


class Client:
    """Somebody with one address at first, and perhaps far away; `async with` connects and closes.

    `begins`: as DTLS client; otherwise the server begins, as it does with browsers.
    """

    def __init__(self, endpoint: Endpoint, *, delay_seconds: float = 0.0, begins: bool = True) -> None:
        self.endpoint = endpoint
        self._delay_seconds = delay_seconds
        self._begins = begins
        self.heard = asyncio.Event()
        self.peer = new_peer(endpoint, self.heard.set)
        self.is_lost: Callable[[bytes], bool] = lambda _: False
        self.credentials = ice.new_credentials()
        self.peer.remote_ufrag, self.peer.remote_pwd = self.credentials.ufrag, self.credentials.pwd
        self.places: list[Place] = []
        self.keyed = asyncio.Event()
        self.connected = asyncio.Event()
        self.captured: list[bytes] = []
        certificate = transport.Certificate()
        self._fingerprint = certificate.fingerprint
        self.secure = SecureTransport(
            certificate,
            send=self._send,
            on_keyed=self.keyed.set,
            on_connected=self.connected.set,
            on_closed=lambda: None,
            on_channel=lambda _: None,
        )
        self.secure.reach()
        self._slot = Slots(1).slots[0]

    async def move(self) -> Place:
        """Take a further address."""
        host = self.endpoint.candidates[0].split()[4]
        place = Place(self)
        await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: place, remote_addr=(host, self.endpoint.udp_port)
        )
        self.places.append(place)
        return place

    def _send(self, data: bytes) -> None:
        self.captured.append(data)
        if self.is_lost(data):
            return
        if self._delay_seconds:
            asyncio.get_running_loop().call_later(self._delay_seconds, self.places[0].udp.sendto, data)
        else:
            self.places[0].udp.sendto(data)

    def protected(self, packet: bytes) -> bytes:
        """An RTP or RTCP packet as it goes over the wire."""
        if 192 <= packet[1] < 224:
            return self._slot.read(self.secure.protect_rtcp(self._slot, packet))
        return self._slot.read(self.secure.protect(self._slot, packet, b"", 0, 0))

    def send(self, packet: bytes) -> None:
        """Send an RTP or RTCP packet from the first address."""
        self._send(self.protected(packet))

    def plain(self, packet: bytes) -> bytes:
        """An RTP packet as it was before it went over the wire; empty when it is not genuine."""
        self._slot.write(packet)
        return self.secure.unprotect(self._slot, len(packet)) or b""

    async def begin(self) -> None:
        """Check the address and let the handshake begin."""
        place = await self.move()
        self.peer.secure.start([self._fingerprint], is_client=not self._begins, sctp_port=5000)
        place.udp.sendto(check_of(self.peer))
        await place.next_stun()
        self.secure.start([self.endpoint.fingerprint], is_client=self._begins, sctp_port=5000)

    async def __aenter__(self) -> Self:
        await self.begin()
        async with asyncio.timeout(10):
            await self.connected.wait()
            await self.heard.wait()
        return self

    async def __aexit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        await self.close()

    async def close(self) -> None:
        """Leave, whether or not the handshake came to its end."""
        await self.secure.close()
        await self.peer.close()
        for place in self.places:
            place.udp.close()
