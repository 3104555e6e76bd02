"""What must be known of a payload to forward it: key frames and descriptors (RFC 7741, 9628, 6184)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from mypy_extensions import mypyc_attr

from signaling.sfu.formats.sdp import Codec

_VIDEO_FEEDBACK: Final = ("transport-cc", "ccm fir", "nack", "nack pli")
_AUDIO_FEEDBACK: Final = ("transport-cc", "nack")

OFFERED_AUDIO: Final = (
    Codec(111, "opus", 48000, 2, "minptime=10;useinbandfec=1", _AUDIO_FEEDBACK),
    Codec(63, "red", 48000, 2, "111/111", ()),
)
OFFERED_STEREO: Final = (
    Codec(111, "opus", 48000, 2, "minptime=10;useinbandfec=1;sprop-stereo=1", _AUDIO_FEEDBACK),
    *OFFERED_AUDIO[1:],
)
"""A client decodes both channels where it is told that they are sent (RFC 7587 §6.1)."""
OFFERED_VIDEO: Final = (
    Codec(96, "VP8", 90000, feedback=_VIDEO_FEEDBACK),
    Codec(97, "rtx", 90000, fmtp="apt=96"),
    Codec(98, "VP9", 90000, fmtp="profile-id=0", feedback=_VIDEO_FEEDBACK),
    Codec(99, "rtx", 90000, fmtp="apt=98"),
    Codec(
        125,
        "H264",
        90000,
        fmtp="level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
        feedback=_VIDEO_FEEDBACK,
    ),
    Codec(107, "rtx", 90000, fmtp="apt=125"),
    Codec(45, "AV1", 90000, feedback=_VIDEO_FEEDBACK),
    Codec(46, "rtx", 90000, fmtp="apt=45"),
)
"""What we offer to a subscriber's own connection; the payload types are libwebrtc's habitual ones."""

TRAILER_NAME: Final = b"LKTS"
TRAILER_END: Final = 5
STAP_A: Final = 24
"""The type of an H264 packet of several units."""

SUPPORTED: Final = {"audio": ("opus", "red"), "video": ("vp8", "vp9", "h264", "av1", "rtx")}


def is_supported(codec: Codec, kind: str) -> bool:
    """Whether we take this codec for sound or pictures; H264 in single-NAL mode is left out, nobody needs it."""
    if codec.mime_type == "h264" and codec.parameters.get("packetization-mode", "0") != "1":
        return False
    return codec.mime_type in SUPPORTED[kind]


H264_HIGH: Final = "64"


def h264_profile(codec: Codec) -> str:
    """The profile of an H264 codec, as the first two digits of its parameter (RFC 6184 §8.1)."""
    return codec.parameters.get("profile-level-id", "42e01f")[:2].lower()


def matches(wanted: Codec, offered: Codec) -> bool:
    """Whether a stream of `wanted` can be received as `offered`."""
    if wanted.mime_type != offered.mime_type:
        return False
    mine, theirs = wanted.parameters, offered.parameters
    if wanted.mime_type == "h264":
        return h264_profile(wanted) == h264_profile(offered) and theirs.get("packetization-mode", "0") == "1"
    if wanted.mime_type == "vp9":
        return mine.get("profile-id", "0") == theirs.get("profile-id", "0")
    return True


def find(wanted: Codec, offered: list[Codec]) -> Codec | None:
    """The first offered codec that fits."""
    return next((codec for codec in offered if matches(wanted, codec)), None)


def find_rtx(payload_type: int, offered: list[Codec]) -> Codec | None:
    """The retransmission format of `payload_type`."""
    return next((c for c in offered if c.mime_type == "rtx" and c.apt == payload_type), None)


NONE_NEGOTIATED: Final = [-1] * 128
"""No payload type can be received."""


def translate(sent: Iterable[Codec], offered: list[Codec]) -> tuple[list[int], dict[int, int]]:
    """A receiver's payload type by the sender's, -1 where there is none, and its rtx payload type by its own."""
    payload_types, repairs = NONE_NEGOTIATED.copy(), {}
    for codec in sent:
        fitting = find(codec, offered)
        if fitting is None or codec.mime_type == "rtx":
            continue
        payload_types[codec.payload_type] = fitting.payload_type
        repair = find_rtx(fitting.payload_type, offered)
        if repair is not None:
            repairs[fitting.payload_type] = repair.payload_type
    return payload_types, repairs


@mypyc_attr(acyclic=True, free_list_len=1)
class Vp8Descriptor:
    """A VP8 payload descriptor (RFC 7741 §4.2); absent fields are -1, `size` is its length in bytes.

    `is_short`: the picture id has 7 bits instead of 15.
    """

    __slots__ = (
        "is_reference",
        "is_short",
        "key_index",
        "layer_sync",
        "picture_id",
        "size",
        "starts_frame",
        "temporal_layer",
        "tl0_picture",
    )

    def __init__(self, first: int) -> None:
        self.size = 1
        self.starts_frame = first & 0x10 != 0 and first & 0x07 == 0
        self.is_reference = not first & 0x20
        self.picture_id = -1
        self.is_short = False
        self.tl0_picture = -1
        self.temporal_layer = -1
        self.layer_sync = False
        self.key_index = -1


def parse_vp8(data: bytes, at: int, end: int) -> Vp8Descriptor | None:
    """Read the descriptor at `at`, or None when the payload is too short for it."""
    if at >= end:
        return None
    start = at
    first = data[at]
    found = Vp8Descriptor(first)
    at += 1
    if not first & 0x80:
        return found
    if at >= end:
        return None
    flags = data[at]
    at += 1
    if flags & 0x80:
        found.is_short = at >= end or not data[at] & 0x80
        if at + (1 if found.is_short else 2) > end:
            return None
        found.picture_id = data[at] if found.is_short else (data[at] & 0x7F) << 8 | data[at + 1]
        at += 1 if found.is_short else 2
    if flags & 0x40:
        if at >= end:
            return None
        found.tl0_picture = data[at]
        at += 1
    if flags & 0x30:
        if at >= end:
            return None
        if flags & 0x20:
            found.temporal_layer = data[at] >> 6
            found.layer_sync = data[at] & 0x20 != 0
        if flags & 0x10:
            found.key_index = data[at] & 0x1F
        at += 1
    found.size = at - start
    return found


def widen_picture(descriptor: Vp8Descriptor, newest: int) -> int:
    """Make a picture id of 7 bits the nearest of 15 to the `newest` of its stream, -1 for none; returns the newest now.

    A sender may change from one to the other, as Pion does with each id above 127.
    """
    picture = descriptor.picture_id
    if picture < 0:
        return newest
    if descriptor.is_short and newest >= 0:
        picture = newest - 64 + (picture - newest + 64 & 0x7F) & 0x7FFF
        descriptor.picture_id = picture
    return picture if newest < 0 or picture - newest & 0x7FFF < 0x4000 else newest


def write_vp8(first: int, descriptor: Vp8Descriptor, picture_id: int, tl0_picture: int) -> bytes:
    """Write a descriptor with new numbers, the picture id in 15 bits; `first` is the original first byte."""
    flags = 0x80 if descriptor.picture_id >= 0 else 0
    flags |= 0x40 if descriptor.tl0_picture >= 0 else 0
    flags |= 0x20 if descriptor.temporal_layer >= 0 else 0
    flags |= 0x10 if descriptor.key_index >= 0 else 0
    if not flags:
        return bytes((first & 0x7F,))
    body = bytearray((first | 0x80, flags))
    if flags & 0x80:
        body += bytes((0x80 | picture_id >> 8, picture_id & 0xFF))
    if flags & 0x40:
        body.append(tl0_picture)
    if flags & 0x30:
        layer = max(descriptor.temporal_layer, 0) << 6 | (0x20 if descriptor.layer_sync else 0)
        body.append(layer | max(descriptor.key_index, 0))
    return bytes(body)


def write_vp8_in_order(first: int, descriptor: Vp8Descriptor, picture_id: int) -> bytes:
    """Write a descriptor without temporal layers: every picture is then taken to need the one before it."""
    if descriptor.picture_id < 0:
        return bytes((first & 0x7F,))
    return bytes((first | 0x80, 0x80, 0x80 | picture_id >> 8, picture_id & 0xFF))


def without_trailer(name: str, data: bytes, at: int, end: int) -> tuple[bytes, int, int]:
    """A frame's last packet less LiveKit's packet trailer: its beginning where that is another, and where the rest is.

    Of several H264 units in one packet the last says how long it is.
    """
    last = _last_h264_unit(data, at, end) if name == "h264" else at
    size = _trailer_size(data, last, end)
    if not size or last == at:
        return b"", at, end - size
    end -= size
    return data[at : last - 2] + (end - last).to_bytes(2, "big"), last, end


def _trailer_size(data: bytes, at: int, end: int) -> int:
    """How many octets at the end are a trailer, whose last five are its length and name."""
    if end - at <= TRAILER_END or data[end - 4 : end] != TRAILER_NAME:
        return 0
    size = data[end - TRAILER_END] ^ 0xFF
    return size if TRAILER_END <= size < end - at else 0


def _last_h264_unit(data: bytes, at: int, end: int) -> int:
    """Where the last of several units in a packet begins, behind its length (RFC 6184 §5.7.1); `at` for one alone."""
    if data[at] & 0x1F != STAP_A:
        return at
    last, following = at, at + 1
    while following < end:
        last = following + 2
        following = last + int.from_bytes(data[following:last], "big")
    return last if following == end else at


def primary_of_red(data: bytes, at: int, end: int) -> int | None:
    """Where the newest frame of a RED payload begins (RFC 2198 §3), or None when cut short."""
    skipped = 0
    while at < end:
        if not data[at] & 0x80:
            start = at + 1 + skipped
            return start if start <= end else None
        if at + 4 > end:
            return None
        skipped += int.from_bytes(data[at + 2 : at + 4], "big") & 0x3FF
        at += 4
    return None


def starts_vp8_key_frame(data: bytes, at: int, descriptor: Vp8Descriptor) -> bool:
    """Whether the frame behind a descriptor at `at` is a key frame (RFC 7741 §4.3)."""
    body = at + descriptor.size
    return descriptor.starts_frame and body < len(data) and not data[body] & 0x01


def is_key_frame(codec: str, data: bytes, at: int, end: int) -> bool:
    """Whether this payload starts a key frame; `codec` is the name in lower case.

    The bytes looked at are those that end-to-end encryption leaves in clear.
    """
    if at >= end:
        return False
    if codec == "vp8":
        descriptor = parse_vp8(data, at, end)
        return descriptor is not None and starts_vp8_key_frame(data[:end], at, descriptor)
    if codec == "h264":
        return _is_h264_key_frame(data, at, end)
    if codec == "vp9":
        return _is_vp9_key_frame(data, at, end)
    if codec == "av1":
        return data[at] & 0x08 != 0
    return True


def _is_h264_key_frame(data: bytes, at: int, end: int) -> bool:
    kind = data[at] & 0x1F
    if kind in (5, 7):
        return True
    if kind == STAP_A:
        at += 1
        while at + 3 <= end:
            if data[at + 2] & 0x1F in (5, 7):
                return True
            at += 2 + int.from_bytes(data[at : at + 2], "big")
        return False
    if kind in (28, 29) and at + 1 < end:
        return data[at + 1] & 0x80 != 0 and data[at + 1] & 0x1F in (5, 7)
    return False


def _is_vp9_key_frame(data: bytes, at: int, end: int) -> bool:
    first = data[at]
    if first & 0x40 or not first & 0x08:
        return False
    at += 1
    if first & 0x80:
        at += 2 if at < end and data[at] & 0x80 else 1
    if first & 0x20:
        return at < end and data[at] >> 1 & 0x07 == 0
    return True
