"""How long a sent packet can be had again, and how far back a receiver can ask."""

from __future__ import annotations

from signaling.sfu.sending.sent import (
    KEPT_PACKETS,
    KEPT_ROUND_TRIPS,
    KEPT_SECONDS,
    LONGEST_SILENCE_SECONDS,
    Horizon,
    Sent,
    SentPacket,
)

TICK_SECONDS = 0.1


def _send(sent: Sent, number: int) -> None:
    sent.slots[number & KEPT_PACKETS - 1] = SentPacket(
        number & 0xFFFF,
        marker=False,
        payload_type=96,
        timestamp=0,
        prefix=b"",
        data=b"",
        at=0,
        end=0,
        extensions=(),
    )


def _stream(sent: Sent, first: int, seconds: float, per_tick: int, kept: float = KEPT_SECONDS) -> int:
    """Send evenly and forget at each tick, as a peer does; returns the next number."""
    number = first
    for tick in range(round(seconds / TICK_SECONDS)):
        now = tick * TICK_SECONDS
        sent.forget(number, now, now - kept)
        for _ in range(per_tick):
            _send(sent, number)
            number += 1
    return number


def _held(sent: Sent) -> int:
    return sum(slot is not None for slot in sent.slots)


def test_packets_are_kept_for_their_time_and_not_longer() -> None:
    sent = Sent()
    following = _stream(sent, 65_500, 10, per_tick=13)
    assert 8 * 13 <= _held(sent) <= 10 * 13
    assert all(sent.find(number & 0xFFFF) for number in range(following - 8 * 13, following))
    assert sent.find((following - 10 * 13 - 1) & 0xFFFF) is None


def test_a_fast_stream_is_kept_by_number_and_its_newest_packets_stay() -> None:
    sent = Sent()
    following = _stream(sent, 1, 10, per_tick=200)
    assert _held(sent) == KEPT_PACKETS
    assert all(sent.find(number & 0xFFFF) for number in range(following - KEPT_PACKETS, following))


def test_a_stream_that_pauses_is_forgotten_altogether() -> None:
    sent = Sent()
    following = _stream(sent, 1, 3, per_tick=13)
    sent.forget(following, 3.0, 2.0)
    sent.forget(following, 4.0, 3.0)
    assert _held(sent) == 0


def test_a_number_of_another_round_is_not_found() -> None:
    sent = Sent()
    _send(sent, 5)
    assert sent.find(5) is not None
    assert sent.find(5 + KEPT_PACKETS) is None


def test_nothing_is_forgotten_while_the_horizon_stands_still() -> None:
    sent = Sent()
    _stream(sent, 1, 3, per_tick=10, kept=100)
    assert _held(sent) == 300


def _heard(horizon: Horizon, since: float, until: float) -> None:
    for tick in range(round(since / TICK_SECONDS), round(until / TICK_SECONDS) + 1):
        horizon.heard(tick * TICK_SECONDS)


def test_a_short_link_is_kept_for_a_second_and_a_long_one_for_round_trips() -> None:
    horizon = Horizon()
    _heard(horizon, 0, 10)
    assert 0 <= 10 - KEPT_SECONDS - horizon.at(10, 0.02) <= 2 * TICK_SECONDS
    assert horizon.at(10, 1.0) <= 10 - KEPT_ROUND_TRIPS


def test_of_an_unmeasured_link_all_is_kept_for_a_while() -> None:
    assert Horizon().at(10, None) <= 0


def test_what_was_sent_in_a_silence_can_be_asked_for_at_its_end() -> None:
    horizon = Horizon()
    _heard(horizon, 0, 10)
    assert horizon.at(13, 0.02) <= 10 - KEPT_SECONDS
    horizon.heard(13)
    assert horizon.at(13, 0.02) <= 10 - KEPT_SECONDS
    _heard(horizon, 13.1, 13.5)
    assert horizon.at(13.5, 0.02) <= 10
    _heard(horizon, 13.6, 30)
    assert horizon.at(30, 0.02) >= 30 - KEPT_SECONDS - 2 * TICK_SECONDS


def test_whoever_is_gone_is_waited_for_only_so_long() -> None:
    horizon = Horizon()
    _heard(horizon, 0, 1)
    assert horizon.at(100, 0.02) == 100 - KEPT_SECONDS - LONGEST_SILENCE_SECONDS
    horizon.heard(100)
    assert horizon.at(100, 0.02) == 100 - KEPT_SECONDS - LONGEST_SILENCE_SECONDS
