"""What a node says of its doctors to everybody: one entry of the public directory, and nothing else."""

from datetime import UTC, date, datetime
from functools import cache
from typing import Annotated, Self
from zoneinfo import available_timezones

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator

MAX_FREE = 2_500
"""Free intervals in an entry: more than 15 days of five minutes free, five minutes taken."""

MAX_CURSOR = 2**31 - 1
"""PostgreSQL's integer; a node that publishes once a second gets there in 68 years."""


@cache
def _zones() -> frozenset[str]:
    # The library looks through the disk each time: milliseconds, and a search reads thousands of entries.
    return frozenset(available_timezones())


def _known_zone(zone: str) -> str:
    if zone not in _zones():
        raise ValueError("not an IANA time zone")
    return zone


def _keepable(text: str) -> str:
    # PostgreSQL keeps no U+0000 in a text, and reads no JSON that has one.
    if "\0" in text:
        raise ValueError("leave the character U+0000 out")
    return text


def _in_reach(at: datetime) -> datetime:
    if not 2000 <= at.year < 2200:
        raise ValueError("not a time of this century or the next")
    return at.astimezone(UTC)


Instant = Annotated[AwareDatetime, AfterValidator(_in_reach)]
"""A time that comes in, made UTC; of years in which arithmetic with it cannot overflow."""
Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,64}$")]
Line = Annotated[str, StringConstraints(min_length=1, max_length=120), AfterValidator(_keepable)]
Zone = Annotated[str, AfterValidator(_known_zone)]


class _Frozen(BaseModel):
    # A newer peer may say more; what is not named here is not kept.
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class PublicLicence(_Frozen):
    """A licence to practise; both days inclusive."""

    jurisdiction: str = Field(pattern="^[A-Z]{2}$")
    number: Line
    authority: Line
    valid_from: date
    valid_until: date

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        if self.valid_until < self.valid_from:
            raise ValueError("the licence ends before it begins")
        return self


class PublicDoctor(_Frozen):
    """A doctor as anybody may know them."""

    id: Code
    name: Line
    specialties: tuple[Code, ...] = Field(min_length=1, max_length=20)
    languages: tuple[Code, ...] = Field(min_length=1, max_length=20)
    zone: Zone
    visit_minutes: int = Field(ge=5, le=120, multiple_of=5)
    licences: tuple[PublicLicence, ...] = Field(max_length=10)
    active: bool

    def licensed(self, jurisdiction: str, on_day: date) -> bool:
        """Whether a licence of that jurisdiction holds on that day."""
        return any(
            licence.jurisdiction == jurisdiction and licence.valid_from <= on_day <= licence.valid_until
            for licence in self.licences
        )


class PublicEntry(_Frozen):
    """A doctor, and when they are free; never why they are not."""

    doctor: PublicDoctor
    free: tuple[tuple[Instant, Instant], ...] = Field(max_length=MAX_FREE)


class NumberedEntry(PublicEntry):
    """An entry with its place in the order in which the node published."""

    cursor: int = Field(ge=1, le=MAX_CURSOR)
