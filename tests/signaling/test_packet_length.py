"""How much sound a packet should carry, and how the answer says it."""

from __future__ import annotations

import pytest

from signaling import packet_length
from signaling.config import Settings
from signaling.packet_length import ATTRIBUTE
from signaling.sfu import sdp
from signaling.sfu.sdp import Codec, Description, Section


@pytest.mark.parametrize(
    ("setting", "asked", "wanted"),
    [
        (0, [], 0),
        (0, ["60"], 60),
        (0, ["40", "60", "20"], 60),
        (60, ["20"], 60),
        (20, ["40"], 40),
        (0, ["7", "", "x"], 0),
    ],
)
def test_the_longest_wish_counts_and_nonsense_does_not(setting: int, asked: list[str], wanted: int) -> None:
    assert packet_length.wanted_ms(setting, ({ATTRIBUTE: value} for value in asked)) == wanted


def test_a_section_says_the_length_only_when_there_is_one() -> None:
    opus = Codec(111, "opus", 48000, 2)
    sections = [Section("audio", "0", codecs=[opus], ptime_ms=60), Section("audio", "1", codecs=[opus])]
    written = sdp.write(Description(sections, "uf", "pw", [("sha-256", "CC")], "passive"))
    long, silent = sdp.parse(written).sections
    assert (long.ptime_ms, silent.ptime_ms) == (60, 0)
    assert written.count("a=ptime:60\r\na=maxptime:60\r\n") == 1


def test_a_length_that_opus_lacks_is_no_setting() -> None:
    with pytest.raises(ValueError, match="audio_ptime_ms"):
        Settings.model_validate({"keys": {"k": "s"}, "room": {"audio_ptime_ms": 50}})
