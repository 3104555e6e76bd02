"""The end of a visit as the database has it, on both databases."""

from datetime import timedelta

import pytest
from sqlmodel import select

from telemed.audit import actors, chain
from telemed.audit.models import AuditEvent
from telemed.calls import admission, ending, window
from telemed.calls.models import Arrival, VisitSession
from telemed.db import Database
from telemed.errors import NotFound
from telemed.outbox.models import OutboxMessage
from telemed.records.models import Draft
from telemed.scheduling.models import Visit
from tests.sample_rows import ENDS_AT, STARTS_AT, VISIT

KE = actors.node("KE")


async def end(database: Database, reason: str) -> Visit:
    async with database.write() as session:
        return await ending.store_end(session, VISIT, reason, ENDS_AT, KE)


async def test_the_end_is_one_for_the_visit_its_sessions_its_calendar_and_the_chain(booked: Database) -> None:
    async with booked.write() as session:
        session.add(
            Arrival(jti="j", visit_id=VISIT, issuer="CN", doctor={}, assertion="", code_hash="c", expires_at=STARTS_AT)
        )
        await session.flush()
        later = ENDS_AT + timedelta(hours=2)
        session.add(
            VisitSession(id="s", token_hash="t", visit_id=VISIT, jti="j", started_at=STARTS_AT, expires_at=later)
        )
    for _ in range(2):
        visit = await end(booked, ending.TIMED_OUT)
    assert (visit.state, visit.ended_at, visit.end_reason) == ("ended", ENDS_AT, "timed-out")
    async with booked.read() as session:
        assert (await session.get_one(VisitSession, "s")).ended_at == ENDS_AT
        (message,) = await session.exec(select(OutboxMessage))
        (event,) = await session.exec(select(AuditEvent))
        assert (await chain.verify(session, ())).rows == 1
    assert (message.kind, message.peer, message.subject_id) == ("end", "CN", VISIT)
    assert (event.action, event.actor, event.detail["reason"]) == ("ended", KE, "timed-out")


async def test_a_draft_is_in_the_doctors_way_only(booked: Database) -> None:
    async with booked.write() as session:
        session.add(Draft(visit_id=VISIT, revision=1, sealed=b"", saved_at=STARTS_AT))
    with pytest.raises(ending.UnsignedDraft):
        await end(booked, ending.DOCTOR_ENDED)
    assert (await end(booked, ending.CONSENT_WITHDRAWN)).end_reason == "consent-withdrawn"
    async with booked.read() as session:
        assert await session.get(Draft, VISIT) is not None


async def test_what_was_never_confirmed_does_not_end(booked: Database) -> None:
    async with booked.write() as session:
        (await session.get_one(Visit, VISIT)).state = "gone"
    with pytest.raises(NotFound):
        await end(booked, ending.TIMED_OUT)


async def test_admission_is_stored_once_and_within_the_visit(booked: Database) -> None:
    async with booked.write() as session:
        first = await admission.admit(session, VISIT, STARTS_AT)
        assert admission.may_speak(first, "patient")
    async with booked.write() as session:
        assert (await admission.admit(session, VISIT, ENDS_AT)).admitted_at == STARTS_AT
    await end(booked, ending.DOCTOR_ENDED)
    async with booked.write() as session:
        with pytest.raises(window.VisitOver):
            await admission.admit(session, VISIT, ENDS_AT)
