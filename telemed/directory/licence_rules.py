"""Who may treat whom across a border: a versioned file of rules, and the decision for one pair on one day."""

from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from telemed.errors import Unavailable

SAMPLE = Path(__file__).with_name("sample_licence_rules.json")
"""The rules that come with the program: samples, not law."""

OFFERED = frozenset({"direct-care", "second-opinion"})
"""The kinds that may be booked."""

Kind = Literal["direct-care", "second-opinion", "education", "no"]


class RulesUnusable(Unavailable):
    """The file of rules is missing, or says two things of one pair."""

    code = "licence-rules-unusable"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Rule(_Frozen):
    """What a doctor of one jurisdiction may do for a patient of another; both days inclusive, None is no end."""

    id: str
    patient: str = Field(pattern="^[A-Z]{2}$")
    doctor: str = Field(pattern="^[A-Z]{2}$")
    kind: Kind
    valid_from: date
    valid_until: date | None = None
    source: str
    why: str
    sample: bool


class LicenceRules(_Frozen):
    """The whole file. For a pair and a day it says one thing or nothing."""

    version: str
    note: str
    rules: tuple[Rule, ...] = Field(max_length=10_000)

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        by_pair = sorted(self.rules, key=lambda rule: (rule.patient, rule.doctor, rule.valid_from))
        for one, next_one in pairwise(by_pair):
            same_pair = (one.patient, one.doctor) == (next_one.patient, next_one.doctor)
            if same_pair and (one.valid_until is None or next_one.valid_from <= one.valid_until):
                raise ValueError(f"rules {one.id} and {next_one.id} speak of the same pair on the same day")
        return self

    @property
    def sample(self) -> bool:
        """Whether any rule is a sample."""
        return any(rule.sample for rule in self.rules)


@dataclass(frozen=True, slots=True)
class Decision:
    """What the rules say of one visit; stored with it."""

    offered: bool
    kind: str
    rule_id: str | None
    version: str
    source: str
    why: str
    sample: bool


def load(path: Path = SAMPLE) -> LicenceRules:
    """Read a file of rules. Raises RulesUnusable."""
    try:
        return LicenceRules.model_validate_json(path.read_bytes())
    except OSError as missing:
        raise RulesUnusable(f"The licence rules {path} cannot be read: {missing.strerror}.") from missing
    except ValidationError as wrong:
        first = wrong.errors(include_url=False, include_input=False, include_context=False)[0]
        at = "/".join(str(part) for part in first["loc"])
        raise RulesUnusable(f"The licence rules {path} need another look at /{at}: {first['msg']}.") from wrong


def decide(rules: LicenceRules, patient_jurisdiction: str, doctor_jurisdiction: str, on_day: date) -> Decision:
    """What a doctor of one jurisdiction may do for a patient of the other on that day; unknown is not offered."""
    for rule in rules.rules:
        begun = rule.valid_from <= on_day
        over = rule.valid_until is not None and rule.valid_until < on_day
        if (rule.patient, rule.doctor) == (patient_jurisdiction, doctor_jurisdiction) and begun and not over:
            return Decision(rule.kind in OFFERED, rule.kind, rule.id, rules.version, rule.source, rule.why, rule.sample)
    why = f"No rule says that a doctor in {doctor_jurisdiction} may see a patient in {patient_jurisdiction} that day."
    return Decision(
        offered=False, kind="unknown", rule_id=None, version=rules.version, source="", why=why, sample=rules.sample
    )
