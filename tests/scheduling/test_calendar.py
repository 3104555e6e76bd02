"""The calendar that a node owns: one visit per time, whoever asks and however often."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from telemed.db import Database
from telemed.directory import licence_rules, publication
from telemed.directory.doctors import add_doctor
from telemed.directory.replica import Home
from telemed.errors import Invalid, NotFound, TelemedError
from telemed.scheduling import calendar, holding
from telemed.scheduling.calendar import HoldLapsed
from telemed.scheduling.holding import Limits, RuleForbids, SlotTaken, TooManyClaims, Wanted
from telemed.scheduling.models import Claim
from tests.conftest import SetClock
from tests.directory.test_directory import LI

OWN = Home("CN", "CN")
KE = Home("KE", "KE")
HOLD = timedelta(minutes=3)
FIVE = Limits(5, 5)
RULES = licence_rules.load()


def hexed(number: int) -> str:
    return f"{number:032x}"


@pytest.fixture
async def wanted(database: Database, clock: SetClock) -> Wanted:
    async with database.write() as session:
        doctor = await add_doctor(session, LI, jurisdiction="CN", now=clock())
    starts_at = clock() + timedelta(hours=1)
    return Wanted(hexed(1), KE, hexed(1), doctor.id, starts_at, 10, "en", "infectious-diseases")


async def hold(database: Database, clock: SetClock, wanted: Wanted, limits: Limits = FIVE) -> Claim:
    async with database.write() as session:
        return await holding.hold(session, wanted, own=OWN, rules=RULES, limits=limits, length=HOLD, now=clock())


async def confirm(database: Database, clock: SetClock, claim_id: str = hexed(1), node: str = "KE") -> Claim:
    async with database.write() as session:
        return await calendar.confirm(session, claim_id, node, clock())


def other(wanted: Wanted, number: int, **changes: Any) -> Wanted:
    return replace(wanted, claim_id=hexed(number), handle=hexed(number), **changes)


async def test_a_time_is_held_confirmed_and_shown_as_taken(database: Database, clock: SetClock, wanted: Wanted) -> None:
    claim = await hold(database, clock, wanted)
    assert claim.hold_until == clock() + HOLD
    assert (await confirm(database, clock)).state == "confirmed"
    assert (await confirm(database, clock)).state == "confirmed"
    async with database.read() as session:
        (entry,) = (await publication.page(session, 0, 10)).entries
    taken = wanted.starts_at.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert any(end == taken for _, end in entry["free"])


async def test_the_same_request_again_finds_what_it_has(database: Database, clock: SetClock, wanted: Wanted) -> None:
    first = await hold(database, clock, wanted)
    assert (await hold(database, clock, wanted)).hold_until == first.hold_until


@pytest.mark.parametrize("shift", [timedelta(), timedelta(minutes=5), timedelta(minutes=-5)])
async def test_overlapping_times_clash(database: Database, clock: SetClock, wanted: Wanted, shift: timedelta) -> None:
    await hold(database, clock, wanted)
    with pytest.raises(SlotTaken):
        await hold(database, clock, other(wanted, 2, starts_at=wanted.starts_at + shift))


async def test_of_many_at_once_exactly_one_gets_the_time(database: Database, clock: SetClock, wanted: Wanted) -> None:
    limits = Limits(50, 50)

    async def tried(number: int) -> bool:
        try:
            await hold(database, clock, other(wanted, number), limits)
        except SlotTaken:
            return False
        return True

    assert sum(await asyncio.gather(*(tried(number) for number in range(1, 13)))) == 1


async def test_a_lapsed_hold_cannot_be_confirmed_and_frees_the_time(
    database: Database, clock: SetClock, wanted: Wanted
) -> None:
    await hold(database, clock, wanted)
    clock.pass_(HOLD)
    with pytest.raises(HoldLapsed):
        await confirm(database, clock)
    await hold(database, clock, other(wanted, 2))
    with pytest.raises(HoldLapsed):
        await confirm(database, clock)


async def test_lapsed_holds_are_let_go(database: Database, clock: SetClock, wanted: Wanted) -> None:
    await hold(database, clock, wanted)
    clock.pass_(HOLD)
    async with database.write() as session:
        assert await calendar.any_lapsed(session, clock())
        assert await calendar.lapse_holds(session, clock()) == 1
        assert not await calendar.any_lapsed(session, clock())


async def test_times_that_were_let_go_push_no_visit_out_of_the_calendar(
    database: Database, clock: SetClock, wanted: Wanted
) -> None:
    later = other(wanted, 2, starts_at=wanted.starts_at + timedelta(hours=1))
    await hold(database, clock, wanted)
    await hold(database, clock, later)
    await confirm(database, clock, later.claim_id)
    async with database.write() as session:
        ended = (await calendar.end(session, wanted.claim_id, "KE", clock())).model_dump()
        session.add_all(Claim(**{**ended, "id": hexed(number), "handle": hexed(number)}) for number in range(3, 203))
    async with database.read() as session:
        shown = await calendar.of_doctor(session, wanted.doctor_id, clock())
    assert shown[-1].id == later.claim_id
    assert [claim.state for claim in shown] == ["ended"] * calendar.SHOWN_ENDED + ["confirmed"]


async def test_an_ended_visit_frees_the_time_that_lies_ahead(
    database: Database, clock: SetClock, wanted: Wanted
) -> None:
    await hold(database, clock, wanted)
    await confirm(database, clock)
    async with database.write() as session:
        assert (await calendar.end(session, wanted.claim_id, "KE", clock())).state == "ended"
    await hold(database, clock, other(wanted, 2))


async def test_another_nodes_appointment_is_as_if_it_were_not_there(
    database: Database, clock: SetClock, wanted: Wanted
) -> None:
    await hold(database, clock, wanted)
    with pytest.raises(NotFound):
        await confirm(database, clock, node="IT")
    with pytest.raises(NotFound):
        await hold(database, clock, replace(wanted, patient=Home("IT", "IT")))
    async with database.write() as session:
        with pytest.raises(NotFound):
            await calendar.end(session, wanted.claim_id, "IT", clock())
    assert (await confirm(database, clock)).state == "confirmed"


async def test_a_node_may_hold_so_much_and_no_more(database: Database, clock: SetClock, wanted: Wanted) -> None:
    later = wanted.starts_at + timedelta(hours=1)
    await hold(database, clock, wanted, Limits(1, 5))
    with pytest.raises(TooManyClaims):
        await hold(database, clock, other(wanted, 2, starts_at=later), Limits(1, 5))
    await confirm(database, clock)
    with pytest.raises(TooManyClaims):
        await hold(database, clock, other(wanted, 3, starts_at=later), Limits(5, 1))
    with pytest.raises(TooManyClaims):
        await hold(database, clock, replace(wanted, claim_id=hexed(9), starts_at=later))


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"starts_at": timedelta(hours=-2)}, Invalid),
        ({"starts_at": timedelta(days=30)}, Invalid),
        ({"starts_at": timedelta(minutes=1)}, Invalid),
        ({"minutes": 15}, Invalid),
        ({"doctor_id": "nobody"}, NotFound),
        ({"patient": Home("US", "US")}, RuleForbids),
    ],
)
async def test_what_nobody_offers_is_refused(
    database: Database, clock: SetClock, wanted: Wanted, changes: dict[str, Any], refusal: type[TelemedError]
) -> None:
    if "starts_at" in changes:
        changes = {"starts_at": wanted.starts_at + changes["starts_at"]}
    with pytest.raises(refusal):
        await hold(database, clock, replace(wanted, **changes))
