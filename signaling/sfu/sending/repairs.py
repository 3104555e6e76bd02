"""What has left of one stream and can be sent again, and padding that goes where repairs go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from signaling.sfu.sending.sent import Sent, SentPacket

if TYPE_CHECKING:
    from signaling.sfu.peer import Peer


class Repairs:
    """Packets kept of one outgoing stream; whoever sends puts them into `slots` (see `Sent`).

    `payload_types` are those of retransmissions (RFC 4588) by those of what they repeat. Without one a packet goes out
    again as it was.
    """

    def __init__(self, peer: Peer, *, ssrc: int, rtx_ssrc: int) -> None:
        self.peer = peer
        self.payload_types: dict[int, int] = {}
        self._ssrc = ssrc
        self._rtx_ssrc = rtx_ssrc
        self._sequence = rtx_ssrc & 0x7FFF
        self._sent = Sent()
        self.slots = self._sent.slots

    def keep_from(self, horizon: float, next_number: int, now: float) -> None:
        """Drop what was sent before `horizon`; the next packet of the stream will have `next_number`, unwrapped."""
        self._sent.forget(next_number, now, horizon)

    def find(self, first: int, end: int) -> list[SentPacket]:
        """What is still there of the unwrapped numbers from `first` to before `end`."""
        found = [self._sent.find(number & 0xFFFF) for number in range(first, end)]
        return [kept for kept in found if kept is not None]

    def answer(self, sequences: list[int]) -> None:
        """Answer a NACK with what is still there."""
        for sequence in sequences:
            kept = self._sent.find(sequence)
            if kept is not None:
                repair = self.payload_types.get(kept.payload_type)
                if repair is not None:
                    self._send_repair(kept, repair)
                else:
                    self.send(kept)

    def send(self, kept: SentPacket) -> None:
        """Send a packet for the first time, or again as it was."""
        kept.number = self.peer.send_rtp(
            marker=kept.marker,
            payload_type=kept.payload_type,
            sequence=kept.sequence,
            timestamp=kept.timestamp,
            ssrc=self._ssrc,
            extensions=kept.extensions,
            prefix=kept.prefix,
            data=kept.data,
            at=kept.at,
            end=kept.end,
            transport_number=kept.number,
        )

    def _send_repair(self, kept: SentPacket, payload_type: int) -> None:
        self._sequence = (self._sequence + 1) & 0xFFFF
        self.peer.send_rtp(
            marker=kept.marker,
            payload_type=payload_type,
            sequence=self._sequence,
            timestamp=kept.timestamp,
            ssrc=self._rtx_ssrc,
            extensions=kept.extensions,
            prefix=kept.sequence.to_bytes(2, "big") + kept.prefix,
            data=kept.data,
            at=kept.at,
            end=kept.end,
        )

    def pad(self, octets: int, timestamp: int) -> None:
        """Send padding as a retransmission of nothing, which no decoder sees; only where those have a format."""
        self._sequence = (self._sequence + 1) & 0xFFFF
        self.peer.send_rtp(
            marker=False,
            payload_type=next(iter(self.payload_types.values())),
            sequence=self._sequence,
            timestamp=timestamp,
            ssrc=self._rtx_ssrc,
            extensions=(),
            prefix=b"",
            data=bytes(octets - 1) + bytes((octets,)),
            at=0,
            end=octets,
            is_padding=True,
        )
