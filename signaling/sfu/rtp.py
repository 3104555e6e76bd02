"""RTP packets: reading the header and its extensions, writing a new header (RFC 3550, RFC 8285)."""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct

HEADER_LENGTH = 12
ONE_BYTE_PROFILE = 0xBEDE
TWO_BYTE_PROFILE = 0x1000

AUDIO_LEVEL = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
MID = "urn:ietf:params:rtp-hdrext:sdes:mid"
RID = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
REPAIRED_RID = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"
TRANSPORT_CC = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
ABS_CAPTURE_TIME = "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time"
DEPENDENCY_DESCRIPTOR = "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension"

Extensions = tuple[tuple[int, bytes], ...]
"""Header extensions to write, as (id, value)."""

_header = Struct("!BBHII")
_words = Struct("!HH")
_numbered_header = Struct("!BBHIIHHBHx")


@dataclass(slots=True)
class Packet:
    """One received RTP packet; `extensions` are by the sender's ids, the payload by offsets into `data`."""

    data: bytes
    marker: bool
    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    extensions: dict[int, bytes]
    payload_at: int
    payload_end: int

    @property
    def is_padding(self) -> bool:
        """Whether there is no payload: a packet sent to probe for bandwidth."""
        return self.payload_at >= self.payload_end


def parse(data: bytes) -> Packet:
    """Read one packet. Raises ValueError for anything cut short or of another version."""
    if len(data) < HEADER_LENGTH:
        raise ValueError("RTP packet shorter than its header")
    first, second, sequence, timestamp, ssrc = _header.unpack_from(data)
    if first >> 6 != 2:
        raise ValueError("not RTP version 2")
    at = HEADER_LENGTH + 4 * (first & 0x0F)
    end = len(data)
    extensions: dict[int, bytes] = {}
    if first & 0x10:
        if at + 4 > end:
            raise ValueError("RTP extension header cut short")
        profile, words = _words.unpack_from(data, at)
        at += 4
        stop = at + 4 * words
        if stop > end:
            raise ValueError("RTP extensions cut short")
        extensions = _parse_extensions(profile, data, at, stop)
        at = stop
    if first & 0x20:
        padding = data[-1]
        if not padding or at + padding > end:
            raise ValueError("RTP padding longer than the packet")
        end -= padding
    if at > end:
        raise ValueError("RTP header longer than the packet")
    return Packet(data, second > 127, second & 0x7F, sequence, timestamp, ssrc, extensions, at, end)


def _parse_extensions(profile: int, data: bytes, at: int, stop: int) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    if profile == ONE_BYTE_PROFILE:
        while at < stop:
            head = data[at]
            if head == 0:
                at += 1
                continue
            if head >> 4 == 15:
                break
            length = (head & 0x0F) + 1
            if at + 1 + length > stop:
                raise ValueError("RTP extension cut short")
            found[head >> 4] = data[at + 1 : at + 1 + length]
            at += 1 + length
    elif profile & 0xFFF0 == TWO_BYTE_PROFILE:
        while at + 1 < stop:
            if data[at] == 0:
                at += 1
                continue
            length = data[at + 1]
            if at + 2 + length > stop:
                raise ValueError("RTP extension cut short")
            found[data[at]] = data[at + 2 : at + 2 + length]
            at += 2 + length
    return found


def header(
    *, marker: bool, payload_type: int, sequence: int, timestamp: int, ssrc: int, extensions: bytes = b""
) -> bytes:
    """Write a header; `extensions` is a whole block as `extension_block` makes it, or empty."""
    fixed = _header.pack(
        0x90 if extensions else 0x80,
        payload_type | (0x80 if marker else 0),
        sequence & 0xFFFF,
        timestamp & 0xFFFFFFFF,
        ssrc,
    )
    return fixed + extensions


def extension_block(values: Extensions) -> bytes:
    """Write an extension block, with two-byte elements only when an id or a length asks for them."""
    if not values:
        return b""
    wide = any(number > 14 or not 1 <= len(value) <= 16 for number, value in values)
    if wide:
        body = b"".join(bytes((number, len(value))) + value for number, value in values)
    else:
        body = b"".join(bytes((number << 4 | len(value) - 1,)) + value for number, value in values)
    padding = -len(body) % 4
    profile = TWO_BYTE_PROFILE if wide else ONE_BYTE_PROFILE
    return _words.pack(profile, (len(body) + padding) // 4) + body + bytes(padding)


def numbered_header(
    *, marker: bool, payload_type: int, sequence: int, timestamp: int, ssrc: int, number: int, value: int
) -> bytes:
    """A header whose only extension is one 16-bit value, written with one call; `number` is at most 14.

    Of all headers sent it is by far the commonest: the transport-wide sequence number.
    """
    return _numbered_header.pack(
        0x90,
        payload_type | (0x80 if marker else 0),
        sequence & 0xFFFF,
        timestamp & 0xFFFFFFFF,
        ssrc,
        ONE_BYTE_PROFILE,
        1,
        number << 4 | 1,
        value,
    )


class Extender:
    """Turns 16-bit sequence numbers into ones that never wrap."""

    __slots__ = ("_highest",)

    def __init__(self) -> None:
        self._highest = -1

    def extend(self, sequence: int) -> int:
        """The number nearest to the highest one seen whose low 16 bits are `sequence`."""
        if self._highest < 0:
            self._highest = sequence + 0x10000
            return self._highest
        delta = (sequence - self._highest) & 0xFFFF
        extended = self._highest + (delta if delta < 0x8000 else delta - 0x10000)
        self._highest = max(self._highest, extended)
        return extended
