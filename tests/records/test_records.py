"""Intake, consent, draft and note: sealed, shown as ticked, final once signed."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy.exc import IntegrityError
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from telemed.crypto.sealing import CannotUnseal
from telemed.db import Database
from telemed.errors import Invalid, NotFound
from telemed.records import access, consent
from telemed.records.drafts import DraftChanged, DraftText, discard_draft, read_draft, save_draft
from telemed.records.intake import Intake, add_intake, read_intake, shared
from telemed.records.models import Draft, Entry
from telemed.records.notes import Note, notes_of_visit, sign_note
from tests.sample_rows import AMINA, ENDS_AT, KEY, STARTS_AT, VISIT, add_visit

INTAKE = Intake("a cough", "penicillin", "none")
AUTHOR = {"node": "CN", "doctor_id": "li", "name": "Dr Li", "licence": {"number": "1"}}


@pytest.fixture
async def database(database: Database) -> Database:
    """The intakes of two patients."""
    async with database.write() as session:
        await add_visit(session)
        await add_visit(session, "b" * 32, "brian")
        for visit_id, patient_id in ((VISIT, AMINA), ("b" * 32, "brian")):
            await add_intake(
                session,
                KEY,
                jurisdiction="KE",
                visit_id=visit_id,
                patient_id=patient_id,
                intake=replace(INTAKE, reason=f"{patient_id} coughs"),
                now=STARTS_AT,
            )
    return database


async def save(session: AsyncSession, text: str, revision: int) -> int:
    return await save_draft(
        session,
        KEY,
        jurisdiction="KE",
        patient_id=AMINA,
        visit_id=VISIT,
        text=text,
        revision=revision,
        now=STARTS_AT,
    )


async def draft(session: AsyncSession) -> DraftText:
    return await read_draft(session, KEY, jurisdiction="KE", patient_id=AMINA, visit_id=VISIT)


async def sign(session: AsyncSession, text: str, draft_revision: int) -> Note:
    return await sign_note(
        session,
        KEY,
        jurisdiction="KE",
        patient_id=AMINA,
        visit_id=VISIT,
        text=text,
        draft_revision=draft_revision,
        author=AUTHOR,
        assertion="jws",
        now=STARTS_AT,
    )


async def test_an_intake_comes_back_and_is_not_in_clear_in_the_row(database: Database) -> None:
    async with database.read() as session:
        opened = await read_intake(session, KEY, jurisdiction="KE", visit_id=VISIT)
        assert opened == replace(INTAKE, reason="amina coughs")
        assert all(b"coughs" not in entry.sealed for entry in await session.exec(select(Entry)))


async def test_an_entry_is_never_altered(database: Database) -> None:
    with pytest.raises(IntegrityError):
        async with database.write() as session:
            (await session.exec(select(Entry).where(Entry.visit_id == VISIT))).one().sealed = b""


async def test_two_patients_swapped_entries_do_not_open(database: Database) -> None:
    async with database.write() as session:
        # As somebody would who owns the database.
        sqlite = database.engine.dialect.name == "sqlite"
        lift = "DROP TRIGGER entry_no_update" if sqlite else "ALTER TABLE entry DISABLE TRIGGER USER"
        await (await session.connection()).exec_driver_sql(lift)
        hers = (await session.exec(select(Entry).where(Entry.visit_id == VISIT))).one()
        his = (await session.exec(select(Entry).where(Entry.visit_id != VISIT))).one()
        hers.sealed, his.sealed = his.sealed, hers.sealed
    async with database.read() as session:
        for visit_id in (VISIT, "b" * 32):
            with pytest.raises(CannotUnseal):
                await read_intake(session, KEY, jurisdiction="KE", visit_id=visit_id)


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ([], {}),
        (["reason"], {"reason": "a cough"}),
        (["medicines", "name"], {"name": "Amina", "medicines": "none"}),
    ],
)
def test_only_what_was_ticked_is_shared(items: list[str], expected: dict[str, str]) -> None:
    assert shared(items, INTAKE, "Amina") == expected


async def test_consent_is_live_until_its_end(database: Database) -> None:
    until = ENDS_AT + timedelta(hours=2)
    async with database.read() as session:
        assert (await consent.live(session, VISIT, until - timedelta(seconds=1))).items == ["name", "reason"]
        with pytest.raises(consent.ConsentNotLive):
            await consent.live(session, VISIT, until)


async def test_withdrawn_consent_is_over_and_only_hers_to_withdraw(database: Database) -> None:
    async with database.write() as session:
        with pytest.raises(NotFound):
            await consent.withdraw(session, visit_id=VISIT, patient_id="brian", now=STARTS_AT)
        await consent.live(session, VISIT, STARTS_AT)
        first = await consent.withdraw(session, visit_id=VISIT, patient_id=AMINA, now=STARTS_AT)
        again = await consent.withdraw(session, visit_id=VISIT, patient_id=AMINA, now=ENDS_AT)
        assert first.withdrawn_at == again.withdrawn_at == STARTS_AT
        with pytest.raises(consent.ConsentNotLive):
            await consent.live(session, VISIT, STARTS_AT)


async def test_consent_for_an_unknown_item_is_refused(database: Database) -> None:
    async with database.write() as session:
        with pytest.raises(Invalid):
            await consent.give(
                session,
                visit_id=VISIT,
                patient_id=AMINA,
                doctor_node="CN",
                doctor_id="li",
                country="CN",
                items=["everything"],
                until=ENDS_AT,
                now=STARTS_AT,
            )


async def test_a_draft_comes_back_as_it_was_saved_last(database: Database) -> None:
    async with database.write() as session:
        assert await draft(session) == DraftText("", 0, None)
        assert await save(session, "Fev", 0) == 1
        assert await save(session, "Fever", 1) == 2
        assert await draft(session) == DraftText("Fever", 2, STARTS_AT)


async def test_a_draft_saved_from_an_old_revision_is_refused(database: Database) -> None:
    async with database.write() as session:
        await save(session, "Fever", 0)
        with pytest.raises(DraftChanged):
            await save(session, "No fever", 0)
        assert (await draft(session)).text == "Fever"


async def test_a_discarded_draft_leaves_no_row(database: Database) -> None:
    async with database.write() as session:
        await save(session, "Fever", 0)
        await discard_draft(session, VISIT)
        await discard_draft(session, VISIT)
        assert (await session.exec(select(Draft))).all() == []


async def test_signing_makes_a_final_revision_and_a_correction_the_next(database: Database) -> None:
    async with database.write() as session:
        await save(session, "Fever", 0)
        await sign(session, "Fever.", 1)
        assert await draft(session) == DraftText("", 0, None)
        await sign(session, "Fever, two days.", 0)
        notes = await notes_of_visit(session, KEY, jurisdiction="KE", visit_id=VISIT)
        assert [(note.revision, note.text, note.author) for note in notes] == [
            (1, "Fever.", AUTHOR),
            (2, "Fever, two days.", AUTHOR),
        ]


async def test_signing_past_a_newer_draft_is_refused(database: Database) -> None:
    async with database.write() as session:
        await save(session, "Fever", 0)
        with pytest.raises(DraftChanged):
            await sign(session, "Nothing", 0)
        assert (await draft(session)).text == "Fever"


async def look(session: AsyncSession, what: str, subject: str) -> None:
    await access.look(
        session,
        actor={"kind": "doctor", "name": "Dr Li"},
        what=what,
        subject=subject,
        visit_id=VISIT,
        items=["name"],
        now=STARTS_AT,
    )


async def test_a_patient_sees_the_looks_at_her_own_record_newest_first(database: Database) -> None:
    async with database.write() as session:
        for what, subject in (("arrived", "hers"), ("read-shared", "his"), ("read-shared", "hers")):
            await look(session, what, subject)
        seen, more = await access.accesses(session, "hers")
        assert [(one.what, one.items) for one in seen] == [("read-shared", ["name"]), ("arrived", ["name"])]
        assert not more


async def test_many_looks_of_one_moment_hide_none_that_came_before(database: Database) -> None:
    async with database.write() as session:
        await look(session, "read-shared", "hers")
        for _ in range(access.SHOWN):
            await look(session, "arrived", "hers")
            await look(session, "arrived", "his")
        newest, more = await access.accesses(session, "hers")
        assert {one.what for one in newest} == {"arrived"}
        assert more
        older, more = await access.accesses(session, "hers", newest[-1].id)
        assert ([one.what for one in older], more) == (["read-shared"], False)
        assert len({one.id for one in newest + older}) == access.SHOWN + 1
        (his, *_), _ = await access.accesses(session, "his")
        assert await access.accesses(session, "hers", his.id) == ([], False)
