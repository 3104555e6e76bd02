"""The dependency descriptor: the layer of each packet of an SVC stream, and what a choice of layer keeps (pure).

Source: AV1 RTP payload format, appendix A. It is in clear under end-to-end encryption.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MAX_TEMPLATES = 64
MAX_SPATIAL: Final = 4
REMEMBERED: Final = 256
"""Frames whose fate is remembered, a power of two: chains reach back 255 frames at most, mostly three."""
NOT_PRESENT: Final = 0


@dataclass(frozen=True, slots=True)
class Template:
    """A kind of frame: its layer, what it is to each decode target, and how far back it refers."""

    spatial: int
    temporal: int
    indications: tuple[int, ...]
    differences: tuple[int, ...]
    chains: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Structure:
    """What a key frame says of the frames after it. `targets` are (spatial, temporal) of each decode target,
    `order` their indices from the highest, `protected_by` the chain that each depends on."""

    first_template: int
    templates: tuple[Template, ...]
    targets: tuple[tuple[int, int], ...]
    order: tuple[int, ...]
    protected_by: tuple[int, ...]
    resolutions: tuple[tuple[int, int], ...]

    def parts(self, spatial: int) -> list[int]:
        """The spatial layers that are sent for this one: all below it, or itself alone where only key frames lean."""
        index = next((i for i in self.order if self.targets[i][0] == spatial), None)
        if index is None:
            return []
        found = []
        for layer in range(spatial + 1):
            kinds = [t.indications[index] != NOT_PRESENT for t in self.templates if t.spatial == layer]
            if layer == spatial or sum(kinds) * 2 > len(kinds):
                found.append(layer)
        return found

    def costs(self, layer_bps: list[float], highest: int) -> tuple[tuple[int, float], ...]:
        """Each spatial layer up to `highest` that is being sent, with what it takes together with those it needs."""
        return tuple(
            (layer, sum(layer_bps[part] for part in self.parts(layer)))
            for layer in range(highest + 1)
            if layer_bps[layer] > 0
        )


@dataclass(frozen=True, slots=True)
class Frame:
    """One packet's descriptor; `kind` is None when the structure it refers to has not come."""

    starts: bool
    ends: bool
    number: int
    kind: Template | None = None
    structure: Structure | None = None
    begins_structure: bool = False
    active: int | None = None


class _Bits:
    """Reads bits from the left; reading beyond the end raises ValueError."""

    __slots__ = ("_left", "_value")

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self._left = 8 * len(data)

    def take(self, count: int) -> int:
        self._left -= count
        if self._left < 0:
            raise ValueError("dependency descriptor cut short")
        return self._value >> self._left & (1 << count) - 1

    def below(self, limit: int) -> int:
        """A number below `limit` in the non-symmetric code of AV1."""
        width = limit.bit_length()
        short = (1 << width) - limit
        value = self.take(width - 1)
        return value if value < short else (value << 1) - short + self.take(1)


class DependencyReader:
    """Reads the descriptors of one stream, keeping the structure that its last key frame gave.

    `since` is the number of the packet that gave it.
    """

    __slots__ = ("since", "structure")

    def __init__(self) -> None:
        self.structure: Structure | None = None
        self.since = -1

    def read(self, data: bytes, packet_number: int) -> Frame | None:
        """The descriptor of a packet with this extended number, or None when it is cut short or makes no sense."""
        try:
            return self._read(data, packet_number)
        except ValueError:
            return None

    def _read(self, data: bytes, packet_number: int) -> Frame:
        if len(data) < 3:
            raise ValueError("dependency descriptor cut short")
        first = data[0]
        number = data[1] << 8 | data[2]
        starts, ends = first & 0x80 != 0, first & 0x40 != 0
        if packet_number < self.since:
            # Of a structure before the present one, which it must not bring back.
            return Frame(starts, ends, number, None, self.structure)
        if len(data) == 3:
            return Frame(starts, ends, number, self._kind(first & 0x3F), self.structure)
        bits = _Bits(data[3:])
        flags = bits.take(5)
        active = None
        if flags & 0x10:
            structure = _read_structure(bits)
            active = (1 << len(structure.targets)) - 1
            self.structure, self.since = structure, packet_number
        if self.structure is not None and flags & 0x08:
            active = bits.take(len(self.structure.targets))
        kind = self._kind(first & 0x3F)
        if kind is not None and flags & 0x07:
            kind = _customize(bits, kind, flags)
        return Frame(starts, ends, number, kind, self.structure, flags & 0x10 != 0, active)

    def _kind(self, identifier: int) -> Template | None:
        if self.structure is None:
            return None
        index = (identifier - self.structure.first_template) & 0x3F
        return self.structure.templates[index] if index < len(self.structure.templates) else None


def _customize(bits: _Bits, kind: Template, flags: int) -> Template:
    indications, differences, chains = kind.indications, kind.differences, kind.chains
    if flags & 0x04:
        indications = tuple(bits.take(2) for _ in indications)
    if flags & 0x02:
        found: list[int] = []
        while size := bits.take(2):
            found.append(bits.take(4 * size) + 1)
        differences = tuple(found)
    if flags & 0x01:
        chains = tuple(bits.take(8) for _ in chains)
    return Template(kind.spatial, kind.temporal, indications, differences, chains)


def _read_structure(bits: _Bits) -> Structure:
    first, count = bits.take(6), bits.take(5) + 1
    layers = _read_layers(bits)
    indications = [tuple(bits.take(2) for _ in range(count)) for _ in layers]
    differences = [_read_differences(bits) for _ in layers]
    chains = bits.below(count + 1)
    protected_by: tuple[int, ...] = ()
    reaches: list[tuple[int, ...]] = [()] * len(layers)
    if chains:
        protected_by = tuple(bits.below(chains) for _ in range(count))
        reaches = [tuple(bits.take(4) for _ in range(chains)) for _ in layers]
    resolutions: tuple[tuple[int, int], ...] = ()
    if bits.take(1):
        resolutions = tuple((bits.take(16) + 1, bits.take(16) + 1) for _ in range(layers[-1][0] + 1))
    kinds = zip(layers, indications, differences, reaches, strict=True)
    templates = tuple(Template(s, t, present, back, chain) for (s, t), present, back, chain in kinds)
    targets = tuple(_target(templates, index) for index in range(count))
    order = tuple(sorted(range(count), key=targets.__getitem__, reverse=True))
    return Structure(first, templates, targets, order, protected_by, resolutions)


def _read_layers(bits: _Bits) -> list[tuple[int, int]]:
    layers = [(0, 0)]
    while (step := bits.take(2)) != 3:
        spatial, temporal = layers[-1]
        if step == 1:
            temporal += 1
        elif step == 2:
            spatial, temporal = spatial + 1, 0
        layers.append((spatial, temporal))
        if len(layers) > MAX_TEMPLATES or layers[-1][0] >= MAX_SPATIAL or layers[-1][1] > 7:
            raise ValueError("too many layers")
    return layers


def _read_differences(bits: _Bits) -> tuple[int, ...]:
    found: list[int] = []
    while bits.take(1):
        found.append(bits.take(4) + 1)
    return tuple(found)


def _target(templates: tuple[Template, ...], index: int) -> tuple[int, int]:
    kept = [t for t in templates if t.indications[index] != NOT_PRESENT]
    return max((t.spatial for t in kept), default=0), max((t.temporal for t in kept), default=0)


class LayerSelector:
    """Chooses, frame by frame, what one subscriber gets of an SVC stream.

    It steps up where the wanted layer's chain begins anew, and down where the lower layer's chain is whole; until then
    it stays, so that the picture never stops for a change of layer. Of one picture all layers are chosen alike: one
    that is cut short is never whole to its receiver, nor what builds on it.
    """

    __slots__ = ("_active", "_fates", "_intact", "_picture", "_structure", "_target", "is_settled", "spatial")

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Forget everything: the next frame is of a key picture."""
        self.spatial = -1
        self.is_settled = True
        self._structure: Structure | None = None
        self._target = -1
        self._picture = -1
        self._active = 0
        self._intact: list[bool] = []
        self._fates = [-1] * REMEMBERED

    def choose(self, frame: Frame, timestamp: int, spatial: int, temporal: int) -> bool:
        """Whether to send a packet of `frame`, wanting no layer above these. All of a frame share one fate.

        `timestamp` is RTP's, which the frames of one picture have in common.
        """
        slot = frame.number & REMEMBERED - 1
        fate = self._fates[slot]
        if fate >> 1 == frame.number:
            return fate & 1 != 0
        sent = self._decide(frame, timestamp, spatial, temporal)
        self._fates[slot] = frame.number << 1 | sent
        return sent

    def _decide(self, frame: Frame, timestamp: int, spatial: int, temporal: int) -> bool:
        structure, kind = frame.structure, frame.kind
        if structure is None or kind is None:
            return False
        if frame.begins_structure:
            self._structure = structure
            self._target = self._picture = -1
            self._intact = [False] * (max(structure.protected_by, default=-1) + 1)
        if structure is not self._structure:
            self.is_settled = False
            return False
        if frame.active is not None:
            self._active = frame.active
        for index in range(len(self._intact)):
            back = kind.chains[index]
            if not back:
                self._intact[index] = True
            elif self._was_left_out(frame.number - back):
                self._intact[index] = False
        if self._picture < 0 or 0 < (timestamp - self._picture & 0xFFFFFFFF) < 0x80000000:
            self._picture = timestamp
            self._aim(structure, spatial, temporal)
        if self._target < 0 or kind.indications[self._target] == NOT_PRESENT:
            return False
        return not any(self._was_left_out(frame.number - back) for back in kind.differences)

    def _aim(self, structure: Structure, spatial: int, temporal: int) -> None:
        best = -1
        for target in structure.order:
            layer = structure.targets[target]
            if layer[0] > spatial or layer[1] > temporal or not self._active >> target & 1:
                continue
            if best < 0:
                best = target
            if self._is_whole(structure, target):
                self._target = target
                break
        else:
            if self._target >= 0 and not self._is_whole(structure, self._target):
                self._target = -1
        self.spatial = structure.targets[self._target][0] if self._target >= 0 else -1
        self.is_settled = best < 0 or self.spatial == structure.targets[best][0]

    def _is_whole(self, structure: Structure, target: int) -> bool:
        return not structure.protected_by or self._intact[structure.protected_by[target]]

    def _was_left_out(self, number: int) -> bool:
        number &= 0xFFFF
        return self._fates[number & REMEMBERED - 1] == number << 1
