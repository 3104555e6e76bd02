"""Which layers of several videos fit into what a link carries (pure)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Demand:
    """One video's wish: `layers` are (layer, bit/s) from the smallest, none above what was asked for.

    Of several, the one with the lowest `rank` is served first; among equals, the first.
    """

    layers: tuple[tuple[int, float], ...]
    current: int
    rank: int = 0


UPGRADE_MARGIN = 1.15
"""A layer not yet sent must fit with this to spare, or it would come and go."""


def allocate(budget_bps: float, demands: list[Demand]) -> list[int]:
    """The layer for each video, -1 for none; everyone gets the smallest before anyone gets more, each time by rank."""
    chosen = [-1] * len(demands)
    steps = max((len(demand.layers) for demand in demands), default=0)
    spent = [0.0] * len(demands)
    by_rank = sorted(enumerate(demands), key=lambda entry: entry[1].rank)
    for step in range(steps):
        for index, demand in by_rank:
            if step >= len(demand.layers) or (step and chosen[index] != demand.layers[step - 1][0]):
                continue
            layer, bitrate = demand.layers[step]
            margin = UPGRADE_MARGIN if layer > demand.current else 1.0
            if sum(spent) - spent[index] + bitrate * margin <= budget_bps:
                chosen[index] = layer
                spent[index] = bitrate
    return chosen


def rooms(budget_bps: float, smallest_bps: list[float]) -> list[float]:
    """How much each video's smallest layer may take: an equal share, or all that the others leave."""
    share = budget_bps / len(smallest_bps) if smallest_bps else 0.0
    return [max(share, budget_bps - (sum(smallest_bps) - own)) for own in smallest_bps]
