"""What streams have counted of themselves, added up for whoever asks and kept when they end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from signaling.sfu.receiving.uplink import Stream
    from signaling.sfu.sending.downlink import Downlink


def add_received(streams: Iterable[Stream], into: Counter[str]) -> None:
    """Add what clients sent."""
    for stream in streams:
        into["packets_received"] += stream.packets
        into["bytes_received"] += stream.octets


def add_sent(downlinks: Iterable[Downlink], into: Counter[str]) -> None:
    """Add what was sent to clients."""
    for downlink in downlinks:
        into["packets_sent"] += downlink.packets
        into["bytes_sent"] += downlink.octets
