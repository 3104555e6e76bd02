"""What a publisher is asked not to exceed: nobody who watches could get more, or its own link cannot carry it.

A forwarding unit cannot make a picture smaller, but the camera's encoder can. Where even the smallest layer is too much
for the link of everyone who wants it, its publisher is told, as it would learn itself were no server between them.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Final

from signaling.sfu.link.bandwidth import NO_LIMIT
from signaling.sfu.link.probing import HEADER_OCTETS

if TYPE_CHECKING:
    from signaling.sfu.receiving.uplink import Uplink

MARGIN: Final = 1.2
"""An encoder overshoots, and a picture left out must fit with something to spare before it is sent again."""
LEAST_BPS: Final = 40_000.0
"""A browser makes no picture of less; one that still does not fit is left out, but soon tried again."""
RELEASE: Final = 1.25
"""Room for so much more than the layer once took: no ceiling is needed."""
RISE_PER_SECOND: Final = 0.5
"""For a link of which no limit is known, as of everyone who has just come: it may be as narrow as the one before."""
SOUND_SHARE: Final = 0.5
"""A browser divides the figure between pictures and the bare rate of its sound codec; with RED that is sent twice."""
SOUND_SECONDS: Final = 1.0
REPEAT_SECONDS: Final = 1.0
FINAL_REPEATS: Final = 3
"""A report can be lost, and the last one lifts the ceiling."""
CHANGE: Final = 0.1
"""A ceiling that moves by less than this share can wait for the next repetition."""
LIFTED_BPS: Final = 1_000_000_000


def bound(uplink: Uplink, now: float) -> float:
    """What the pictures of one track may take; no limit unless all who watch lack room for their smallest layer."""
    watching = [downlink for downlink in uplink.downlinks if downlink.is_watched]
    best = max(watching, key=lambda downlink: downlink.room_bps, default=None)
    if best is not None and best.room_bps == NO_LIMIT:
        _rise(uplink, now)
        return uplink.ceiling_bps
    uplink.rising_at = 0.0
    demand = best.demand() if best is not None else None
    if best is None or demand is None:
        return uplink.ceiling_bps
    if not uplink.full_bps and best.room_bps < demand.layers[0][1]:
        uplink.full_bps = demand.layers[0][1]
    elif best.room_bps >= RELEASE * uplink.full_bps:
        uplink.full_bps = 0.0
    uplink.ceiling_bps = max(LEAST_BPS, best.room_bps / MARGIN) if uplink.full_bps else NO_LIMIT
    return uplink.ceiling_bps


def _rise(uplink: Uplink, now: float) -> None:
    if uplink.rising_at:
        uplink.ceiling_bps *= 1 + RISE_PER_SECOND * min(1.0, now - uplink.rising_at)
    uplink.rising_at = now
    if uplink.ceiling_bps >= RELEASE * uplink.full_bps:
        uplink.full_bps, uplink.ceiling_bps = 0.0, NO_LIMIT


class Ceiling:
    """The ceiling over everything that one peer publishes."""

    def __init__(self) -> None:
        self._told = NO_LIMIT
        self._told_at = 0.0
        self._lifts_left = 0
        self._sound = (0.0, 0, 0)
        self._sound_bps = 0.0

    def due(self, uplinks: Collection[Uplink], uplink_bps: float, now: float) -> int:
        """The figure to be told now, in bit/s, 0 for none; to be called a few times a second.

        `uplink_bps` is what the publisher's own link was seen to carry.
        """
        pictures = sum(bound(uplink, now) for uplink in uplinks if uplink.kind == "video" and not uplink.muted)
        self._measure_sound(uplinks, now)
        figure = min(pictures + self._sound_bps, max(LEAST_BPS, uplink_bps))
        if figure == NO_LIMIT or not pictures:
            if self._told != NO_LIMIT:
                self._told, self._lifts_left = NO_LIMIT, FINAL_REPEATS
            elif not self._lifts_left or now < self._told_at + REPEAT_SECONDS:
                return 0
            self._lifts_left -= 1
            self._told_at = now
            return LIFTED_BPS
        if abs(figure - self._told) <= CHANGE * figure and now < self._told_at + REPEAT_SECONDS:
            return 0
        self._told, self._told_at = figure, now
        return round(figure)

    def _measure_sound(self, uplinks: Collection[Uplink], now: float) -> None:
        at, packets_before, octets_before = self._sound
        if now < at + SOUND_SECONDS:
            return
        streams = [stream for uplink in uplinks if uplink.kind == "audio" for stream in uplink.streams]
        packets, octets = sum(stream.packets for stream in streams), sum(stream.octets for stream in streams)
        payload = octets - octets_before - HEADER_OCTETS * (packets - packets_before)
        self._sound_bps = max(0.0, SOUND_SHARE * 8 * payload / (now - at))
        self._sound = (now, packets, octets)
