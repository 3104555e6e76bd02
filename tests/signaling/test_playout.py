"""When pictures are held back for repairs, and how receivers are told."""

from __future__ import annotations

from signaling.negotiation import answers
from signaling.sfu.formats import rtp
from signaling.sfu.formats.sdp import Section
from signaling.sfu.sending.playout import KEPT_SECONDS, LONGEST_SECONDS, Losses, hold_seconds, write


def test_a_lost_packet_now_and_then_is_not_worth_a_delay() -> None:
    losses = Losses()
    for second in range(60):
        losses.note(0.06 if second % 10 == 0 else 0.0, float(second))
        assert not losses.are_frequent(second)


def test_frequent_losses_are_remembered_over_a_quiet_while() -> None:
    losses = Losses()
    for second in range(95, 101):
        losses.note(0.05, float(second))
    assert losses.are_frequent(100.0)
    assert losses.are_frequent(100.0 + KEPT_SECONDS - 1)
    assert not losses.are_frequent(100.0 + KEPT_SECONDS + 1)


def test_pictures_wait_for_the_slower_repair_unless_that_takes_too_long() -> None:
    assert hold_seconds([]) == 0
    assert hold_seconds([0.001, 0.1]) == 0.25
    assert hold_seconds([0.15]) == LONGEST_SECONDS
    assert hold_seconds([LONGEST_SECONDS]) == 0


def test_a_delay_is_written_in_hundredths_of_a_second() -> None:
    assert write(0.18).hex() == "0123e8"
    assert write(0.0).hex() == "0003e8"
    assert write(1e6).hex() == "3e83e8"


def test_a_receiver_is_told_only_where_its_offer_knows_the_extension_and_of_pictures() -> None:
    for kind, expected in (("video", {6: rtp.PLAYOUT_DELAY}), ("audio", {})):
        section = Section(kind, "0")
        section.extensions = {6: rtp.PLAYOUT_DELAY, 7: "urn:of:another"}
        assert answers.accept_extensions(section, descriptor=False) == expected
