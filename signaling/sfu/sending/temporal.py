"""Fewer pictures a second for who asks for fewer, or whose link has no room for all, by temporal layers (pure)."""

from __future__ import annotations

from collections import deque
from typing import Final

from signaling.sfu.formats.codecs import Vp8Descriptor

HIGHEST_TEMPORAL: Final = 7
LAYERS: Final = HIGHEST_TEMPORAL + 1
WINDOW_SECONDS: Final = 2.0
ENOUGH_SHARE: Final = 0.9
"""A layer that comes this near to the rate asked for is enough; a camera is never exact."""
REMEMBERED: Final = 128
"""Pictures left out of which late packets may still come."""


class FrameRates:
    """How many pictures a second each temporal layer of one stream has, with those below it."""

    __slots__ = ("_began_at", "_counts", "_rates")

    def __init__(self) -> None:
        self._counts = [0] * LAYERS
        self._rates: list[float] = []
        self._began_at = 0.0

    def note(self, layer: int, now: float) -> None:
        """Count a picture of this layer."""
        elapsed = now - self._began_at
        if elapsed >= WINDOW_SECONDS:
            # After a pause, what was counted before it tells nothing.
            is_fresh = elapsed < 2 * WINDOW_SECONDS
            self._rates = [sum(self._counts[: top + 1]) / elapsed for top in range(LAYERS)] if is_fresh else []
            self._counts = [0] * LAYERS
            self._began_at = now
        self._counts[layer] += 1

    def layer_for(self, fps: int) -> int:
        """The lowest layer that has so many pictures a second; the highest when none has, or 0 is asked for."""
        if fps:
            for layer, rate in enumerate(self._rates):
                if rate >= ENOUGH_SHARE * fps:
                    return layer
        return HIGHEST_TEMPORAL


def thinned(total: int, octets: list[int]) -> list[int]:
    """What is left of so many octets without the highest temporal layers, from without all to without the last.

    `octets` are those of the pictures of each layer. What belongs to none cannot be left out, and so always counts.
    """
    highest = max((layer for layer, size in enumerate(octets) if size), default=0)
    return [total - sum(octets[top + 1 :]) for top in range(highest)]


class Vp8Selector:
    """Chooses among the temporal layers of VP8, picture by picture; all packets of a picture share one fate.

    It steps down at any picture, and up by one layer at a picture of it that needs nothing but the lowest layer
    (RFC 7741 §4.2, the Y bit), or all the way at a key frame.
    """

    __slots__ = ("_layer", "_left_out", "_newest", "_number_left_out")

    def __init__(self) -> None:
        self._layer = HIGHEST_TEMPORAL
        self._left_out: deque[int] = deque(maxlen=REMEMBERED)
        self.restart()

    def restart(self) -> None:
        """Go on with another stream."""
        self._newest = -1
        self._number_left_out = 0
        self._left_out.clear()

    def choose(self, descriptor: Vp8Descriptor, wanted: int, *, is_key: bool) -> int:
        """How many pictures were left out before that of a packet, by which its number is less; -1 to leave it out."""
        layer = descriptor.temporal_layer
        if layer < 0 or descriptor.picture_id < 0:
            return 0
        number = self._extend(descriptor.picture_id)
        if number > self._newest:
            # What comes first may come late, after others that were sent and counted on: it goes out as well.
            if is_key or (wanted < self._layer and self._newest >= 0):
                self._layer = wanted
            elif layer == self._layer + 1 and layer <= wanted and descriptor.layer_sync:
                self._layer = layer
            self._newest = number
            if layer > self._layer:
                self._left_out.append(number)
                self._number_left_out += 1
        before = self._number_left_out
        for left_out in reversed(self._left_out):
            if left_out < number:
                break
            if left_out == number:
                return -1
            before -= 1
        return before

    def _extend(self, picture_id: int) -> int:
        if self._newest < 0:
            return picture_id + 0x8000
        ahead = picture_id - self._newest & 0x7FFF
        return self._newest + (ahead if ahead < 0x4000 else ahead - 0x8000)
