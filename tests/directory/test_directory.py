"""Doctors as they are added, published and replicated, on both databases."""

import time
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import pytest

from telemed.db import Database
from telemed.directory import doctors, licence_rules, publication, replica
from telemed.directory.doctors import NewDoctor, NewLicence, add_doctor, stretch
from telemed.directory.entries import MAX_CURSOR, PublicDoctor, PublicEntry
from telemed.directory.models import Doctor
from telemed.directory.replica import Home, Listed
from telemed.errors import Invalid
from telemed.scheduling import matching
from telemed.scheduling.matching import Match
from telemed.scheduling.models import Claim, ClaimCell
from tests.conftest import SetClock

LI = NewDoctor(
    name="Dr Li",
    specialties=["infectious-diseases"],
    languages=["en", "zh-Hans"],
    zone="Asia/Shanghai",
    visit_minutes=10,
    licences=[NewLicence("CN", "110-1", "Sample authority", date(2026, 1, 1), date(2027, 12, 31))],
    hours=[stretch(weekday, "00:00", "24:00") for weekday in range(7)],
)
KE = Home("KE", "KE")


async def add(database: Database, clock: SetClock, new: NewDoctor = LI, jurisdiction: str = "CN") -> str:
    async with database.write() as session:
        return (await add_doctor(session, new, jurisdiction=jurisdiction, now=clock())).id


async def entries(database: Database, after: int = 0) -> publication.Page:
    async with database.read() as session:
        return await publication.page(session, after, 100)


async def pull(database: Database, clock: SetClock, raw: list[Any], cursor: int, *, more: bool = False) -> int:
    async with database.write() as session:
        after = await replica.read_until(session, "CN", clock())
        return await replica.apply(session, "CN", "CN", raw, after=after, cursor=cursor, more=more, now=clock())


async def search(database: Database, clock: SetClock, own: Home = KE, **wanted: Any) -> list[Match]:
    async with database.read() as session:
        return await matching.search(
            session,
            own=own,
            rules=licence_rules.load(),
            zone=ZoneInfo("Africa/Nairobi"),
            now=clock(),
            **{"specialty": None, "language": None, "from_day": clock().date(), "days": 7, **wanted},
        )


async def claim(database: Database, clock: SetClock, doctor_id: str) -> None:
    starts_at = clock() + timedelta(hours=1)
    async with database.write() as session:
        session.add(
            Claim(
                id="c",
                patient_node="KE",
                handle="h",
                doctor_id=doctor_id,
                starts_at=starts_at,
                minutes=10,
                language="en",
                specialty="infectious-diseases",
                state="confirmed",
            )
        )
        await session.flush()
        for cell in range(2):
            at = starts_at + timedelta(minutes=5 * cell)
            session.add(ClaimCell(doctor_id=doctor_id, cell_at=at, claim_id="c"))
        await session.flush()
        await publication.publish(session, doctor_id, clock())


async def test_a_doctor_added_is_published_and_found_on_her_own_node(database: Database, clock: SetClock) -> None:
    await add(database, clock)
    (found,) = await search(database, clock, own=Home("CN", "CN"), specialty="infectious-diseases", language="zh")
    assert found.decision.offered
    assert found.slots[0].starts_at == clock()
    assert (found.slots[0].hers.time, found.slots[0].doctors.time) == ("11:00", "16:00")
    assert (len(found.slots), found.more) == (matching.MAX_SLOTS, True)
    assert await search(database, clock, own=Home("CN", "CN"), specialty="cardiology") == []
    async with database.read() as session:
        (file,) = await doctors.listed(session)
    assert (len(file.licences), len(file.hours)) == (1, 7)


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"name": "Dr\0 Li"}, "/name"),
        ({"licences": [replace(LI.licences[0], number="110\0")]}, "/licences/0/number"),
        ({"licences": [replace(LI.licences[0], authority="\0")]}, "/licences/0/authority"),
    ],
)
async def test_a_doctor_with_what_no_database_keeps_is_refused(
    database: Database, clock: SetClock, change: dict[str, Any], pointer: str
) -> None:
    with pytest.raises(Invalid) as refused:
        await add(database, clock, replace(LI, **change))
    assert refused.value.extra["fields"][0]["pointer"] == pointer


async def test_an_entry_is_read_in_a_fraction_of_what_finding_all_zones_takes(
    database: Database, clock: SetClock
) -> None:
    await add(database, clock)
    (entry,) = (await entries(database)).entries

    def seconds(work: Callable[[], object]) -> float:
        started_at = time.perf_counter()
        work()
        return time.perf_counter() - started_at

    reading = min(seconds(lambda: PublicEntry.model_validate(entry)) for _ in range(10))
    finding = min(seconds(available_timezones) for _ in range(3))
    assert reading < finding / 5


@pytest.mark.parametrize(("open_times", "more"), [(0, False), (39, False), (40, False), (41, True), (42, True)])
def test_times_that_are_not_shown_are_spoken_of(clock: SetClock, open_times: int, more: bool) -> None:
    doctor = PublicDoctor.model_validate({**asdict(LI), "id": "li", "active": True})
    listed = Listed(Home("CN", "CN"), doctor, [(clock(), clock() + open_times * timedelta(minutes=10))], None)
    until = clock() + timedelta(days=1)
    found = matching.match(listed, licence_rules.load(), "KE", ZoneInfo("Africa/Nairobi"), clock(), until)
    assert (len(found.slots), found.more) == (min(open_times, matching.MAX_SLOTS), more)


async def test_the_cursor_grows_only_when_something_changed(database: Database, clock: SetClock) -> None:
    doctor_id = await add(database, clock)
    first = await entries(database)
    async with database.write() as session:
        await publication.publish(session, doctor_id, clock())
        assert await publication.publish_due(session, clock()) == 0
    assert (await entries(database, first.cursor)).entries == []
    clock.pass_(timedelta(days=1))
    async with database.write() as session:
        assert await publication.publish_due(session, clock()) == 1
    again = await entries(database, first.cursor)
    assert (len(again.entries), again.cursor, again.more) == (1, first.cursor + 1, False)


async def test_an_entry_committed_while_an_empty_page_is_read_comes_on_the_next(
    database: Database, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with database.read() as session:
        execute = session.exec

        async def then_one_is_added(statement: Any) -> Any:
            monkeypatch.undo()
            result = await execute(statement)
            await add(database, clock)
            return result

        monkeypatch.setattr(session, "exec", then_one_is_added)
        empty = await publication.page(session, 0, 100)
    assert (empty.entries, empty.cursor) == ([], 0)
    assert [entry["doctor"]["name"] for entry in (await entries(database, empty.cursor)).entries] == ["Dr Li"]


async def test_a_claimed_time_is_no_longer_published_and_nothing_says_why(database: Database, clock: SetClock) -> None:
    doctor_id = await add(database, clock)
    await claim(database, clock, doctor_id)
    (entry,) = (await entries(database)).entries
    assert [pair[0] for pair in entry["free"]] == ["2026-11-24T00:00:00Z", "2026-11-24T09:10:00Z"]
    assert entry.keys() == {"cursor", "doctor", "free"}
    (found,) = await search(database, clock, own=Home("CN", "CN"))
    assert clock() + timedelta(hours=1) not in [slot.starts_at for slot in found.slots]


async def test_a_past_time_is_never_shown(database: Database, clock: SetClock) -> None:
    await add(database, clock)
    clock.pass_(timedelta(minutes=1))
    (found,) = await search(database, clock, own=Home("CN", "CN"), from_day=date(2026, 11, 23))
    assert found.slots[0].starts_at == clock() + timedelta(minutes=9)


async def test_the_rules_decide_what_a_patient_of_another_node_is_offered(database: Database, clock: SetClock) -> None:
    await add(database, clock)
    page = await entries(database)
    assert await pull(database, clock, list(page.entries), page.cursor) == 0
    theirs = {match.listed.home.node: match for match in await search(database, clock, own=Home("IT", "IT"))}
    assert (theirs["CN"].decision.kind, theirs["CN"].slots) == ("no", [])
    assert theirs["CN"].decision.why
    (hers,) = [match for match in await search(database, clock) if match.listed.home.node == "CN"]
    assert hers.decision.kind == "direct-care"
    assert hers.slots


@pytest.mark.parametrize(
    "change",
    [
        {
            "licences": [
                {
                    "number": "1",
                    "authority": "A",
                    "jurisdiction": "KE",
                    "valid_from": "2026-01-01",
                    "valid_until": "2027-01-01",
                }
            ]
        },
        {"zone": "Mars/Olympus"},
        {"name": "x" * 121},
        {"visit_minutes": 7},
    ],
)
async def test_an_entry_a_peer_may_not_list_is_refused_and_the_kept_one_goes(
    database: Database, clock: SetClock, change: dict[str, Any]
) -> None:
    doctor_id = await add(database, clock)
    (entry,) = (await entries(database)).entries
    await pull(database, clock, [entry], 1)
    bad = {**entry, "cursor": 2, "doctor": {**entry["doctor"], **change}}
    nobody = [{"doctor": {"id": name}} for name in (5, "\0", "\ud800", "x" * 70_000)]
    assert await pull(database, clock, [bad, "nonsense", *nobody], 2) == 6
    async with database.read() as session:
        assert await replica.doctor(session, KE, "CN", doctor_id) is None


async def test_a_doctor_no_longer_active_leaves_the_replica(database: Database, clock: SetClock) -> None:
    doctor_id = await add(database, clock)
    page = await entries(database)
    await pull(database, clock, list(page.entries), page.cursor)
    async with database.read() as session:
        assert await replica.doctor(session, KE, "CN", doctor_id) is not None
    async with database.write() as session:
        row = await session.get(Doctor, doctor_id)
        assert row is not None
        row.active = False
        await publication.publish(session, doctor_id, clock())
    page = await entries(database, page.cursor)
    await pull(database, clock, list(page.entries), page.cursor)
    async with database.read() as session:
        assert await replica.doctor(session, KE, "CN", doctor_id) is None
        assert await replica.doctors(session, KE) == []


async def test_a_page_too_long_or_from_the_past_is_refused(database: Database, clock: SetClock) -> None:
    await pull(database, clock, [], 5)
    with pytest.raises(replica.PageRefused):
        await pull(database, clock, [], 4)
    with pytest.raises(replica.PageRefused):
        await pull(database, clock, [{}] * (replica.MAX_PAGE + 1), 6)


async def test_a_number_that_no_database_keeps_is_refused(database: Database, clock: SetClock) -> None:
    await add(database, clock)
    (entry,) = (await entries(database)).entries
    for far in (MAX_CURSOR + 1, 2**70):
        assert await pull(database, clock, [{**entry, "cursor": far}], 1) == 1
        with pytest.raises(replica.PageRefused):
            await pull(database, clock, [], far)
    assert await pull(database, clock, [{**entry, "cursor": MAX_CURSOR}], MAX_CURSOR) == 0


async def test_a_directory_is_read_whole_each_day_and_who_is_in_it_no_more_goes(
    database: Database, clock: SetClock
) -> None:
    kept, lost = await add(database, clock), await add(database, clock)
    page = await entries(database)
    await pull(database, clock, list(page.entries), page.cursor)
    clock.pass_(timedelta(hours=15, minutes=59))

    async def listed() -> set[str]:
        async with database.read() as session:
            found = [await replica.doctor(session, KE, "CN", doctor_id) for doctor_id in (kept, lost)]
            return {one.doctor.id for one in found if one is not None}

    async def read_until() -> int:
        async with database.read() as session:
            return await replica.read_until(session, "CN", clock())

    assert await read_until() == page.cursor
    await pull(database, clock, [], page.cursor)
    clock.pass_(timedelta(minutes=1))
    assert await read_until() == 0
    await pull(database, clock, [page.entries[0]], 1, more=True)
    assert (await read_until(), await listed()) == (1, {kept, lost})
    await pull(database, clock, [], 1)
    assert await listed() == {kept, lost}
    clock.pass_(timedelta(hours=9))
    await pull(database, clock, [], 1)
    assert await listed() == {kept}


async def test_a_node_no_longer_trusted_is_forgotten(database: Database, clock: SetClock) -> None:
    await add(database, clock)
    page = await entries(database)
    await pull(database, clock, list(page.entries), page.cursor)
    async with database.write() as session:
        await replica.forget(session, "CN")
    async with database.read() as session:
        assert list(await replica.states(session)) == []


@pytest.mark.parametrize(
    "wrong",
    [
        replace(LI, licences=[replace(LI.licences[0], jurisdiction="KE")]),
        replace(LI, licences=[]),
        replace(LI, zone="Nowhere"),
        replace(LI, languages=[]),
        replace(LI, specialties=["astrology"]),
        replace(LI, visit_minutes=12),
        replace(LI, hours=[]),
    ],
)
async def test_a_doctor_whom_this_node_cannot_vouch_for_is_not_added(
    database: Database, clock: SetClock, wrong: NewDoctor
) -> None:
    with pytest.raises(Invalid) as refused:
        await add(database, clock, wrong)
    assert refused.value.extra["fields"]
    async with database.read() as session:
        assert await doctors.listed(session) == []


@pytest.mark.parametrize(
    "free",
    [
        ["9999-12-31T23:50:00Z", "9999-12-31T23:59:00Z"],
        ["0001-01-01T00:00:00+14:00", "2026-11-24T09:00:00Z"],
        ["2026-11-24T10:00:00Z", "2026-11-24T09:00:00Z"],
        ["2026-11-24T09:00:00", "2026-11-24T10:00:00"],
    ],
)
async def test_free_times_that_nobody_could_reckon_with_are_refused(
    database: Database, clock: SetClock, free: list[str]
) -> None:
    await add(database, clock)
    (entry,) = (await entries(database)).entries
    assert await pull(database, clock, [{**entry, "free": [free]}], 1) == 1
    async with database.read() as session:
        assert await replica.doctor(session, KE, "CN", entry["doctor"]["id"]) is None


@pytest.mark.parametrize("text", ["9:00", "24:05", "12:03", "25:00", ""])
def test_hours_are_written_as_a_clock_shows_them(text: str) -> None:
    with pytest.raises(Invalid):
        stretch(0, "00:00", text)
    assert stretch(0, "09:00", "24:00").end_minute == 1440
