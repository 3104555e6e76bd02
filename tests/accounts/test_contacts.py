"""One person is found under one contact, however it is typed."""

import pytest

from telemed.accounts import contacts
from telemed.errors import Invalid


@pytest.mark.parametrize(
    ("typed", "normal"),
    [
        ("amina@example.org", "amina@example.org"),
        ("  Amina@Example.ORG ", "amina@example.org"),
        ("ａｍｉｎａ＠example.org", "amina@example.org"),  # noqa: RUF001
        ("+254700000000", "+254700000000"),
        ("+254 (700) 000-000", "+254700000000"),
        ("＋254.700.000.000", "+254700000000"),  # noqa: RUF001
    ],
)
def test_a_contact_has_one_form(typed: str, normal: str) -> None:
    assert contacts.normal(typed) == normal


@pytest.mark.parametrize(
    "typed",
    ["", "amina", "amina@", "@example.org", "a b@example.org", "0700000000", "+0700000000", "x" * 250 + "@a.org"],
)
def test_what_nobody_can_be_reached_by_is_refused_beside_its_field(typed: str) -> None:
    with pytest.raises(Invalid) as refused:
        contacts.normal(typed)
    assert refused.value.extra["fields"][0]["pointer"] == "/contact"
