"""Who speaks and how well: from plain numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from livekit.protocol.models import ConnectionQuality

from signaling.rooms import quality
from signaling.sfu.receiving import speakers

FRAME = 960


def _heard(levels: list[int], each: int = FRAME) -> speakers.Loudness:
    """An interval of packets of so many samples; an empty level is a packet that was not sent."""
    loudness = speakers.Loudness()
    for number, level in enumerate(levels, 1):
        if level >= 0:
            loudness.hear(level, number * each)
    return loudness


@pytest.mark.parametrize("each", [FRAME, 3 * FRAME, 6 * FRAME])
def test_speech_is_told_and_silence_after_it(each: int) -> None:
    loudness = _heard([10] * (25 * FRAME // each), each)
    assert loudness.take() > 0
    for _ in range(8):
        loudness.take()
    assert loudness.take() == 0


def test_one_cough_is_no_speech() -> None:
    assert _heard([5] + [127] * 24).take() == 0


def test_one_cough_is_no_speech_where_silence_is_not_sent() -> None:
    assert _heard([-1] * 20 + [5, 5, 5] + [-1] * 2).take() == 0
    assert _heard([-1] * 14 + [5] * 11).take() > 0


def test_only_changes_are_news() -> None:
    assert speakers.changed({"a": 0.5, "b": 0.25}, {"a": 0.5, "c": 1.0}) == {"b": 0.0, "c": 1.0}


@pytest.mark.parametrize(
    ("loss", "rtt", "word"),
    [
        (0.0, 0.05, ConnectionQuality.EXCELLENT),
        (0.02, 0.1, ConnectionQuality.GOOD),
        (0.25, 0.4, ConnectionQuality.POOR),
    ],
)
def test_quality_in_words(loss: float, rtt: float, word: ConnectionQuality) -> None:
    assert quality.rate(loss, rtt)[0] == word


def test_a_link_without_room_for_pictures_is_poor_however_well_sound_goes() -> None:
    word, score = quality.rate(0.0, 0.05, is_starved=True)
    assert (word, score) == (ConnectionQuality.POOR, quality.STARVED_SCORE)
    assert quality.rate(0.9, 2.0, is_starved=True) == quality.rate(0.9, 2.0)


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 3))
def test_more_loss_is_never_better(one: float, other: float, rtt: float) -> None:
    low, high = sorted((one, other))
    assert quality.score(low, rtt) >= quality.score(high, rtt) - 1e-9
