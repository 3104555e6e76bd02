"""Fewer pictures a second: what is left out, and how the rest is numbered."""

from __future__ import annotations

import pytest

from signaling.sfu.formats.codecs import Vp8Descriptor, parse_vp8
from signaling.sfu.sending.temporal import HIGHEST_TEMPORAL, LAYERS, WINDOW_SECONDS, FrameRates, Vp8Selector, thinned

PATTERN = ((0, False), (2, True), (1, True), (2, False))
"""What libvpx makes of three temporal layers: layer, and whether it needs the lowest alone."""
FPS = 30.0


def _picture(number: int) -> Vp8Descriptor:
    layer, is_sync = PATTERN[number % 4]
    picture = number & 0x7FFF
    found = parse_vp8(
        bytes((0x90, 0xE0, 0x80 | picture >> 8, picture & 0xFF, 7, layer << 6 | (0x20 if is_sync else 0), 0)), 0, 7
    )
    assert found is not None
    return found


def _rates() -> FrameRates:
    rates = FrameRates()
    for number in range(200):
        rates.note(PATTERN[number % 4][0], number / FPS)
    return rates


@pytest.mark.parametrize(("fps", "layer"), [(5, 0), (8, 0), (10, 1), (15, 1), (20, 2), (30, 2), (60, HIGHEST_TEMPORAL)])
def test_the_lowest_layer_with_enough_pictures_is_chosen(fps: int, layer: int) -> None:
    assert _rates().layer_for(fps) == layer


def test_what_belongs_to_no_layer_is_never_counted_as_left_out() -> None:
    assert thinned(1000, [400, 200, 400]) == [400, 600]
    assert thinned(1500, [400, 200, 400]) == [900, 1100]
    assert thinned(1000, [0, 0, 100]) == [900, 900]
    assert thinned(1000, [1000]) == thinned(1000, [0] * LAYERS) == []


def test_without_a_wish_or_a_measurement_everything_is_sent() -> None:
    assert _rates().layer_for(0) == HIGHEST_TEMPORAL
    assert FrameRates().layer_for(5) == HIGHEST_TEMPORAL


def test_what_was_counted_before_a_pause_is_forgotten() -> None:
    rates = _rates()
    rates.note(0, 200 / FPS + 3 * WINDOW_SECONDS)
    assert rates.layer_for(5) == HIGHEST_TEMPORAL


@pytest.mark.parametrize("first", [0, 0x7FF0])
@pytest.mark.parametrize("wanted", [0, 1, 2])
def test_what_is_left_is_numbered_without_a_gap(first: int, wanted: int) -> None:
    selector = Vp8Selector()
    sent = []
    for number in range(first, first + 64):
        left_out = selector.choose(_picture(number), wanted, is_key=number == first)
        assert (left_out >= 0) == (PATTERN[number % 4][0] <= wanted)
        if left_out >= 0:
            sent.append(number - left_out)
            # The other packets of the same picture.
            assert selector.choose(_picture(number), wanted, is_key=False) == left_out
    assert sent == list(range(sent[0], sent[0] + len(sent)))


def test_a_late_packet_shares_the_fate_and_the_number_of_its_picture() -> None:
    selector = Vp8Selector()
    fates = [selector.choose(_picture(number), 1, is_key=number == 0) for number in range(12)]
    assert [selector.choose(_picture(number), 1, is_key=False) for number in range(12)] == fates


def test_a_late_packet_that_comes_first_changes_no_number_of_those_sent_before() -> None:
    selector = Vp8Selector()
    # Up to 8 all were sent, before fewer were wanted.
    late, following = 3, (9, 10)
    assert selector.choose(_picture(late), 1, is_key=False) == 0
    assert [selector.choose(_picture(number), 1, is_key=False) for number in following] == [-1, 1]


def test_it_steps_down_at_once_and_up_where_nothing_left_out_is_needed() -> None:
    selector = Vp8Selector()
    chosen = {}
    for number in range(24):
        wanted = 0 if 4 <= number < 12 else 2
        chosen[number] = selector.choose(_picture(number), wanted, is_key=number == 0) >= 0
    assert all(chosen[number] for number in range(4))
    assert [number for number in range(4, 12) if chosen[number]] == [4, 8]
    # At 13 the second layer could begin, but not what builds on the first, which begins at 14.
    assert [number for number in range(12, 24) if not chosen[number]] == [13, 15]


def test_a_key_frame_brings_all_at_once() -> None:
    selector = Vp8Selector()
    assert selector.choose(_picture(0), 0, is_key=True) == 0
    assert selector.choose(_picture(1), 0, is_key=False) == -1
    assert selector.choose(_picture(4), 2, is_key=True) >= 0
    assert selector.choose(_picture(5), 2, is_key=False) >= 0


def test_streams_without_layers_are_left_alone() -> None:
    selector = Vp8Selector()
    bare = parse_vp8(b"\x90\x80\x81\x00\x00", 0, 5)
    assert bare is not None
    assert selector.choose(bare, 0, is_key=False) == 0
