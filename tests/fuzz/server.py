"""A media server in this process with two people connected, for hostile bytes to be fed to."""

from __future__ import annotations

import asyncio
from typing import Any

from livekit.protocol.models import ClientInfo, TrackInfo, TrackType
from livekit.protocol.rtc import SignalResponse

from signaling.clients.sessions import Sessions
from signaling.config import RtcSettings, Settings
from signaling.negotiation import wiring
from signaling.operation.roomservice import RoomService
from signaling.rooms.participants import Participant
from signaling.sfu.formats import rtp
from signaling.sfu.formats.sdp import Codec
from signaling.sfu.network.datagrams import MAX_WAITING_DATAGRAMS
from signaling.sfu.network.slots import Slots
from signaling.sfu.peer import Peer
from signaling.sfu.receiving.incoming import MAX_STRANGERS, MAX_STREAMS
from signaling.sfu.receiving.uplink import Uplink
from signaling.tokens import Claims, VideoGrant
from tests.signaling.media_client import Client

KEY, SECRET = "key", "a-secret-of-more-than-thirty-two-characters"
EXTENSIONS = {rtp.AUDIO_LEVEL: 1, rtp.MID: 4, rtp.RID: 10, rtp.REPAIRED_RID: 11, rtp.TRANSPORT_CC: 3}
PICTURES = (Codec(96, "VP8", 90000), Codec(97, "rtx", 90000, fmtp="apt=96"))
SOUND = (Codec(111, "opus", 48000, 2), Codec(63, "red", 48000, 2))
LAYERED = (Codec(98, "VP9", 90000), Codec(45, "AV1", 90000), Codec(125, "H264", 90000, fmtp="packetization-mode=1"))
GRANT = VideoGrant(room_join=True, room="visit", room_admin=True, room_create=True, can_update_own_metadata=True)


class Signal:
    """A WebSocket whose client reads everything and keeps nothing."""

    def send(self, response: SignalResponse) -> None:
        response.SerializeToString()

    def finish(self) -> None:
        """Nothing to close."""


class Server:
    """Built on a loop of its own, so that a fuzzer outside of asyncio can use it too."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.now = 1000.0
        self._numbers: dict[bytes, int] = {}
        self._slot = Slots(1).slots[0]
        self.run(self._start())

    def run(self, work: Any) -> Any:
        """Run something to its end."""
        return self.loop.run_until_complete(work)

    def close(self) -> None:
        """End every task and socket."""
        self.run(self._close())
        self.loop.close()

    async def _close(self) -> None:
        for client in (self.publisher, self.viewer):
            await client.__aexit__()
        await self.sessions.close()

    async def _start(self) -> None:
        self.sessions = Sessions(Settings(keys={KEY: SECRET}, rtc=RtcSettings()))
        await self.sessions.start()
        self.service = RoomService(self.sessions)
        self.room = self.sessions.rooms.create("visit")
        self.publisher = await Client(self.sessions.endpoint).__aenter__()
        self.viewer = await Client(self.sessions.endpoint).__aenter__()
        # Sound is joined to longer packets on its way to the viewer.
        self.viewer.peer.packet_ms = 60
        self.hostile, self.other = self.join("amina"), self.join("li")
        self._publish("0", "audio", SOUND)
        self._publish("1", "video", PICTURES)
        self._publish("2", "video", LAYERED)

    def join(self, identity: str) -> Participant:
        """Somebody with one peer connection that waits for its media."""
        claims = Claims(identity, 0, video=GRANT, api_key=KEY)
        participant = Participant(self.room, claims, ClientInfo(), auto_subscribe=True)
        participant.signal = Signal()
        self.room.join(participant)
        wiring.connect(
            participant, self.sessions.endpoint, single=True, on_active=lambda _: None, on_slow=lambda _: None
        )
        return participant

    def _publish(self, mid: str, kind: str, codecs: tuple[Codec, ...]) -> None:
        peer = self.publisher.peer
        extensions = EXTENSIONS if mid != "2" else {**EXTENSIONS, rtp.DEPENDENCY_DESCRIPTOR: 12}
        peer.reception.learn_extensions(extensions)
        uplink = Uplink(peer, mid, kind, codecs[0], {codec.payload_type: codec for codec in codecs}, extensions)
        peer.reception.expect(uplink, [], {})
        track_type = TrackType.AUDIO if kind == "audio" else TrackType.VIDEO
        track = self.other.add_track(TrackInfo(sid=f"TR_{mid}", type=track_type), f"cid-{mid}")
        self.room.publish(track, uplink)
        for subscription in track.subscriptions.values():
            downlink = subscription.downlink
            downlink.peer = downlink._repairs.peer = self.viewer.peer
            downlink.bind(list(codecs), EXTENSIONS)
            self.viewer.peer.downlinks[downlink.ssrc] = downlink

    # Feeding

    def datagram(self, client: Client, data: bytes) -> None:
        """Hand the shared port a datagram as if it came from this client's address."""
        endpoint, selected = self.sessions.endpoint, client.peer.selected
        assert selected is not None
        # Clients go on checking, and a long run is longer than the server's patience without.
        for checking in (self.publisher, self.viewer):
            endpoint._paths[checking.peer].checked_at = self.loop.time()
        data = data[:1500]
        self._slot.write(data)
        self.now += 0.001
        endpoint.datagram_received(selected[0], selected[1], self._slot, len(data), self.now)

    def packet(self, client: Client, data: bytes) -> None:
        """The same of an RTP or RTCP packet, which is genuine: its sender is hostile, not somebody between."""
        if len(data) < 12:
            return
        data = bytes((0x80 | data[0] & 0x3F,)) + data[1:1400]
        if not 192 <= data[1] < 224:
            data = data[:2] + self._next(data[8:12], data[2:4]) + data[4:]
        protected = client.protected(data)
        if protected:
            self.datagram(client, protected)

    def _next(self, ssrc: bytes, wanted: bytes) -> bytes:
        """A number that is no replay: the next one, or one further on where the packet wants a gap."""
        gap = wanted[1] << 5 if wanted[0] == 0xFF else 1
        self._numbers[ssrc] = (self._numbers.get(ssrc, 0) + gap) & 0xFFFF
        return self._numbers[ssrc].to_bytes(2, "big")

    def poll(self) -> None:
        """What the clock does."""
        self.now += 0.12
        for client in (self.publisher, self.viewer):
            client.peer.poll(self.now)

    def settle(self) -> None:
        """Let tasks go on, and see that nothing has grown or been lost."""
        self.run(asyncio.sleep(0))
        for client in (self.publisher, self.viewer):
            check_bounds(client.peer)
            assert client.peer.secure.is_keyed
            assert client.peer.secure._task is not None
        endpoint = self.sessions.endpoint
        assert len(endpoint._by_address) <= 64
        assert len(endpoint._passwords) <= 2 * len(endpoint._paths)


def check_bounds(peer: Peer) -> None:
    """Nothing a client sends makes its peer keep more than this."""
    assert len(peer.reception.incoming.streams) + len(peer.reception.incoming.repairs) <= MAX_STREAMS
    assert len(peer.reception.incoming.strangers) <= MAX_STRANGERS
    assert len(peer.reception._arrivals._times) <= 1000
    assert peer.secure._datagrams.waiting <= MAX_WAITING_DATAGRAMS
    assert all(len(stream.missing) <= 256 for stream in peer.reception.incoming.streams.values())
