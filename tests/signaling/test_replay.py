"""Reliable packets sent again on a channel that replaces another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, cast

from aiortc import RTCDataChannel
from livekit.protocol.models import DataPacket

from signaling.config import LimitSettings
from signaling.rooms.data import RELIABLE, DataChannels
from signaling.rooms.replay import KEPT_BYTES, KEPT_PACKETS, KEPT_SECONDS, Recent


def packet(sequence: int, sender: str = "PA_li", size: int = 0) -> tuple[DataPacket, bytes]:
    made = DataPacket(kind=DataPacket.RELIABLE, participant_sid=sender, sequence=sequence)
    made.user.payload = b"x" * size
    return made, made.SerializeToString()


def sequences(found: list[tuple[DataPacket, bytes]]) -> list[int]:
    return [made.sequence for made, _ in found]


def test_what_the_client_has_is_not_sent_again() -> None:
    recent = Recent()
    for sequence in (1, 2, 3):
        recent.note(*packet(sequence), 0.0)
    recent.note(*packet(1, "PA_wang"), 0.0)
    recent.received({"PA_li": 2, "PA_gone": 9})
    assert sequences(recent.take(1.0)) == [3, 1]
    assert recent.take(1.0) == []


def test_what_cannot_be_told_from_a_repetition_is_not_kept() -> None:
    recent = Recent()
    recent.note(*packet(0), 0.0)
    recent.note(*packet(1, ""), 0.0)
    recent.note(*packet(2), 0.0)
    assert sequences(recent.take(KEPT_SECONDS)) == [2]
    recent.note(*packet(3), 0.0)
    assert recent.take(KEPT_SECONDS + 0.1) == []


def test_it_is_bounded_by_number_and_by_size() -> None:
    recent = Recent()
    for sequence in range(1, 2 * KEPT_PACKETS + 1):
        recent.note(*packet(sequence), 0.0)
    assert len(recent.take(0.0)) == KEPT_PACKETS
    for sequence in range(1, 5):
        recent.note(*packet(sequence, size=KEPT_BYTES // 2 - 100), 0.0)
    assert sequences(recent.take(0.0)) == [3, 4]
    recent.note(*packet(5, size=KEPT_BYTES), 0.0)
    assert recent.take(0.0) == []


class Channel:
    """As much of a data channel as is sent on."""

    def __init__(self, state: str = "open") -> None:
        self.label = RELIABLE
        self.readyState = state
        self.bufferedAmount = 0
        self.sent: list[int] = []
        self.handlers: dict[str, Callable[..., None]] = {}

    def on(self, event: str, handler: Callable[..., None]) -> None:
        self.handlers[event] = handler

    def send(self, payload: bytes) -> None:
        self.sent.append(DataPacket.FromString(payload).sequence)

    def open(self) -> None:
        self.readyState = "open"
        self.handlers["open"]()


def _adopt(channels: DataChannels, channel: Any) -> None:
    channels.adopt(cast("RTCDataChannel", channel), outgoing=True)


def test_a_new_channel_carries_what_the_old_one_may_have_lost_before_anything_new() -> None:
    channels = DataChannels(LimitSettings(), Counter(), on_packet=lambda _: None, on_overflow=lambda: None)
    first, second = Channel(), Channel("connecting")
    _adopt(channels, first)
    for sequence in (1, 2, 3):
        channels.send(*packet(sequence))
    channels.received_until({"PA_li": 1})
    first.readyState = "closed"
    channels.send(*packet(4))
    _adopt(channels, second)
    channels.send(*packet(5))
    second.open()
    channels.send(*packet(6))
    assert first.sent == [1, 2, 3]
    assert second.sent == [2, 3, 4, 5, 6]
