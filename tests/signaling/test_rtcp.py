"""RTCP read and written, transport-wide feedback included."""

from __future__ import annotations

import pytest
from aiortc.rtp import unpack_remb_fci
from hypothesis import given
from hypothesis import strategies as st

from signaling.sfu.formats import rtcp, twcc


def test_reports_are_read_back() -> None:
    sent = rtcp.SenderReport(1, 2**63 + 5, 90000, 10, 1000)
    block = rtcp.ReceptionReport(9, 25, -3, 70000, 12, 99, 65536)
    data = rtcp.sender_report(sent) + rtcp.source_description(1, "sfu") + rtcp.receiver_report(1, [block])
    assert rtcp.parse(data) == [sent, block]


def test_a_nack_names_each_lost_packet_once() -> None:
    lost = [65534, 65535, 3, 17, 100]
    (found,) = rtcp.parse(rtcp.nack(1, 2, lost))
    assert isinstance(found, rtcp.Nack)
    assert found.media_ssrc == 2
    assert found.sequences == lost


def test_key_frame_requests_are_recognised() -> None:
    assert rtcp.parse(rtcp.pli(1, 2)) == [rtcp.KeyFrameRequest(2)]


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        rtcp.parse(data)
    except ValueError:
        return


@pytest.mark.parametrize("bps", [0, 40_000, 262_143, 262_144, 1_000_000_000])
def test_an_estimate_is_read_by_aiortc_as_it_was_meant(bps: int) -> None:
    packet = rtcp.receiver_estimate(7, bps, [8, 9])
    assert packet[:2] == bytes((0x80 | rtcp.APPLICATION_FORMAT, rtcp.PAYLOAD_FEEDBACK))
    assert len(packet) == 4 * (1 + int.from_bytes(packet[2:4], "big"))
    found, ssrcs = unpack_remb_fci(packet[12:])
    assert ssrcs == [8, 9]
    assert bps - bps / 2**17 <= found <= bps


def _seen(body: bytes) -> dict[int, float]:
    first, arrivals = twcc.parse(body)
    return {first + index & 0xFFFF: at for index, at in enumerate(arrivals) if at != twcc.LOST}


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(0, 400)), min_size=1, max_size=60), st.integers(0, 65535))
def test_transport_feedback_tells_what_arrived_when(steps: list[tuple[int, int]], first: int) -> None:
    number, ticks = first, 4000
    arrivals: dict[int, float] = {}
    for gap, wait in steps:
        number += gap
        ticks += wait
        arrivals[number] = ticks * twcc.TICK_SECONDS
    seen = _seen(twcc.build(min(arrivals), list(arrivals), arrivals, 3))
    assert set(seen) == {number & 0xFFFF for number in arrivals}
    for number, at in arrivals.items():
        assert abs(seen[number & 0xFFFF] - at) < twcc.TICK_SECONDS


@given(st.binary(max_size=100))
def test_any_feedback_is_read_or_refused(body: bytes) -> None:
    try:
        twcc.parse(body)
    except ValueError:
        return


def _told(arrivals: twcc.Arrivals, numbers: list[int]) -> list[tuple[int, list[bool]]]:
    """What feedback says once these have come: of each body the first number, and which from it on arrived."""
    for number in numbers:
        arrivals.note(number.to_bytes(2, "big"), 1.0 + number / 1000)
    found = [twcc.parse(body) for body in arrivals.take()]
    return [(base, [at != twcc.LOST for at in times]) for base, times in found]


def test_what_is_lost_between_two_feedbacks_is_told() -> None:
    arrivals = twcc.Arrivals()
    assert _told(arrivals, [10, 11]) == [(10, [True, True])]
    assert _told(arrivals, [14]) == [(12, [False, False, True])]


def test_what_comes_late_does_not_make_others_seem_lost() -> None:
    arrivals = twcc.Arrivals()
    _told(arrivals, [10, 12, 13, 14])
    assert _told(arrivals, [11, 16]) == [(11, [True]), (15, [False, True])]
    assert _told(arrivals, [17]) == [(17, [True])]


def test_what_comes_late_from_afar_makes_feedback_no_longer() -> None:
    arrivals = twcc.Arrivals()
    _told(arrivals, [20_000])
    found = _told(arrivals, [1, 20_001])
    assert found == [(1, [True]), (20_001, [True])]
    assert _told(arrivals, [2, 19_999]) == [(2, [True]), (19_999, [True])]


def test_a_jump_in_the_numbers_is_no_loss() -> None:
    arrivals = twcc.Arrivals()
    _told(arrivals, [10])
    assert _told(arrivals, [10 + 2 * twcc.MAX_STATUSES]) == [(10 + 2 * twcc.MAX_STATUSES, [True])]


def test_numbers_far_apart_make_feedback_no_longer() -> None:
    arrivals = twcc.Arrivals()
    for index in range(twcc.MAX_ARRIVALS):
        arrivals.note((index * 32767 & 0xFFFF).to_bytes(2, "big"), 1.0 + index / 1000)
    bodies = arrivals.take()
    assert sum(len(body) for body in bodies) < 20 * twcc.MAX_ARRIVALS
    assert sum(len(_seen(body)) for body in bodies) == twcc.MAX_ARRIVALS
