"""Opus packets joined to longer ones without decoding, for a receiver whose link their headers would fill (pure).

A packet begins with an octet that says how its sound is coded, and how many frames of it follow: any number up to 120
ms, as long as all are coded alike (RFC 6716 §3).
"""

from __future__ import annotations

from typing import Final

from signaling.sfu.formats import rtp
from signaling.sfu.formats.rtp import Packet

SAMPLES_PER_MS: Final = 48
"""Of RTP's clock for Opus, whatever was sampled (RFC 7587 §4.1)."""
LATE_SECONDS: Final = 0.02
"""How much longer than it lasts sound may wait for more; then there is a pause."""
MAX_FRAME_OCTETS: Final = 1275
"""Of one frame (RFC 6716 §3.4)."""
MAX_OCTETS: Final = 1100
"""Of what is joined, so that a packet with its headers passes every network."""
_SILK: Final = (480, 960, 1920, 2880)
_HYBRID: Final = (480, 960)
_CELT: Final = (120, 240, 480, 960)
_FIRST_HYBRID: Final = 12
_FIRST_CELT: Final = 16
_VARIABLE: Final = 0x80
_NOT_PADDED: Final = 0xDF
_TWO_OCTETS: Final = 252
"""A frame's length from here on takes two octets."""


def frame_samples(first: int) -> int:
    """How long each frame of a packet lasts that begins with this octet."""
    configuration = first >> 3
    if configuration >= _FIRST_CELT:
        return _CELT[configuration & 3]
    return _HYBRID[configuration & 1] if configuration >= _FIRST_HYBRID else _SILK[configuration & 3]


def is_single(first: int) -> bool:
    """Whether a packet that begins with this octet has one frame, as those have that browsers send each 20 ms."""
    return not first & 3


def join(packets: list[bytes]) -> bytes:
    """One packet of the frames of several that have one each and begin with the same octet; at most 48."""
    if len(packets) == 1:
        return packets[0]
    head = bytearray((packets[0][0] | 3, _VARIABLE | len(packets)))
    for packet in packets[:-1]:
        length = len(packet) - 1
        if length < _TWO_OCTETS:
            head.append(length)
        else:
            low = _TWO_OCTETS + (length & 3)
            head += bytes((low, length - low >> 2))
    return bytes(head) + b"".join([packet[1:] for packet in packets])


class Pack:
    """What waits to leave as one packet: the first packet's header, and the sound of those that follow it.

    `first` and `last` are their numbers at the source.
    """

    __slots__ = (
        "_began_at",
        "_head",
        "_next_timestamp",
        "_octets",
        "_samples",
        "_sounds",
        "first",
        "last",
        "milliseconds",
    )

    def __init__(self, milliseconds: int) -> None:
        self.milliseconds = milliseconds
        self.first = self.last = -1
        self._head: Packet | None = None
        self._sounds: list[bytes] = []
        self._samples = self._next_timestamp = self._octets = 0
        self._began_at = 0.0

    def restart(self) -> None:
        """Go on with another source."""
        self.first = self.last = -1
        self._head, self._sounds = None, []

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits."""
        return self._head is None

    @property
    def is_full(self) -> bool:
        """Whether one more like the last would be more than was asked for."""
        return self._samples + frame_samples(self._sounds[0][0]) > self.milliseconds * SAMPLES_PER_MS

    def is_late(self, now: float) -> bool:
        """Whether what waits has waited long enough."""
        return self._head is not None and now > self._began_at + self.milliseconds / 1000 + LATE_SECONDS

    def can_take(self, sound: bytes) -> bool:
        """Whether there is a use in joining this to another like it."""
        if not 0 < len(sound) <= MAX_FRAME_OCTETS + 1 or not is_single(sound[0]):
            return False
        return 2 * frame_samples(sound[0]) <= self.milliseconds * SAMPLES_PER_MS

    def is_followed_by(self, packet: Packet, number: int, sound: bytes) -> bool:
        """Whether a packet goes on where what waits ends, coded alike, and is not too large to go with it."""
        head = self._head
        if head is None or number != self.last + 1 or packet.timestamp != self._next_timestamp:
            return False
        fits = self._octets + len(sound) <= MAX_OCTETS
        return fits and packet.ssrc == head.ssrc and sound[0] == self._sounds[0][0]

    def add(self, packet: Packet, number: int, sound: bytes, now: float) -> None:
        """Add what `can_take` and, unless nothing waits, `is_followed_by` allow."""
        if self._head is None:
            self._head, self.first, self._began_at = packet, number, now
            self._samples = self._octets = 0
        self.last = number
        self._sounds.append(sound)
        self._octets += len(sound)
        samples = frame_samples(sound[0])
        self._samples += samples
        self._next_timestamp = packet.timestamp + samples & 0xFFFFFFFF

    def take(self, payload_type: int) -> Packet:
        """All that waits, as one packet with the header of the first. Raises ValueError when nothing does."""
        head, sounds = self._head, self._sounds
        if head is None:
            raise ValueError("nothing waits")
        self._head, self._sounds = None, []
        # A packet of its own, for others may have the same one to send.
        packet = rtp.parse(bytes((head.data[0] & _NOT_PADDED,)) + head.data[1 : head.payload_at] + join(sounds))
        packet.payload_type = payload_type
        return packet
