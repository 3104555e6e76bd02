"""Who has failed too often, and until when."""

from __future__ import annotations

import pytest

from signaling.clients.failures import MAX_ADDRESSES, Failures


def _times(failures: Failures, address: str, count: int, now: float) -> list[int]:
    return [failures.note(address, now) for _ in range(count)]


def test_after_so_many_failures_an_address_waits() -> None:
    failures = Failures(20)
    assert _times(failures, "192.0.2.1", 20, 100.0) == [0] * 20
    assert failures.note("192.0.2.1", 100.0) == 3
    assert failures.refused == 1


def test_with_time_it_may_fail_again() -> None:
    failures = Failures(20)
    _times(failures, "192.0.2.1", 30, 100.0)
    assert _times(failures, "192.0.2.1", 2, 103.0) == [0, 3]
    assert _times(failures, "192.0.2.1", 21, 200.0) == [0] * 20 + [3]


def test_one_address_does_not_answer_for_another() -> None:
    failures = Failures(1)
    assert [failures.note(f"192.0.2.{host}", 100.0) for host in range(50)] == [0] * 50


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("", "unknown", False),
        ("192.0.2.1", "192.0.2.1:50123", True),
        ("192.0.2.1:50123", "192.0.2.2:50123", False),
        ("[2001:db8:1:2::1]:50123", "2001:db8:1:2::9", True),
        ("[2001:db8:1:2::1]", "[2001:db8:1:3::1]:1", False),
        ("[]:", "[192.0.2.1", False),
    ],
)
def test_addresses_of_one_subscriber_count_together(one: str, other: str, is_same: bool) -> None:
    failures = Failures(1)
    assert failures.note(one, 100.0) == 0
    assert bool(failures.note(other, 100.0)) == is_same


def test_no_limit_refuses_nobody() -> None:
    assert _times(Failures(0), "192.0.2.1", 1000, 100.0) == [0] * 1000


def test_only_so_many_addresses_are_remembered() -> None:
    failures = Failures(1)
    failures.note("first", 100.0)
    for number in range(MAX_ADDRESSES - 1):
        failures.note(f"host-{number}", 100.0)
    assert failures.note("first", 100.0) > 0
    for number in range(MAX_ADDRESSES):
        failures.note(f"other-{number}", 100.0)
    assert failures.note("first", 100.0) == 0
