"""Which layers of several videos fit into what a link carries (pure)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from signaling.sfu.sending.temporal import HIGHEST_TEMPORAL

Choice = tuple[int, int]
"""A layer, -1 for none, and the highest of its temporal layers."""
NOTHING: Final = (-1, HIGHEST_TEMPORAL)


@dataclass(frozen=True, slots=True)
class Demand:
    """One video's wish: `layers` are (layer, bit/s) from the smallest, none above what was asked for.

    `thinned` are the bit/s of the smallest with ever more of its temporal layers, but not with all. `current` is what
    is sent now. Of several videos, the one with the lowest `rank` is served first; among equals, the first.
    """

    layers: tuple[tuple[int, float], ...]
    current: Choice
    rank: int = 0
    thinned: tuple[float, ...] = ()

    def choices(self) -> list[tuple[Choice, float]]:
        """All that could be sent with its bit/s, from the least."""
        smallest = self.layers[0][0]
        found: list[tuple[Choice, float]] = [((smallest, top), bps) for top, bps in enumerate(self.thinned)]
        return found + [((layer, HIGHEST_TEMPORAL), bps) for layer, bps in self.layers]


UPGRADE_MARGIN: Final = 1.15
"""A layer not yet sent must fit with this to spare, or it would come and go."""


def allocate(budget_bps: float, demands: list[Demand]) -> list[Choice]:
    """What each video is sent; everyone gets the least before anyone gets more, each time by rank."""
    choices = [demand.choices() for demand in demands]
    chosen = [-1] * len(demands)
    spent = [0.0] * len(demands)
    by_rank = sorted(range(len(demands)), key=lambda index: demands[index].rank)
    for step in range(max(map(len, choices), default=0)):
        for index in by_rank:
            if step >= len(choices[index]) or chosen[index] != step - 1:
                continue
            choice, bitrate = choices[index][step]
            margin = UPGRADE_MARGIN if choice > demands[index].current else 1.0
            if sum(spent) - spent[index] + bitrate * margin <= budget_bps:
                chosen[index] = step
                spent[index] = bitrate
    return [found[step][0] if step >= 0 else NOTHING for found, step in zip(choices, chosen, strict=True)]


def rooms(budget_bps: float, smallest_bps: list[float]) -> list[float]:
    """How much each video's smallest layer may take: an equal share, or all that the others leave."""
    share = budget_bps / len(smallest_bps) if smallest_bps else 0.0
    return [max(share, budget_bps - (sum(smallest_bps) - own)) for own in smallest_bps]
