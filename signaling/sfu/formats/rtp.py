"""RTP packets: reading the header and its extensions, writing a new header (RFC 3550, RFC 8285)."""

from __future__ import annotations

from typing import Final

from librt.strings import BytesWriter, read_i32_be, write_i32_be
from mypy_extensions import i32, mypyc_attr

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

_writer: Final = BytesWriter()
"""For one header after the other: machine code fills it in a quarter of the time that struct takes."""


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
    timestamp, ssrc = int(read_i32_be(data, 4)) & 0xFFFFFFFF, int(read_i32_be(data, 8)) & 0xFFFFFFFF
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
    is_wide = number_id > 14
    size = 3 if number_id else 0
    for identifier, value in extensions:
        is_wide = is_wide or identifier > 14 or not 0 < len(value) <= 16
        size += 1 + len(value)
    if is_wide:
        size += len(extensions) + (1 if number_id else 0)
    first, second = 0x90 if size else 0x80, payload_type | 0x80 if marker else payload_type
    writer = _writer
    writer.truncate(0)
    write_i32_be(writer, _word(first << 24 | second << 16 | sequence & 0xFFFF))
    write_i32_be(writer, _word(timestamp & 0xFFFFFFFF))
    write_i32_be(writer, _word(ssrc))
    if not size:
        return writer.getvalue()
    profile = TWO_BYTE_PROFILE if is_wide else ONE_BYTE_PROFILE
    write_i32_be(writer, _word(profile << 16 | size + 3 >> 2))
    if number_id:
        _begin_element(number_id, 2, is_wide=is_wide)
        writer.append(number >> 8)
        writer.append(number & 0xFF)
    for identifier, value in extensions:
        _begin_element(identifier, len(value), is_wide=is_wide)
        writer.write(value)
    while size & 3:
        writer.append(0)
        size += 1
    return writer.getvalue()


def _begin_element(identifier: int, length: int, *, is_wide: bool) -> None:
    if is_wide:
        _writer.append(identifier)
        _writer.append(length)
    else:
        _writer.append(identifier << 4 | length - 1)


def _word(value: int) -> i32:
    """Of 32 bits without a sign, in the type of those with one."""
    return i32(value - 0x1_0000_0000 if value & 0x8000_0000 else value)


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
