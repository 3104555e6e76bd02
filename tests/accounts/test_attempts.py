"""Whom a limit counts."""

import pytest

from telemed.accounts.attempts import subscriber


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("unknown", "unknown", True),
        ("192.0.2.1", "192.0.2.1:50123", True),
        ("192.0.2.1:50123", "192.0.2.2:50123", False),
        ("[2001:db8:1:2::1]:50123", "2001:db8:1:2::9", True),
        ("[2001:db8:1:2::1]", "[2001:db8:1:3::1]:1", False),
        ("[]:", "[192.0.2.1", False),
    ],
)
def test_addresses_of_one_subscriber_count_together(one: str, other: str, is_same: bool) -> None:
    assert (subscriber(one) == subscriber(other)) is is_same
