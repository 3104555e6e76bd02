"""How the streams of one peer share its link: who is sent which layer, who yields, and when more is tried."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from signaling.sfu.link.allocation import UPGRADE_MARGIN, Choice, Demand, allocate, rooms
from signaling.sfu.link.bandwidth import NO_LIMIT, LinkEstimate
from signaling.sfu.link.probing import HEADER_OCTETS, MOST_PADDING
from signaling.sfu.receiving.ceiling import RELEASE
from signaling.sfu.sending.downlink import HIGHEST_LAYER
from signaling.sfu.sending.temporal import HIGHEST_TEMPORAL

if TYPE_CHECKING:
    from signaling.sfu.sending.downlink import Downlink


SOUND_SECONDS: Final = 1.0
NARROW_BPS: Final = 140_000
NARROW_SECONDS: Final = 5.0
"""A link that has carried no more than this for so long: the headers of 20 ms of sound take a fifth of it.

An EDGE link of 120 kbit/s is found to carry anything from 50 to 120.
"""
WIDE_BPS: Final = 200_000
WIDE_SECONDS: Final = 10.0
"""A narrow link that has carried more than this for so long is narrow no more."""
BEARABLE: Final = 1.5
SHRINK_SECONDS: Final = 2.0
"""How much too large pictures may be, and for how long, until a publisher that was told has made them smaller."""


class SharedLink:
    """The way to one subscriber; `on_yield` is told whose pictures begin or end to be left out."""

    def __init__(self, downlinks: dict[int, Downlink], on_yield: Callable[[Downlink], None]) -> None:
        self.estimate = LinkEstimate()
        self.forced_limit_bps: float | None = None
        self.is_narrow = False
        self._changed_at = 0.0
        self._sound = (0.0, 0)
        self._sound_bps = 0.0
        self._downlinks = downlinks
        self._on_yield = on_yield

    def forget_width(self) -> None:
        """Another path may be wider."""
        self.is_narrow, self._changed_at = False, 0.0

    def share(self, now: float) -> None:
        """Give sound what it needs, and each video the largest layer that fits into the rest."""
        self._measure_sound(now)
        limit = self.estimate.limit_bps if self.forced_limit_bps is None else self.forced_limit_bps
        self._judge_width(limit, now)
        if limit is None:
            for downlink in self._downlinks.values():
                downlink.room_bps = NO_LIMIT
                is_limited = downlink.limit_layer < HIGHEST_LAYER or downlink.limit_temporal < HIGHEST_TEMPORAL
                if is_limited and downlink.demand() is not None:
                    self._limit(downlink, (HIGHEST_LAYER, HIGHEST_TEMPORAL))
            return
        wishes = [(downlink, downlink.demand()) for downlink in self._downlinks.values()]
        videos = [(downlink, demand) for downlink, demand in wishes if demand is not None]
        sound = self._sound_bps
        choices = allocate(limit - sound, [demand for _, demand in videos])
        most = sum(demand.layers[-1][1] for _, demand in videos)
        full = sum(RELEASE * downlink.uplink.full_bps for downlink, _ in videos)
        wanted = [(demand.layers[-1][0], HIGHEST_TEMPORAL) for _, demand in videos]
        is_yielding = any(choice < wish for choice, wish in zip(choices, wanted, strict=True))
        if is_yielding or full:
            # Who was told to make its pictures smaller sends no larger ones until there is room for them.
            goal = most if is_yielding else max(most, full)
            self.estimate.try_more(sound + UPGRADE_MARGIN * goal, now, possible=self._padded() is not None)
        elif not videos:
            # Sound alone seldom tests a limit, and nothing else will.
            self.estimate.try_more(0.0, now, possible=False)
        left = rooms(limit - sound, [demand.layers[0][1] for _, demand in videos])
        for (downlink, demand), choice, room in zip(videos, choices, left, strict=True):
            downlink.room_bps = room
            if choice[0] >= 0:
                downlink.fitted_at = now
            if choice[0] >= 0 or not self._is_shrinking(downlink, demand, now):
                self._limit(downlink, choice)

    def _judge_width(self, limit: float | None, now: float) -> None:
        seems_narrow = limit is not None and limit <= (WIDE_BPS if self.is_narrow else NARROW_BPS)
        if seems_narrow == self.is_narrow or not self._changed_at:
            self._changed_at = now
        if now - self._changed_at > (WIDE_SECONDS if self.is_narrow else NARROW_SECONDS):
            self.is_narrow, self._changed_at = seems_narrow, now

    def _measure_sound(self, now: float) -> None:
        at, octets_before = self._sound
        if now < at + SOUND_SECONDS:
            return
        sounds = [downlink for downlink in self._downlinks.values() if downlink.uplink.kind == "audio"]
        octets = sum(downlink.octets + HEADER_OCTETS * downlink.packets for downlink in sounds)
        self._sound_bps = max(0.0, 8 * (octets - octets_before) / (now - at)) if at else 0.0
        self._sound = (now, octets)

    def _is_shrinking(self, downlink: Downlink, demand: Demand, now: float) -> bool:
        """Whether the smallest layer, which is a little too large, will soon fit, because its publisher knows."""
        layer, bps = demand.layers[0]
        if demand.current[0] != layer or downlink.uplink.ceiling_bps == NO_LIMIT or bps > BEARABLE * downlink.room_bps:
            return False
        return now < downlink.fitted_at + SHRINK_SECONDS

    def _limit(self, downlink: Downlink, choice: Choice) -> None:
        if downlink.set_limit(*choice):
            self._on_yield(downlink)

    def _padded(self) -> Downlink | None:
        """A stream that can carry padding."""
        return next((d for d in self._downlinks.values() if d.is_bound and d.is_repaired), None)

    def probe(self, now: float) -> bool:
        """Send the padding that is due while more is tried; returns whether it is."""
        probe = self.estimate.probe
        if probe is None:
            return False
        downlink = self._padded()
        while downlink is not None and (due := probe.due(now)) > 0:
            octets = min(due, MOST_PADDING)
            downlink.pad(octets)
            probe.sent(octets + HEADER_OCTETS)
        self.estimate.judge_probe(now)
        return self.estimate.probe is not None
