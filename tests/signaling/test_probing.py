"""One burst of padding over links with and without room for it."""

from __future__ import annotations

import pytest

from signaling.sfu.link.probing import BURST_SECONDS, FITTING_SHARE, MOST_PADDING, PATIENCE_SECONDS, Probe

STEP = 0.02
SOUND_BYTES = 80
SOUND_BPS = 8 * SOUND_BYTES / STEP
TARGET_BPS = 200_000.0
BEGAN_AT = 50.0


def _measured(capacity_bps: float, *, lost_share: float = 0.0) -> float | None:
    """What a burst finds out about a link with a queue and 50 ms of delay."""
    probe = Probe(TARGET_BPS, SOUND_BPS, BEGAN_AT)
    free_at, number = 0.0, 0

    def send(octets: int, now: float) -> None:
        nonlocal free_at, number
        number += 1
        free_at = max(free_at, now) + 8 * octets / capacity_bps
        is_lost = lost_share > 0 and number % round(1 / lost_share) == 0
        probe.heard(now, None if is_lost else free_at + 0.05 - now)

    for step in range(round(BURST_SECONDS / STEP) + 2):
        now = BEGAN_AT + step * STEP
        send(SOUND_BYTES, now)
        while (due := probe.due(now)) > 0:
            octets = min(due, MOST_PADDING)
            send(octets, now)
            probe.sent(octets)
    return probe.measured_bps(now)


def test_a_link_with_room_carries_the_burst() -> None:
    assert _measured(2_000_000) == pytest.approx(TARGET_BPS, rel=0.01)


@pytest.mark.parametrize("capacity_bps", [60_000, 90_000, 120_000])
def test_a_narrow_link_is_measured_by_how_the_burst_spreads(capacity_bps: float) -> None:
    found = _measured(capacity_bps)
    assert found is not None
    assert 0.8 * capacity_bps < found < 1.15 * capacity_bps
    assert found < FITTING_SHARE * TARGET_BPS


def test_what_a_policer_drops_counts_as_not_carried() -> None:
    found = _measured(2_000_000, lost_share=0.5)
    assert found is not None
    assert found == pytest.approx(TARGET_BPS / 2, rel=0.1)


def test_padding_tops_up_what_is_sent_anyway() -> None:
    probe = Probe(TARGET_BPS, SOUND_BPS, BEGAN_AT)
    whole = probe.due(BEGAN_AT + 1)
    assert whole == pytest.approx((TARGET_BPS - SOUND_BPS) / 8 * BURST_SECONDS, abs=1)
    probe.sent(whole)
    assert probe.due(BEGAN_AT + 2) == 0
    assert Probe(TARGET_BPS, 2 * TARGET_BPS, BEGAN_AT).due(BEGAN_AT + 1) == 0


def test_a_burst_without_an_answer_found_no_room() -> None:
    probe = Probe(TARGET_BPS, SOUND_BPS, BEGAN_AT)
    assert probe.measured_bps(BEGAN_AT + BURST_SECONDS + PATIENCE_SECONDS / 2) is None
    assert probe.measured_bps(BEGAN_AT + BURST_SECONDS + PATIENCE_SECONDS + 0.1) == 0.0


def test_packets_from_before_the_burst_tell_nothing() -> None:
    probe = Probe(TARGET_BPS, SOUND_BPS, BEGAN_AT)
    probe.heard(BEGAN_AT - 0.1, 9.0)
    probe.heard(BEGAN_AT + 1, 9.0)
    assert probe.measured_bps(BEGAN_AT + 1) == 0.0
