"""Where each target begins: what clients send, and bytes that once broke something."""

from __future__ import annotations

import gzip
from struct import pack
from typing import Final

from aioice import stun
from livekit.protocol.models import TrackSource, TrackType
from livekit.protocol.room import CreateRoomRequest, SendDataRequest, UpdateParticipantRequest
from livekit.protocol.rtc import AddTrackRequest, JoinRequest, SignalRequest, WrappedJoinRequest

from signaling.sfu.formats import rtcp, rtp
from tests.signaling import test_dependency
from tests.signaling.test_sdp import OFFER

DESCRIPTOR: Final = test_dependency.KEY
RECEIVING: Final = OFFER.replace("sendonly", "recvonly")


def _check() -> bytes:
    message = stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)
    message.attributes["USERNAME"] = "ours:theirs"
    message.attributes["USE-CANDIDATE"] = None
    message.add_message_integrity(b"guessed")
    return bytes(message)


def _packet(payload_type: int, mid: bytes, ssrc: int, payload: bytes, *more: tuple[int, bytes]) -> bytes:
    values = ((4, mid), (3, b"\0\1"), *more)
    head = rtp.header(
        marker=True,
        payload_type=payload_type,
        sequence=1,
        timestamp=1,
        ssrc=ssrc,
        extensions=values,
    )
    return head + payload


PACKETS: Final = (
    _packet(111, b"0", 101, b"\x78sound", (1, b"\x10")),
    _packet(63, b"0", 101, bytes((0x80 | 111, 0x03, 0xC0, 3, 111)) + b"oldnewest"),
    _packet(96, b"1", 102, bytes.fromhex("90e0a1b20740") + bytes.fromhex("100200009d012a"), (10, b"q")),
    _packet(97, b"1", 103, b"\0\1\x10\0", (11, b"q")),
    _packet(98, b"2", 104, b"\x8c\0", (12, DESCRIPTOR)),
    _packet(45, b"2", 104, b"\x18\0"),
    _packet(125, b"2", 104, bytes.fromhex("1800026742000268ce")),
)
REPORTS: Final = (
    rtcp.sender_report(rtcp.SenderReport(101, 1 << 40, 90000, 1, 1)) + rtcp.source_description(101, "x"),
    rtcp.receiver_report(1, [rtcp.ReceptionReport(9, 25, -3, 70000, 12, 99, 65536)]),
    rtcp.nack(1, 2, [65534, 65535, 3, 17]),
    rtcp.pli(1, 2),
    rtcp.transport_feedback(1, 2, bytes.fromhex("0001000300000a00200304040400")),
)
_REQUESTS: Final = (
    SignalRequest(add_track=AddTrackRequest(cid="c", type=TrackType.VIDEO, source=TrackSource.CAMERA)),
    SignalRequest(ping=1),
    SignalRequest(offer={"type": "offer", "sdp": OFFER, "id": 1}),
    SignalRequest(mute={"sid": "TR_1", "muted": True}),
    SignalRequest(subscription={"track_sids": ["TR_1"], "subscribe": True}),
    SignalRequest(track_setting={"track_sids": ["TR_1"], "quality": 3}),
    SignalRequest(update_metadata={"name": "n", "attributes": {"audio.ptime": "60"}}),
)
# A section that has become another kind since the offer before (found by `make fuzz`).
_EXCHANGED: Final = tuple(
    SignalRequest(offer={"type": "offer", "sdp": text, "id": 1})
    for text in (RECEIVING, RECEIVING.replace("a=mid:2", "a=mid:x").replace("a=mid:0", "a=mid:2").replace(":x", ":0"))
)
_JOIN: Final = JoinRequest(metadata="m", participant_attributes={"a": "b"}).SerializeToString()

SEEDS: Final[dict[str, tuple[bytes, ...]]] = {
    "stun": (
        _check(),
        # PRIORITY, LIFETIME and ICE-CONTROLLING cut short: struct.error, where ValueError was expected.
        bytes.fromhex("000100082112a442000000000000000000000000002400020000 0000"),
        bytes.fromhex("000100042112a442000000000000000000000000000d0000"),
        bytes.fromhex("000100082112a442000000000000000000000000802a000400000000"),
    ),
    "headers": PACKETS,
    "descriptors": (DESCRIPTOR, b"\xc5\0\2\0\0\0\x85\0\3"),
    "reports": REPORTS,
    "connected": (
        *(b"\2" + packet for packet in PACKETS),
        *(b"\3" + report for report in REPORTS),
        b"\0" + _check(),
        b"\1" + bytes.fromhex("16feff0000000000000000000c0100000000000000000000000000"),
        b"\0" + bytes.fromhex("15fefd00000000000000000002022800"),
        b"\4",
        # A publisher that counts in steps of 32767.
        b"\xfe\xfd\xfe".join(
            b"\2"
            + rtp.header(
                marker=False,
                payload_type=96,
                sequence=number,
                timestamp=0,
                ssrc=102,
                extensions=((3, pack("!H", number * 32767 & 0xFFFF)),),
            )
            for number in range(40)
        )
        + b"\xfe\xfd\xfe\4",
    ),
    "descriptions": (
        OFFER.encode(),
        RECEIVING.encode(),
        # A payload type that no header can hold, an id that no extension can have, sound among pictures.
        RECEIVING.replace(":111", ":999").encode(),
        OFFER.replace("extmap:4", "extmap:400").encode(),
        OFFER.replace("VP9/90000", "red/48000").encode(),
        # Two sections of one mid, of different kinds (found by `make fuzz`).
        RECEIVING.replace("a=mid:2", "a=mid:0").encode(),
    ),
    "signals": tuple(request.SerializeToString() for request in (*_REQUESTS, *_EXCHANGED)),
    "joins": (
        _JOIN,
        WrappedJoinRequest(join_request=_JOIN).SerializeToString(),
        WrappedJoinRequest(
            join_request=gzip.compress(bytes(4_000_000)), compression=WrappedJoinRequest.GZIP
        ).SerializeToString(),
        "²".encode(),
        b"[" * 9000,
    ),
    "access": (
        b'{"iss":"key","sub":"amina","exp":9999999999,"video":{"roomJoin":true,"canPublishSources":["camera"]}}',
        # A genuine token with claims of other kinds than LiveKit's.
        b'{"iss":"key","exp":1e400,"video":{"canPublishSources":[1]}}',
        b'{"iss":"key","exp":9999999999,"video":{"canPublishSources":7}}',
        b"[" * 9000,
    ),
    "calls": (
        b"\0" + CreateRoomRequest(name="visit", metadata="m").SerializeToString(),
        b"\7" + UpdateParticipantRequest(room="visit", identity="amina", attributes={"a": "b"}).SerializeToString(),
        b"\x09" + SendDataRequest(room="visit", data=b"x").SerializeToString(),
        b'\0{"name": "visit", "emptyTimeout": 1e999}',
        b"\0" + b"[" * 9000,
    ),
}
