"""Reliable packets lately handed to a participant's channel, for when the client makes that channel anew (pure).

As long as a channel lives, SCTP delivers what was put into it, over a cut and a resume too. What sat in a channel that
a client replaced is sent again on the new one; clients drop by its sequence number what they have already.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from livekit.protocol.models import DataPacket

KEPT_PACKETS = 128
KEPT_BYTES = 128 * 1024
"""Of one participant; a little more than LiveKit keeps of a room."""
KEPT_SECONDS = 20.0
"""Less than the 30 s for which livekit-client remembers a sender's last sequence number."""


@dataclass(frozen=True, slots=True)
class _Sent:
    packet: DataPacket
    payload: bytes
    sent_at: float


class Recent:
    """The newest packets, within bounds of number, size and age."""

    def __init__(self) -> None:
        self._sent: deque[_Sent] = deque()
        self._bytes = 0

    def note(self, packet: DataPacket, payload: bytes, now: float) -> None:
        """Remember a packet; one that its receiver could not tell from a repetition is not kept."""
        if not packet.sequence or not packet.participant_sid or len(payload) > KEPT_BYTES:
            return
        self._sent.append(_Sent(packet, payload, now))
        self._bytes += len(payload)
        while len(self._sent) > KEPT_PACKETS or self._bytes > KEPT_BYTES:
            self._bytes -= len(self._sent.popleft().payload)

    def received(self, states: Mapping[str, int]) -> None:
        """Forget what the client says it has: the sid of a sender → its last sequence number that arrived."""
        kept = [sent for sent in self._sent if sent.packet.sequence > states.get(sent.packet.participant_sid, 0)]
        self._sent = deque(kept)
        self._bytes = sum(len(sent.payload) for sent in kept)

    def take(self, now: float) -> list[tuple[DataPacket, bytes]]:
        """All that may have been lost with the channel, oldest first; it is remembered no longer."""
        found = [(sent.packet, sent.payload) for sent in self._sent if now - sent.sent_at <= KEPT_SECONDS]
        self._sent.clear()
        self._bytes = 0
        return found
