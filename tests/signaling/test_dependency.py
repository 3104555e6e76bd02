"""Dependency descriptors as Chromium writes them for VP9 in L3T3_KEY, and the choice of layers by them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signaling.sfu.formats.dependency import DependencyReader, Frame, LayerSelector

KEY = bytes.fromhex(
    "c0000180081485214eaaaaa8000600004000100002aa80a8000600004000100002a000a800060000400016d549241b552490"
    "6d54923157e001974ca864330e222396eca8655304224390eca87753013f00b3027f016704ff02cf"
)
REST_TEXT = (
    "850002 450002 8a0003 0a0003 4a0003 c30004 c80005 8d0006 4d0006 c20007 c70008 8c0009 4c0009 c4000a c9000b "
    "ce000c c1000d 86000e 46000e 8b000f 0b000f 0b000f 0b000f 0b000f 0b000f 4b000f c30010 c80011 cd0012 "
)
REST = REST_TEXT.split()


def _frames() -> list[Frame]:
    reader = DependencyReader()
    found = [reader.read(data) for data in (KEY, *map(bytes.fromhex, REST))]
    return [frame for frame in found if frame is not None]


def _sent(selector: LayerSelector, frames: list[Frame], spatial: int, temporal: int = 7) -> list[int]:
    return [frame.number for frame in frames if selector.choose(frame, spatial, temporal)]


def test_a_key_frame_tells_layers_sizes_and_targets() -> None:
    structure = _frames()[0].structure
    assert structure is not None
    assert structure.resolutions == ((320, 180), (640, 360), (1280, 720))
    assert structure.targets == tuple((s, t) for s in range(3) for t in range(3))
    assert structure.protected_by == (0, 0, 0, 1, 1, 1, 2, 2, 2)
    assert [structure.parts(layer) for layer in range(3)] == [[0], [1], [2]]


def test_every_packet_after_it_belongs_to_a_layer() -> None:
    frames = _frames()
    assert len(frames) == len(REST) + 1
    assert all(frame.kind is not None for frame in frames)


def test_the_lowest_layer_alone_is_every_third_frame() -> None:
    sent = _sent(LayerSelector(), _frames(), 0)
    first = _frames()[0].number
    assert sent
    assert all((number - first) % 3 == 0 for number in sent)


def test_a_layer_that_leans_on_others_in_key_frames_only_comes_without_them() -> None:
    frames = _frames()
    sent = set(_sent(LayerSelector(), frames, 2))
    spatial = {frame.number: frame.kind.spatial for frame in frames if frame.kind is not None}
    first = frames[0].number
    assert [spatial[number] for number in sorted(sent) if number < first + 3] == [0, 1, 2]
    assert {spatial[number] for number in sent if number >= first + 3} == {2}


def test_fewer_temporal_layers_leave_frames_out_and_nothing_that_leans_on_them_is_sent() -> None:
    frames = _frames()
    assert set(_sent(LayerSelector(), frames, 0, 0)) < set(_sent(LayerSelector(), frames, 0))


def test_a_higher_layer_waits_for_a_key_frame_while_the_lower_goes_on() -> None:
    frames = _frames()
    selector = LayerSelector()
    half = len(frames) // 2
    _sent(selector, frames[:half], 0)
    assert selector.is_settled
    later = _sent(selector, frames[half:], 2)
    assert selector.spatial == 0
    assert not selector.is_settled
    assert all((number - frames[0].number) % 3 == 0 for number in later)


def test_a_packet_of_an_unknown_structure_is_left_out() -> None:
    frame = DependencyReader().read(bytes.fromhex(REST[0]))
    assert frame is not None
    assert frame.kind is None
    assert not LayerSelector().choose(frame, 2, 7)


@pytest.mark.parametrize("length", range(len(KEY)))
def test_a_descriptor_cut_short_is_no_descriptor(length: int) -> None:
    found = DependencyReader().read(KEY[:length])
    assert found is None or found.kind is None


@given(st.lists(st.binary(max_size=40), max_size=20))
def test_any_bytes_can_be_read_and_chosen_by(descriptors: list[bytes]) -> None:
    reader, selector = DependencyReader(), LayerSelector()
    for data in (KEY, *descriptors):
        frame = reader.read(data)
        if frame is not None:
            selector.choose(frame, 1, 1)
