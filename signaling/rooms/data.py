"""Data packets: over which channel, from whom, to whom."""

from __future__ import annotations

import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping

from aiortc import RTCDataChannel
from google.protobuf.message import DecodeError
from livekit.protocol.models import DataPacket

from signaling.allowance import Allowance
from signaling.config import LimitSettings
from signaling.rooms.replay import Recent

logger = logging.getLogger(__name__)

RELIABLE = "_reliable"
LOSSY = "_lossy"
MAX_WAITING_PACKETS = 256
"""Reliable packets kept for a participant whose channel is about to open."""
LOSSY_BUFFER_BYTES = 128 * 1024
"""A lossy channel that has fallen this far behind loses packets, as its name says."""


class DataChannels:
    """A participant's channels. `on_packet` gets what arrives; `on_overflow` tells of a slow reader.

    What is dropped is counted in `counts`, which outlive the participant.
    """

    def __init__(
        self,
        limits: LimitSettings,
        counts: Counter[str],
        on_packet: Callable[[DataPacket], None],
        on_overflow: Callable[[], None],
    ) -> None:
        self._counts = counts
        self._limits = limits
        self._on_packet = on_packet
        self._on_overflow = on_overflow
        self._outgoing: dict[str, RTCDataChannel] = {}
        self._waiting: deque[tuple[DataPacket, bytes]] = deque()
        self._recent = Recent()
        rate = float(limits.data_bytes_per_second)
        self._allowance = Allowance(rate, rate, rate, time.monotonic())
        self.last_sequence = 0

    def adopt(self, channel: RTCDataChannel, *, outgoing: bool) -> None:
        """Listen to a channel; with `outgoing` it is also the way back."""
        if channel.label not in (RELIABLE, LOSSY):
            return
        reliable = channel.label == RELIABLE
        channel.on("message", lambda message: self._received(message, reliable=reliable))
        if outgoing:
            if reliable and channel.label in self._outgoing:
                self._waiting.extendleft(reversed(self._recent.take(time.monotonic())))
            self._outgoing[channel.label] = channel
            channel.on("open", self._send_waiting)
            self._send_waiting()

    def _received(self, message: bytes | str, *, reliable: bool) -> None:
        data = message.encode() if isinstance(message, str) else message
        if len(data) > self._limits.data_packet_bytes or not self._allowance.take(len(data), time.monotonic()):
            self._counts["data_too_much"] += 1
            return
        try:
            packet = DataPacket.FromString(data)
        except DecodeError:
            self._counts["data_malformed"] += 1
            return
        packet.kind = DataPacket.RELIABLE if reliable else DataPacket.LOSSY
        if reliable and packet.sequence:
            if packet.sequence <= self.last_sequence:
                return
            self.last_sequence = packet.sequence
        self._on_packet(packet)

    def send(self, packet: DataPacket, payload: bytes) -> None:
        """Send on the channel of the packet's kind; reliable packets wait for it to open."""
        reliable = packet.kind == DataPacket.RELIABLE
        channel = self._outgoing.get(RELIABLE if reliable else LOSSY)
        if channel is None or channel.readyState != "open":
            if reliable and len(self._waiting) < MAX_WAITING_PACKETS:
                self._waiting.append((packet, payload))
            else:
                self._counts["data_unread"] += 1
            return
        limit = self._limits.data_buffer_bytes if reliable else LOSSY_BUFFER_BYTES
        if channel.bufferedAmount > limit:
            self._counts["data_unread"] += 1
            if reliable:
                self._on_overflow()
            return
        channel.send(payload)
        if reliable:
            self._recent.note(packet, payload, time.monotonic())

    def received_until(self, states: Mapping[str, int]) -> None:
        """What the client says arrived: the sid of a sender → its last sequence number."""
        self._recent.received(states)

    def _send_waiting(self) -> None:
        channel = self._outgoing.get(RELIABLE)
        if channel is not None and channel.readyState == "open":
            while self._waiting:
                packet, payload = self._waiting.popleft()
                channel.send(payload)
                self._recent.note(packet, payload, time.monotonic())
