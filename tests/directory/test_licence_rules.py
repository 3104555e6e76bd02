"""The licence rules: every pair of the sample, days, and files that say two things."""

from datetime import date

import pytest
from pydantic import ValidationError

from telemed.directory import licence_rules
from telemed.directory.licence_rules import LicenceRules, decide

DAY = date(2026, 11, 24)


@pytest.mark.parametrize("patient", ["KE", "CN", "IT"])
@pytest.mark.parametrize("doctor", ["KE", "CN", "IT"])
def test_every_pair_of_the_sample_is_decided_with_a_reason_and_called_a_sample(patient: str, doctor: str) -> None:
    decision = decide(licence_rules.load(), patient, doctor, DAY)
    assert decision.kind != "unknown"
    assert decision.why
    assert decision.source
    assert decision.sample
    assert decision.offered == (decision.kind in ("direct-care", "second-opinion"))


def test_a_pair_that_no_rule_names_is_not_offered_and_the_reason_says_so() -> None:
    decision = decide(licence_rules.load(), "KE", "FR", DAY)
    assert (decision.offered, decision.kind, decision.rule_id) == (False, "unknown", None)
    assert "FR" in decision.why


def test_a_rule_says_nothing_before_its_first_day_and_after_its_last() -> None:
    rules = licence_rules.load()
    assert decide(rules, "KE", "CN", date(2026, 1, 1)).offered
    assert not decide(rules, "KE", "CN", date(2025, 12, 31)).offered
    assert not decide(rules, "KE", "CN", date(2037, 1, 1)).offered


def test_two_rules_for_one_pair_on_one_day_are_refused() -> None:
    rules = licence_rules.load()
    with pytest.raises(ValidationError, match="same pair"):
        LicenceRules(version="x", note="", rules=(*rules.rules, rules.rules[0]))
