"""Renumbering a forwarded stream, so that a receiver sees it unbroken whatever we leave out or switch."""

from __future__ import annotations

from collections import deque
from typing import Final

from signaling.sfu.formats import codecs
from signaling.sfu.formats.codecs import Vp8Descriptor
from signaling.sfu.sending.sent import SentPacket

MAX_RANGES: Final = 128
"""Changes of offset remembered for late packets: at most that many gaps in the last second or so."""


class SequenceMap:
    """Maps the source's extended sequence numbers to outgoing ones.

    A packet left out closes the gap for those after it, while a late packet from before the gap still gets
    the number that belongs to its time.
    """

    __slots__ = ("_base", "_dropped", "_highest", "_offset", "_ranges", "last_out")

    def __init__(self, first_out: int) -> None:
        self.last_out = first_out - 1
        self._ranges: deque[tuple[int, int]] = deque(maxlen=MAX_RANGES)
        self._dropped: deque[int] = deque(maxlen=MAX_RANGES)
        self._highest = -1
        self._base = -1
        self._offset = 0

    def restart(self, source: int, gap: int = 0) -> None:
        """Go on with another source whose next packet is `source`, leaving `gap` numbers out."""
        self._ranges.clear()
        self._dropped.clear()
        self._offset = self.last_out + 1 + gap - source
        self._ranges.append((source, self._offset))
        self._base = source
        self._highest = source - 1

    def forward(self, source: int) -> int:
        """The outgoing number of `source`; -1 for one from before the start, or left out already."""
        if source > self._highest:
            self._highest = source
            self.last_out = source + self._offset
            return self.last_out
        if source < self._base or source in self._dropped:
            return -1
        for start, offset in reversed(self._ranges):
            if source >= start:
                # Where what followed was left out, no number may have been as high, and the next source begins above.
                self.last_out = max(self.last_out, source + offset)
                return source + offset
        return -1

    def drop(self, source: int) -> None:
        """Leave `source` out. Only the newest closes its gap; a late one is just not sent."""
        if source < self._base:
            return
        self._dropped.append(source)
        if source > self._highest:
            self._highest = source
            if self._ranges[-1][0] == source:
                self._ranges.pop()
            self._offset -= 1
            self._ranges.append((source + 1, self._offset))


class TimestampMap:
    """Keeps timestamps rising evenly over a change of source."""

    __slots__ = ("_clock_rate", "_last_at", "last_out", "offset")

    def __init__(self, clock_rate: int, first_out: int) -> None:
        self._clock_rate = clock_rate
        self.last_out = first_out
        self.offset = 0
        self._last_at: float | None = None

    def restart(self, source: int, now: float, aligned: int | None = None) -> None:
        """Go on with another source; `aligned` is its outgoing time if sender reports tell."""
        if self._last_at is None:
            out = self.last_out
        else:
            elapsed = max(1, round((now - self._last_at) * self._clock_rate))
            out = self.last_out + elapsed
            if aligned is not None and 0 < (aligned - self.last_out) & 0xFFFFFFFF < elapsed + self._clock_rate:
                out = aligned
        self.offset = out - source

    def forward(self, source: int, now: float) -> int:
        """The outgoing timestamp, which may be more than 32 bits; the header writer cuts it."""
        out = (source + self.offset) & 0xFFFFFFFF
        if (out - self.last_out) & 0xFFFFFFFF < 0x80000000:
            self.last_out = out
            self._last_at = now
        return out


class Vp8Map:
    """Keeps VP8's picture id and TL0PICIDX unbroken over layer switches and dropped temporal layers.

    Picture ids are sent with 15 bits: libwebrtc knows no others, and takes what follows the 127th of 7 for old.
    Where `is_in_order`, nothing is told of temporal layers; that may change with a key frame only.
    """

    __slots__ = ("_last_picture", "_last_tl0", "_picture_offset", "_tl0_offset", "is_in_order")

    def __init__(self) -> None:
        self.is_in_order = False
        self._last_picture = -1
        self._last_tl0 = -1
        self._picture_offset = 0
        self._tl0_offset = 0

    def restart(self, descriptor: Vp8Descriptor) -> None:
        """Go on with another layer that starts at `descriptor`."""
        if self._last_picture >= 0 or self._last_tl0 >= 0:
            self._picture_offset = self._last_picture + 1 - descriptor.picture_id
            self._tl0_offset = self._last_tl0 + 1 - descriptor.tl0_picture
        else:
            self._last_picture, self._last_tl0 = descriptor.picture_id, descriptor.tl0_picture

    def rewrite(self, first: int, descriptor: Vp8Descriptor, left_out: int = 0) -> bytes:
        """The descriptor to send instead of one whose first byte is `first`; empty where it goes on as it came.

        `left_out` pictures before this one were not sent since the layer began.
        """
        picture = (descriptor.picture_id + self._picture_offset - left_out) & 0x7FFF
        if (picture - self._last_picture) & 0x7FFF < 0x4000:
            self._last_picture = picture
        tl0 = (descriptor.tl0_picture + self._tl0_offset) & 0xFF
        if (tl0 - self._last_tl0) & 0xFF < 0x80:
            self._last_tl0 = tl0
        if self.is_in_order:
            return codecs.write_vp8_in_order(first, descriptor, picture)
        if self._picture_offset or self._tl0_offset or left_out or descriptor.is_short:
            return codecs.write_vp8(first, descriptor, picture, tl0)
        return b""


def put_in_order(kept: SentPacket) -> None:
    """Take what tells of temporal layers out of a VP8 packet that was not sent yet."""
    data, at, end = (kept.prefix, 0, len(kept.prefix)) if kept.prefix else (kept.data, kept.at, kept.end)
    descriptor = codecs.parse_vp8(data, at, end)
    if descriptor is not None:
        if not kept.prefix:
            kept.at += descriptor.size
        kept.prefix = codecs.write_vp8_in_order(data[at], descriptor, descriptor.picture_id)
