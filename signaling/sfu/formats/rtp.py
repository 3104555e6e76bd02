"""RTP packets: reading the header and its extensions, writing a new header (RFC 3550, RFC 8285)."""

from __future__ import annotations

from struct import Struct
from typing import Final

from mypy_extensions import mypyc_attr

HEADER_LENGTH: Final = 12
ONE_BYTE_PROFILE: Final = 0xBEDE
TWO_BYTE_PROFILE: Final = 0x1000

AUDIO_LEVEL = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
MID = "urn:ietf:params:rtp-hdrext:sdes:mid"
RID = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
REPAIRED_RID = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"
TRANSPORT_CC = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
ABS_CAPTURE_TIME = "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time"
DEPENDENCY_DESCRIPTOR = "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension"
PLAYOUT_DELAY = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"

Extensions = tuple[tuple[int, bytes], ...]
"""Header extensions to write, as (id, value)."""

_header: Final = Struct("!BBHII")
_extended_header: Final = Struct("!IIII")
_numbered_header: Final = Struct("!IIIII")
_leveled_header: Final = Struct("!IIIIII")
_OCTETS: Final = [bytes((value,)) for value in range(256)]
_PADDING: Final = [b"", bytes(3), bytes(2), bytes(1)]
"""What fills the last word, by how many bytes of it are used."""


@mypyc_attr(acyclic=True, free_list_len=1)
class Packet:
    """One received RTP packet, read by offsets into `data`: `payload_at` to `payload_end` is the payload.

    A class written out, not a dataclass: one is made for each packet, and machine code makes it ten times as fast.
    """

    __slots__ = (
        "_extensions_at",
        "_extensions_end",
        "_is_wide",
        "data",
        "marker",
        "payload_at",
        "payload_end",
        "payload_type",
        "sequence",
        "ssrc",
        "timestamp",
    )

    def __init__(
        self, data: bytes, marker: bool, payload_type: int, sequence: int, timestamp: int, ssrc: int, at: int
    ) -> None:
        self.data = data
        self.marker = marker
        self.payload_type = payload_type
        self.sequence = sequence
        self.timestamp = timestamp
        self.ssrc = ssrc
        self.payload_at = at
        self.payload_end = len(data)
        self._extensions_at = self._extensions_end = 0
        self._is_wide = False

    @property
    def is_padding(self) -> bool:
        """Whether there is no payload: a packet sent to probe for bandwidth."""
        return self.payload_at >= self.payload_end

    def extension(self, number: int) -> bytes:
        """A header extension by the sender's id; empty when there is none, or it is cut short."""
        data, at, end = self.data, self._extensions_at, self._extensions_end
        while number and at < end:
            head = data[at]
            at += 1
            if not head:
                continue
            if not self._is_wide:
                found, length = head >> 4, (head & 0x0F) + 1
                if found == 15:
                    break
            elif at < end:
                found, length = head, data[at]
                at += 1
            else:
                break
            if at + length > end:
                break
            if found == number:
                return data[at : at + length]
            at += length
        return b""

    def read_extensions(self) -> None:
        """Find the header extensions where the payload seemed to begin; it begins behind them."""
        at, end = self.payload_at, self.payload_end
        if at + 4 > end:
            raise ValueError("RTP extension header cut short")
        data = self.data
        profile = data[at] << 8 | data[at + 1]
        stop = at + 4 + 4 * (data[at + 2] << 8 | data[at + 3])
        if stop > end:
            raise ValueError("RTP extensions cut short")
        self._is_wide = profile & 0xFFF0 == TWO_BYTE_PROFILE
        if self._is_wide or profile == ONE_BYTE_PROFILE:
            self._extensions_at, self._extensions_end = at + 4, stop
        self.payload_at = stop

    def cut_padding(self) -> None:
        """End the payload where its padding begins."""
        padding = self.data[-1]
        if not padding or self.payload_at + padding > self.payload_end:
            raise ValueError("RTP padding longer than the packet")
        self.payload_end -= padding


def parse(data: bytes) -> Packet:
    """Read one packet. Raises ValueError for anything cut short or of another version."""
    if len(data) < HEADER_LENGTH:
        raise ValueError("RTP packet shorter than its header")
    first, second = data[0], data[1]
    if first >> 6 != 2:
        raise ValueError("not RTP version 2")
    sequence = data[2] << 8 | data[3]
    timestamp = data[4] << 24 | data[5] << 16 | data[6] << 8 | data[7]
    ssrc = data[8] << 24 | data[9] << 16 | data[10] << 8 | data[11]
    packet = Packet(data, second > 127, second & 0x7F, sequence, timestamp, ssrc, HEADER_LENGTH + 4 * (first & 0x0F))
    if first & 0x10:
        packet.read_extensions()
    if first & 0x20:
        packet.cut_padding()
    if packet.payload_at > packet.payload_end:
        raise ValueError("RTP header longer than the packet")
    return packet


def header(
    *,
    marker: bool,
    payload_type: int,
    sequence: int,
    timestamp: int,
    ssrc: int,
    extensions: Extensions = (),
    number_id: int = 0,
    number: int = 0,
) -> bytes:
    """Write a header; with a `number_id`, the transport-wide `number` of 16 bits goes before the other extensions.

    Elements have two-byte heads only when an id or a length asks for them.
    """
    second = payload_type | 0x80 if marker else payload_type
    sequence, timestamp = sequence & 0xFFFF, timestamp & 0xFFFFFFFF
    start = 0x9000_0000 | second << 16 | sequence
    if not extensions and 0 < number_id < 15:
        # Of all headers sent these are by far the most.
        element = (number_id << 4 | 1) << 24 | number << 8
        return _numbered_header.pack(start, timestamp, ssrc, ONE_BYTE_PROFILE << 16 | 1, element)
    if len(extensions) == 1 and 0 < number_id < 15:
        identifier, value = extensions[0]
        if len(value) == 1 and identifier < 15:
            # And these are sound, with its level.
            element = (number_id << 4 | 1) << 24 | number << 8 | identifier << 4
            return _leveled_header.pack(start, timestamp, ssrc, ONE_BYTE_PROFILE << 16 | 2, element, value[0] << 24)
    if not extensions and not number_id:
        return _header.pack(0x80, second, sequence, timestamp, ssrc)
    is_wide = number_id > 14
    size = 3 if number_id else 0
    for identifier, value in extensions:
        is_wide = is_wide or identifier > 14 or not 0 < len(value) <= 16
        size += 1 + len(value)
    parts: list[bytes] = []
    if is_wide:
        size += len(extensions) + (1 if number_id else 0)
    if number_id:
        parts += [_OCTETS[number_id], _OCTETS[2]] if is_wide else [_OCTETS[number_id << 4 | 1]]
        parts += [_OCTETS[number >> 8], _OCTETS[number & 0xFF]]
    for identifier, value in extensions:
        if is_wide:
            parts.append(_OCTETS[identifier])
            parts.append(_OCTETS[len(value)])
        else:
            parts.append(_OCTETS[identifier << 4 | len(value) - 1])
        parts.append(value)
    parts.append(_PADDING[size & 3])
    profile = TWO_BYTE_PROFILE if is_wide else ONE_BYTE_PROFILE
    return _extended_header.pack(start, timestamp, ssrc, profile << 16 | size + 3 >> 2) + b"".join(parts)


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
