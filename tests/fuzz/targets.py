"""What hostile bytes may do: be refused with the documented error, or be dropped and counted; nothing else."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import time
from collections.abc import Callable
from functools import cache
from typing import Any, Final

from google.protobuf.message import DecodeError
from livekit.protocol.rtc import SessionDescription, SignalRequest

from signaling import tokens
from signaling.clients import handlers, joining
from signaling.errors import InvalidArgumentError, SignalingError, UnauthenticatedError
from signaling.rooms import subscriptions
from signaling.sfu.formats import codecs, rtcp, rtp, twcc
from signaling.sfu.formats.dependency import DependencyReader, LayerSelector
from signaling.sfu.network import ice
from signaling.sfu.network.addresses import to_address
from tests.fuzz import seeds
from tests.fuzz.server import GRANT, KEY, SECRET, Server

METHODS: Final = (
    "CreateRoom",
    "ListRooms",
    "DeleteRoom",
    "ListParticipants",
    "GetParticipant",
    "RemoveParticipant",
    "MutePublishedTrack",
    "UpdateParticipant",
    "UpdateSubscriptions",
    "SendData",
    "UpdateRoomMetadata",
)


@cache
def server() -> Server:
    """One for all inputs: what one leaves behind, the next meets."""
    return Server()


def stun(data: bytes) -> None:
    """Nobody without the password is answered."""
    assert ice.check(data, lambda _: "password", to_address("127.0.0.1", 1)) is None
    assert not ice.is_answer(data, ice.Probe("us:them", "password", b"", data[8:20]))


def headers(data: bytes) -> None:
    """RTP headers, extensions, descriptors and payloads."""
    with contextlib.suppress(ValueError):
        packet = rtp.parse(data)
        assert packet.payload_at <= packet.payload_end <= len(data)
        assert all(len(packet.extension(number)) <= len(data) for number in range(256))
    for codec in ("vp8", "vp9", "h264", "av1", "red"):
        codecs.is_key_frame(codec, data, 0, len(data))
        if data:
            _, begin, end = codecs.without_trailer(codec, data, 0, len(data))
            assert 0 <= begin < end <= len(data)
    codecs.parse_vp8(data, 0, len(data))
    at = codecs.primary_of_red(data, 0, len(data))
    assert at is None or at <= len(data)


def descriptors(data: bytes) -> None:
    """Dependency descriptors, one after another, and the choice of layers by them."""
    reader, selector = DependencyReader(), LayerSelector()
    for number, part in enumerate((seeds.DESCRIPTOR, *data.split(b"\0\0\0"))):
        frame = reader.read(part, number)
        if frame is not None:
            selector.choose(frame, number, 1, 1)


def reports(data: bytes) -> None:
    """RTCP and transport-wide feedback."""
    with contextlib.suppress(ValueError):
        found = rtcp.parse(data)
        assert len(found) <= len(data)
        assert all(len(r.sequences) <= rtcp.MAX_NACKED + 17 for r in found if isinstance(r, rtcp.Nack))
    with contextlib.suppress(ValueError):
        assert len(twcc.parse(data)[1]) <= twcc.MAX_STATUSES


def connected(data: bytes) -> None:
    """Datagrams to the shared port; a first byte says whose and what: plain, or protected as RTP or RTCP."""
    running = server()
    for part in data.split(b"\xfe\xfd\xfe"):
        if not part:
            continue
        client = running.viewer if part[0] & 1 else running.publisher
        if part[0] & 2:
            running.packet(client, part[1:])
        elif part[0] & 4:
            running.poll()
        else:
            running.datagram(client, part[1:])
    running.settle()


def descriptions(data: bytes) -> None:
    """An offer, its answer, and packets forwarded by what was agreed."""
    running = server()
    running.run(_offered(running, data.decode("utf-8", "replace")))


async def _offered(running: Server, text: str) -> None:
    participant = running.join("mallory")
    try:
        subscriptions.reconcile(running.room, participant)
        handlers.handle(participant, SignalRequest(offer=SessionDescription(type="offer", sdp=text, id=1)))
        if participant.offers is not None:
            participant.offers.peer.selected = running.viewer.peer.selected
            for packet in seeds.PACKETS:
                running.packet(running.publisher, packet)
    finally:
        running.room.leave(participant, 1)
        if participant.offers is not None:
            await participant.offers.peer.close()


def signals(data: bytes) -> None:
    """Signal requests of somebody in a room."""
    with contextlib.suppress(DecodeError):
        request(SignalRequest.FromString(data))


def request(message: SignalRequest) -> None:
    """One request, already decoded."""
    running = server()
    running.run(_requested(running, message))


async def _requested(running: Server, message: SignalRequest) -> None:
    hostile = running.hostile
    handlers.handle(hostile, message)
    assert len(hostile.tracks) <= 32
    assert len(hostile.explicit) <= handlers.MAX_EXPLICIT
    assert len(hostile.wishes) <= handlers.MAX_EXPLICIT + 32
    assert sum(len(key) + len(value) for key, value in hostile.attributes.items()) <= 64 * 1024
    assert hostile.info().ByteSize() < 1024 * 1024


def joins(data: bytes) -> None:
    """Everything a client says in its URL."""
    text = base64.b64encode(data).decode()
    plain = data.decode("utf-8", "replace")
    for query in ({"join_request": text}, {"attributes": text, "protocol": plain}, {"join_request": plain}):
        for needs_request in (True, False):
            with contextlib.suppress(InvalidArgumentError):
                joining.read(query, needs_request=needs_request)


def access(data: bytes) -> None:
    """Tokens: any text, any text with a genuine signature, and any claims under one."""
    text = data.decode("utf-8", "replace")
    claims: Any = {}
    with contextlib.suppress(ValueError, RecursionError):
        claims = json.loads(text)
    for token in (text, f"{text}.{text}.{text}", *_signed(claims)):
        with contextlib.suppress(UnauthenticatedError):
            tokens.verify(token, {KEY: SECRET}, time.time())


def _signed(claims: Any) -> list[str]:
    if not isinstance(claims, dict):
        return []
    dated = {"iss": KEY, "exp": time.time() + 60}
    return [tokens.sign({**claims, "iss": KEY}, SECRET), tokens.sign({**claims, **dated}, SECRET)]


def calls(data: bytes) -> None:
    """Bodies of RoomService, in protobuf and JSON; the first byte chooses the method."""
    if data:
        running = server()
        running.run(_called(running, METHODS[data[0] % len(METHODS)], data[1:]))


async def _called(running: Server, method: str, body: bytes) -> None:
    for is_json in (False, True):
        with contextlib.suppress(SignalingError):
            await running.service.call(method, body, is_json=is_json, grant=GRANT)
    if running.sessions.rooms.by_name.get("visit") is not running.room:
        running.sessions.rooms.by_name["visit"] = running.room
    for participant in (running.hostile, running.other):
        running.room.participants.setdefault(participant.identity, participant)
    for name in [name for name in running.sessions.rooms.by_name if name != "visit"]:
        del running.sessions.rooms.by_name[name]
    await asyncio.sleep(0)


TARGETS: Final[dict[str, Callable[[bytes], None]]] = {
    "stun": stun,
    "headers": headers,
    "descriptors": descriptors,
    "reports": reports,
    "connected": connected,
    "descriptions": descriptions,
    "signals": signals,
    "joins": joins,
    "access": access,
    "calls": calls,
}
