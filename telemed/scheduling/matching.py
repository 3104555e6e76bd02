"""Finding a doctor: who may see her by the licence rules, and which times are open, on her clock and on theirs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from itertools import islice
from zoneinfo import ZoneInfo

from sqlmodel.ext.asyncio.session import AsyncSession

from telemed.directory import replica
from telemed.directory.licence_rules import Decision, LicenceRules, decide
from telemed.directory.replica import Home, Listed
from telemed.scheduling.slots import Slot, slot, starts

MAX_SLOTS = 40
"""Slots shown of one doctor; `more` says that there are others."""

MAX_RESULTS = 60
"""Doctors shown for one search."""

ALL_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Match:
    """A doctor who fits, what the rules say, and the open times if they may be booked."""

    listed: Listed
    decision: Decision
    slots: Sequence[Slot]
    more: bool


async def search(
    session: AsyncSession,
    *,
    own: Home,
    rules: LicenceRules,
    specialty: str | None,
    language: str | None,
    zone: ZoneInfo,
    from_day: date,
    days: int,
    now: datetime,
) -> list[Match]:
    """The doctors of every node for a patient of this one, those with the earliest open time first.

    Args:
        own: this node, which is the patient's.
        zone: hers; `from_day` is a day on her clock.
    """
    since, until = (
        datetime.combine(day, time(), zone).astimezone(UTC) for day in (from_day, from_day + days * ALL_DAY)
    )
    found = await replica.doctors(session, own, specialty=specialty, language=language)
    matched = partial(
        match, rules=rules, patient_jurisdiction=own.jurisdiction, hers=zone, since=max(since, now), until=until
    )
    # The first time tells the order; the others are worked out of those alone who are shown.
    soonest = sorted((matched(listed, at_most=1) for listed in found), key=_soonest)[:MAX_RESULTS]
    return [matched(one.listed) for one in soonest]


def match(
    listed: Listed,
    rules: LicenceRules,
    patient_jurisdiction: str,
    hers: ZoneInfo,
    since: datetime,
    until: datetime,
    at_most: int = MAX_SLOTS,
) -> Match:
    """One doctor's open times from `since`, earlier than `until`, on days when the rules offer them."""
    minutes, doctors = listed.doctor.visit_minutes, ZoneInfo(listed.doctor.zone)
    offered = _offered(listed, rules, patient_jurisdiction, since, until)
    shown = [slot(at, minutes, hers=hers, doctors=doctors) for at in islice(offered, at_most)]
    first = shown[0].starts_at if shown else since
    return Match(listed, decision(rules, patient_jurisdiction, listed, first), shown, next(offered, None) is not None)


def next_slots(
    listed: Listed, rules: LicenceRules, patient_jurisdiction: str, hers: ZoneInfo, now: datetime
) -> list[Slot]:
    """The next five open times of a doctor, for somebody whose time was taken."""
    found = match(listed, rules, patient_jurisdiction, hers, now, now + 14 * ALL_DAY)
    return list(found.slots[:5])


def decision(rules: LicenceRules, patient_jurisdiction: str, listed: Listed, at: datetime) -> Decision:
    """What the rules and the doctor's licence say of a visit at `at`.

    The day is the UTC one, because both nodes decide and must mean the same day.
    """
    day = at.astimezone(UTC).date()
    said = decide(rules, patient_jurisdiction, listed.home.jurisdiction, day)
    if said.offered and not listed.doctor.licensed(listed.home.jurisdiction, day):
        return replace(said, offered=False, kind="no", why=f"The doctor's licence does not hold on {day}.")
    return said


def _offered(
    listed: Listed, rules: LicenceRules, patient_jurisdiction: str, since: datetime, until: datetime
) -> Iterator[datetime]:
    by_day: dict[date, bool] = {}
    for at in starts(listed.free, listed.doctor.visit_minutes, after=since, before=until):
        if at.date() not in by_day:
            by_day[at.date()] = decision(rules, patient_jurisdiction, listed, at).offered
        if by_day[at.date()]:
            yield at


def _soonest(match: Match) -> tuple[bool, bool, datetime, str]:
    first = match.slots[0].starts_at if match.slots else datetime.max.replace(tzinfo=UTC)
    return not match.decision.offered, not match.slots, first, match.listed.doctor.name
