"""Packets kept for as long as their receiver can still ask for them again (pure)."""

from __future__ import annotations

from collections import deque
from typing import Final

from mypy_extensions import mypyc_attr

from signaling.sfu.formats.rtp import Extensions

KEPT_PACKETS: Final = 512
"""A power of two, and the bound whatever the time: two seconds of video at 2 Mbit/s."""
KEPT_SECONDS: Final = 0.8
"""About a second, with the tenth between two looks and the one between two words of the receiver."""
KEPT_ROUND_TRIPS: Final = 5
"""A request and its answer can be lost, and be lost again; pictures wait no longer for either."""
SLOW_ROUND_TRIP_SECONDS: Final = 2.0
"""A link not measured yet may be as slow as GPRS."""
LONGEST_SILENCE_SECONDS: Final = 5.0
"""Who was gone for longer does better with a key frame."""
FORGIVING: Final = 4
"""After a silence it takes this many times as long as the silence until it no longer counts."""


@mypyc_attr(acyclic=True)
class SentPacket:
    """A packet to send again: header fields, a new payload's beginning, and where in the received packet the rest is.

    `number` is the transport-wide one that it went out under, -1 before it did.
    One piece of memory, and nothing for the garbage collector to look at: there are many.
    """

    __slots__ = (
        "at",
        "data",
        "end",
        "extensions",
        "marker",
        "number",
        "payload_type",
        "prefix",
        "sequence",
        "timestamp",
    )

    def __init__(
        self,
        sequence: int,
        marker: bool,
        payload_type: int,
        timestamp: int,
        prefix: bytes,
        data: bytes,
        at: int,
        end: int,
        extensions: Extensions,
    ) -> None:
        self.sequence = sequence
        self.marker = marker
        self.payload_type = payload_type
        self.timestamp = timestamp
        self.prefix = prefix
        self.data = data
        self.at = at
        self.end = end
        self.extensions = extensions
        self.number = -1


class Sent:
    """The packets of one stream by their numbers; whoever sends puts them into `slots`, and pays for no more."""

    __slots__ = ("_forgotten", "_marks", "slots")

    def __init__(self) -> None:
        self.slots: list[SentPacket | None] = [None] * KEPT_PACKETS
        self._marks: deque[tuple[float, int]] = deque(maxlen=KEPT_PACKETS)
        self._forgotten = 0

    def find(self, sequence: int) -> SentPacket | None:
        """The packet with these 16 bits of a number, if it is still there."""
        packet = self.slots[sequence & KEPT_PACKETS - 1]
        return packet if packet is not None and packet.sequence == sequence else None

    def forget(self, next_number: int, now: float, horizon: float) -> None:
        """Drop what was sent before `horizon`. `next_number` is the one that the next packet will have, unwrapped.

        Times are told by earlier calls, so it wants to be called often compared to how long packets are kept.
        """
        self._marks.append((now, next_number))
        end = self._forgotten
        while self._marks and self._marks[0][0] <= horizon:
            end = self._marks.popleft()[1]
        # A slot whose number is further back holds a later packet.
        for number in range(max(self._forgotten, next_number - KEPT_PACKETS), end):
            self.slots[number & KEPT_PACKETS - 1] = None
        self._forgotten = end


class Horizon:
    """How far back a receiver can still ask: some round trips, and longer while and after nothing is heard of it.

    Of somebody in a tunnel nothing is heard for seconds; what was sent meanwhile is asked for at its end.
    """

    __slots__ = ("_heard_at", "_silence")

    def __init__(self) -> None:
        self._heard_at: float | None = None
        self._silence = 0.0

    def heard(self, now: float) -> None:
        """Something came from the receiver."""
        if self._heard_at is not None:
            gap = now - self._heard_at
            self._silence = min(LONGEST_SILENCE_SECONDS, max(gap, self._silence - gap / FORGIVING))
        self._heard_at = now

    def at(self, now: float, round_trip_seconds: float | None) -> float:
        """The time before which nothing is asked for any more; None for a link not measured yet."""
        trip = SLOW_ROUND_TRIP_SECONDS if round_trip_seconds is None else round_trip_seconds
        silence = now - self._heard_at if self._heard_at is not None else 0.0
        kept = max(KEPT_SECONDS, KEPT_ROUND_TRIPS * trip)
        return now - kept - max(self._silence, min(LONGEST_SILENCE_SECONDS, silence))
