"""Dependency descriptors as Chromium writes them for VP9 in L3T3_KEY, and the choice of layers by them.

A peer needs a running loop, hence the async tests.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signaling.sfu.endpoint import Endpoint
from signaling.sfu.formats import rtp
from signaling.sfu.formats.dependency import DependencyReader, Frame, LayerSelector
from signaling.sfu.formats.sdp import Codec
from signaling.sfu.receiving.uplink import MAX_EARLY, Uplink
from signaling.sfu.sending.downlink import Downlink
from tests.signaling.media_client import new_peer

VP9 = Codec(98, "VP9", 90000)
PICTURE = b"picture"
TRAILER = bytes.fromhex("0102f84c4b5453")
ENDS = 0x40

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
    found = [reader.read(data, number) for number, data in enumerate((KEY, *map(bytes.fromhex, REST)))]
    return [frame for frame in found if frame is not None]


def _sent(selector: LayerSelector, frames: list[Frame], spatial: int, temporal: int = 7) -> list[int]:
    return [frame.number for frame in frames if selector.choose(frame, _picture(frame), spatial, temporal)]


def _picture(frame: Frame) -> int:
    """Which picture a frame is of, by which it has its timestamp: here each has three frames."""
    return (frame.number - 1) // 3


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


@pytest.mark.parametrize(("before", "after"), [(2, 0), (2, 1), (0, 2)])
def test_a_picture_that_has_begun_is_sent_as_it_was_chosen(before: int, after: int) -> None:
    frames, selector = _frames(), LayerSelector()
    begun = [frame for frame in frames if _picture(frame) == 0]
    whole = _sent(LayerSelector(), begun, before)
    assert _sent(selector, begun[:1], before) + _sent(selector, begun[1:], after) == whole


def test_a_packet_of_an_unknown_structure_is_left_out() -> None:
    frame = DependencyReader().read(bytes.fromhex(REST[0]), 0)
    assert frame is not None
    assert frame.kind is None
    assert not LayerSelector().choose(frame, 0, 2, 7)


@pytest.mark.parametrize("length", range(len(KEY)))
def test_a_descriptor_cut_short_is_no_descriptor(length: int) -> None:
    found = DependencyReader().read(KEY[:length], 0)
    assert found is None or found.kind is None


@given(st.lists(st.binary(max_size=40), max_size=20))
def test_any_bytes_can_be_read_and_chosen_by(descriptors: list[bytes]) -> None:
    reader, selector = DependencyReader(), LayerSelector()
    for data in (KEY, *descriptors):
        frame = reader.read(data, 0)
        if frame is not None:
            selector.choose(frame, 0, 1, 1)


def _renumbered(descriptor: bytes, frames: int, kinds: int) -> bytes:
    """The same of a later key picture: frame numbers and, as libwebrtc does, the names of kinds go on."""
    first = descriptor[0] & 0xC0 | ((descriptor[0] & 0x3F) + kinds & 0x3F)
    head = bytes((first,)) + (int.from_bytes(descriptor[1:3], "big") + frames & 0xFFFF).to_bytes(2, "big")
    if len(descriptor) == 3:
        return head
    # Behind five flags stands the first kind's name.
    at = 8 * len(descriptor[3:]) - 11
    rest = int.from_bytes(descriptor[3:], "big")
    name = (rest >> at) + kinds & 0x3F
    return head + (rest & ~(0x3F << at) | name << at).to_bytes(len(descriptor) - 3, "big")


def _pictures(frames: int = 0, kinds: int = 0) -> list[bytes]:
    return [_renumbered(descriptor, frames, kinds) for descriptor in (KEY, *map(bytes.fromhex, REST))]


def _in_two(descriptor: bytes) -> list[bytes]:
    """The key frame in two packets: one that starts it, and one that ends it."""
    return [bytes((descriptor[0] & 0xBF,)) + descriptor[1:], bytes((descriptor[0] & 0x7F,)) + descriptor[1:3]]


class _Watching:
    """A publisher of layers in one stream, and one who gets the highest."""

    def __init__(self) -> None:
        endpoint = Endpoint(["127.0.0.1"], 0, -1)
        extensions = {rtp.DEPENDENCY_DESCRIPTOR: 5}
        self.uplink = Uplink(new_peer(endpoint), "0", "video", VP9, {98: VP9}, extensions)
        self.stream = self.uplink.add_stream(9, "", 0)
        self.downlink = Downlink(new_peer(endpoint), self.uplink, ssrc=5, rtx_ssrc=6)
        self.uplink.downlinks.append(self.downlink)
        assert self.downlink.bind([VP9], extensions)
        self.downlink.release(100.0)

    def receive(self, number: int, descriptor: bytes, payload: bytes = PICTURE) -> None:
        head = rtp.header(
            marker=False, payload_type=98, sequence=number, timestamp=0, ssrc=9, extensions=((5, descriptor),)
        )
        self.uplink.receive(self.stream, rtp.parse(head + payload), 100.0)


async def test_a_key_frames_first_packet_that_comes_late_costs_nothing() -> None:
    first, second = _in_two(_pictures(100, 20)[0])
    stream = [*_pictures(), first, second, *_pictures(100, 20)[1:]]
    watching, whole = _Watching(), _Watching()
    order = list(range(len(stream)))
    at = stream.index(first)
    late = [*order[:at], *order[at + 1 : at + 4], at, *order[at + 4 :]]
    for number in order:
        whole.receive(number, stream[number])
    for number in late:
        watching.receive(number, stream[number])
    assert whole.downlink.packets > len(stream) // 2
    assert watching.downlink.packets == whole.downlink.packets
    assert not watching.stream.early


async def test_an_older_key_frames_packet_brings_no_older_structure_back() -> None:
    stream = [*_pictures(), *_pictures(100, 20)]
    watching, without = _Watching(), _Watching()
    second = len(stream) // 2
    for number in range(second - 10, len(stream)):
        # Somebody who begins to watch in between gets this key frame first.
        without.receive(number, stream[number])
    for number in [*range(1, second + 5), 0, *range(second + 5, len(stream))]:
        watching.receive(number, stream[number])
    assert without.downlink.packets > len(REST) // 2
    assert watching.downlink.packets == without.downlink.packets


async def test_a_packet_trailer_is_taken_off_the_lower_layers_of_a_picture_too() -> None:
    watching = _Watching()
    watching.downlink.strips_trailers = True
    for number, descriptor in enumerate(_pictures()):
        watching.receive(number, descriptor, PICTURE + (TRAILER if descriptor[0] & ENDS else b""))
    assert watching.downlink.packets > len(REST) // 2
    assert watching.downlink.octets == watching.downlink.packets * len(PICTURE)


async def test_what_nothing_ever_explains_is_not_kept() -> None:
    watching = _Watching()
    for number in range(3 * MAX_EARLY):
        watching.receive(number, _renumbered(bytes.fromhex(REST[0]), number, 0))
        assert len(watching.stream.early) < MAX_EARLY
    assert not watching.downlink.packets
