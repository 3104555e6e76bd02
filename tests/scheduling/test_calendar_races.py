"""The calendar when many want something of it at once, and when the clocks change."""

import asyncio
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlmodel import select

from telemed.db import Database
from telemed.directory import publication, replica
from telemed.directory.doctors import NewLicence, add_doctor, stretch
from telemed.directory.models import Doctor
from telemed.directory.replica import Home
from telemed.errors import Invalid, NotFound
from telemed.scheduling import calendar, holding, matching
from telemed.scheduling.holding import Limits, RuleForbids, SlotTaken, TooManyClaims, Wanted
from telemed.scheduling.models import Claim, ClaimCell
from tests.conftest import SetClock
from tests.directory.test_directory import LI
from tests.scheduling.test_calendar import HOLD, KE, OWN, RULES, confirm, hexed, hold, other, wanted

__all__ = ["wanted"]

MANY = Limits(200, 200)
ROME = Home("IT", "IT")
TEN = timedelta(minutes=10)


async def test_of_a_hundred_holds_from_two_nodes_one_wins(database: Database, clock: SetClock, wanted: Wanted) -> None:
    async def tried(number: int) -> bool:
        patient = KE if number % 2 else Home("CN", "CN")
        try:
            await hold(database, clock, other(wanted, number, patient=patient), MANY)
        except SlotTaken:
            return False
        return True

    assert sum(await asyncio.gather(*(tried(number) for number in range(1, 101)))) == 1
    async with database.read() as session:
        (claim,) = (await session.exec(select(Claim))).all()
        assert set((await session.exec(select(ClaimCell.claim_id))).all()) == {claim.id}


async def test_the_limit_holds_for_many_at_once(database: Database, clock: SetClock, wanted: Wanted) -> None:
    async def tried(number: int) -> bool:
        try:
            await hold(database, clock, other(wanted, number, starts_at=wanted.starts_at + number * TEN), Limits(5, 50))
        except TooManyClaims:
            return False
        return True

    assert sum(await asyncio.gather(*(tried(number) for number in range(1, 13)))) == 5


async def test_holds_count_as_visits_to_be(database: Database, clock: SetClock, wanted: Wanted) -> None:
    await hold(database, clock, wanted, Limits(5, 2))
    await confirm(database, clock)
    await hold(database, clock, other(wanted, 2, starts_at=wanted.starts_at + TEN), Limits(5, 2))
    with pytest.raises(TooManyClaims):
        await hold(database, clock, other(wanted, 3, starts_at=wanted.starts_at + 2 * TEN), Limits(5, 2))


async def test_holding_ending_and_letting_go_at_once_do_not_lock_each_other_out(
    database: Database, clock: SetClock, wanted: Wanted
) -> None:
    times = [wanted.starts_at + number * TEN for number in range(6)]
    for number, at in enumerate(times):
        await hold(database, clock, other(wanted, number, starts_at=at), MANY)
    clock.pass_(HOLD)

    async def let_go() -> None:
        async with database.write() as session:
            await calendar.lapse_holds(session, clock())

    async def end(number: int) -> None:
        async with database.write() as session:
            await calendar.end(session, hexed(number), "KE", clock())

    anew = [hold(database, clock, other(wanted, 50 + number, starts_at=at), MANY) for number, at in enumerate(times)]
    async with asyncio.timeout(20):
        await asyncio.gather(*anew, *(let_go() for _ in times), *(end(number) for number in range(6)))
    async with database.read() as session:
        states = {claim.id: claim.state for claim in (await session.exec(select(Claim))).all()}
        taken = (await session.exec(select(ClaimCell.claim_id))).all()
    assert {states[hexed(50 + number)] for number in range(6)} == {"held"}
    assert {states[hexed(number)] for number in range(6)} <= {"lapsed", "ended"}
    assert len(taken) == 12
    assert set(taken) == {hexed(50 + number) for number in range(6)}


async def test_the_same_hold_many_times_at_once_is_one(database: Database, clock: SetClock, wanted: Wanted) -> None:
    claims = await asyncio.gather(*(hold(database, clock, wanted) for _ in range(8)))
    assert {claim.hold_until for claim in claims} == {clock() + HOLD}


async def test_of_a_visit_that_ends_early_only_the_time_ahead_is_free(
    database: Database, clock: SetClock, wanted: Wanted
) -> None:
    await hold(database, clock, wanted)
    await confirm(database, clock)
    clock.now = wanted.starts_at + timedelta(minutes=2)
    async with database.write() as session:
        await calendar.end(session, wanted.claim_id, "KE", clock())
        cells = (await session.exec(select(ClaimCell.cell_at))).all()
    assert cells == [wanted.starts_at]
    await hold(database, clock, other(wanted, 2, starts_at=wanted.starts_at + timedelta(minutes=5)))


async def test_a_doctor_who_left_or_whose_licence_ends_cannot_be_held(
    database: Database, clock: SetClock, wanted: Wanted
) -> None:
    # The sample licence ends with 2027; the calendar is asked on both sides of that midnight.
    clock.now = datetime(2027, 12, 31, 12, tzinfo=UTC)
    await hold(database, clock, replace(wanted, starts_at=datetime(2027, 12, 31, 23, 50, tzinfo=UTC)))
    with pytest.raises(RuleForbids):
        await hold(database, clock, other(wanted, 2, starts_at=datetime(2028, 1, 1, tzinfo=UTC)))
    async with database.write() as session:
        (await session.get_one(Doctor, wanted.doctor_id)).active = False
        await session.flush()
        await publication.publish(session, wanted.doctor_id, clock())
    with pytest.raises(NotFound):
        await hold(database, clock, other(wanted, 3, starts_at=datetime(2027, 12, 31, 20, tzinfo=UTC)))


@pytest.mark.parametrize(
    ("sunday", "times"),
    [
        # 02:00 to 03:00 does not exist, or comes twice.
        (date(2027, 3, 28), ["01:00", "01:10", "01:20", "01:30", "01:40", "01:50", "03:00", "03:10", "03:20"]),
        (date(2027, 10, 31), ["01:00", "01:30", "02:00", "02:30", "02:00", "02:30", "03:00"]),
    ],
)
async def test_every_time_that_is_shown_can_be_held_when_the_clocks_change(
    database: Database, clock: SetClock, sunday: date, times: list[str]
) -> None:
    zone = ZoneInfo("Europe/Rome")
    clock.now = datetime(sunday.year, sunday.month, sunday.day, tzinfo=UTC) - timedelta(hours=12)
    licence = NewLicence("IT", "1", "Sample authority", date(2026, 1, 1), date(2027, 12, 31))
    minutes = 10 if sunday.month == 3 else 30
    rossi = replace(
        LI,
        zone=zone.key,
        visit_minutes=minutes,
        licences=[licence],
        hours=[stretch(sunday.weekday(), "01:00", "03:30")],
    )
    async with database.write() as session:
        doctor_id = (await add_doctor(session, rossi, jurisdiction="IT", now=clock())).id
    async with database.read() as session:
        listed = await replica.doctor(session, ROME, "IT", doctor_id)
    assert listed is not None
    shown = matching.match(listed, RULES, "KE", zone, clock(), clock() + timedelta(days=1)).slots
    assert [slot.doctors.time for slot in shown] == times
    for number, slot in enumerate(shown):
        one = Wanted(hexed(number), KE, hexed(number), doctor_id, slot.starts_at, minutes, "en", "infectious-diseases")
        async with database.write() as session:
            await holding.hold(session, one, own=ROME, rules=RULES, limits=MANY, length=HOLD, now=clock())
    after = replace(one, claim_id=hexed(99), handle=hexed(99), starts_at=shown[-1].ends_at)
    async with database.write() as session:
        with pytest.raises(Invalid):
            await holding.hold(session, after, own=ROME, rules=RULES, limits=MANY, length=HOLD, now=clock())


async def test_the_other_nodes_doctors_are_not_this_calendars(
    database: Database, clock: SetClock, wanted: Wanted
) -> None:
    async with database.write() as session:
        with pytest.raises(NotFound):
            await holding.hold(
                session,
                replace(wanted, doctor_id="li-of-another-node"),
                own=OWN,
                rules=RULES,
                limits=MANY,
                length=HOLD,
                now=clock(),
            )
