"""Who comes to a visit: the doctor who was booked, once for each assertion, and nobody else."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event
from sqlmodel import col, select

from telemed.audit.models import AuditEvent
from telemed.calls import arrival, visiting, window
from telemed.calls.arrival import ArrivalRefused, Code, VisitClosed
from telemed.calls.models import Arrival, VisitSession
from telemed.db import Database
from telemed.directory import licence_rules
from telemed.directory import replica as directory
from telemed.directory.replica import Home
from telemed.errors import NotSignedIn
from telemed.federation.assertion import Assertion
from telemed.records import consent
from tests.calls.conftest import DR_LI
from tests.sample_rows import AMINA, ENDS_AT, STARTS_AT, VISIT

KE = Home("KE", "KE")
NOW = STARTS_AT - timedelta(minutes=5)
ASSERTED = Assertion("CN", VISIT, DR_LI, "j" * 22, NOW + timedelta(minutes=2))


async def accept(
    database: Database, asserted: Assertion = ASSERTED, *, signer: str = "CN", now: datetime = NOW
) -> Code:
    async with database.write() as session:
        return await arrival.accept(
            session, asserted, "jws", signer=signer, own=KE, rules=licence_rules.load(), now=now
        )


async def redeem(database: Database, code: str, now: datetime = NOW) -> str:
    async with database.write() as session:
        return (await arrival.redeem(session, code, now)).token


async def resume(database: Database, token: str, now: datetime = NOW, visit_id: str = VISIT) -> visiting.Visiting:
    async with database.read() as session:
        return await visiting.resume(session, visit_id, token, now)


async def test_the_doctor_arrives_and_the_chain_says_so(booked: Database) -> None:
    code = await accept(booked)
    assert code.expires_at == NOW + timedelta(seconds=30)
    found = await resume(booked, await redeem(booked, code.code))
    assert (found.visit.id, found.arrival.doctor["name"], found.arrival.issuer) == (VISIT, "Dr Li", "CN")
    async with booked.read() as session:
        (told,) = await session.exec(select(AuditEvent))
        (row,) = await session.exec(select(Arrival))
    assert (told.action, told.subject, told.actor["name"]) == ("arrived", f"handle-{AMINA}", "Dr Li")
    assert code.code not in row.model_dump_json()


@pytest.mark.parametrize(
    ("change", "signer"),
    [
        ({"visit_id": "b" * 32}, "CN"),
        ({"doctor": {**DR_LI, "id": "wang"}}, "CN"),
        ({}, "IT"),
        ({"issuer": "IT"}, "IT"),
        ({"issuer": "IT"}, "CN"),
    ],
    ids=["another visit", "another doctor", "another signer", "not the calendar's node", "for another node"],
)
async def test_an_assertion_for_what_is_not_its_own_is_refused(
    booked: Database, change: Mapping[str, Any], signer: str
) -> None:
    with pytest.raises(ArrivalRefused):
        await accept(booked, replace(ASSERTED, **change), signer=signer)
    async with booked.read() as session:
        assert (await session.exec(select(AuditEvent))).all() == []
        assert (await session.exec(select(Arrival))).all() == []


async def test_an_assertion_is_used_once(booked: Database) -> None:
    await accept(booked)
    with pytest.raises(ArrivalRefused):
        await accept(booked)


async def test_a_code_is_used_once_and_within_thirty_seconds(booked: Database) -> None:
    code = (await accept(booked)).code
    late = (await accept(booked, replace(ASSERTED, jti="k" * 22))).code
    await redeem(booked, code)
    for refused, now in ((code, NOW), (late, NOW + arrival.CODE_LIFE), ("guess", NOW)):
        with pytest.raises(ArrivalRefused):
            await redeem(booked, refused, now)
    async with booked.read() as session:
        assert len((await session.exec(select(VisitSession))).all()) == 1


async def test_a_later_arrival_takes_the_place_of_the_earlier(booked: Database) -> None:
    first = await redeem(booked, (await accept(booked)).code)
    second = await redeem(booked, (await accept(booked, replace(ASSERTED, jti="k" * 22))).code)
    await resume(booked, second)
    with pytest.raises(NotSignedIn):
        await resume(booked, first)


async def test_of_two_who_arrive_at_once_the_later_takes_the_place_of_the_earlier(booked: Database) -> None:
    first, second = (await accept(booked)).code, (await accept(booked, replace(ASSERTED, jti="k" * 22))).code
    waits = asyncio.Event()

    def heard(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "FOR UPDATE" in statement:
            waits.set()

    async with booked.write() as session:
        await arrival.redeem(session, first, NOW)
        event.listen(booked.engine.sync_engine, "before_cursor_execute", heard)
        later = asyncio.create_task(redeem(booked, second))
        if booked.engine.dialect.name == "postgresql":
            # SQLite has one writer: there the later waits for this one's end.
            blocked = asyncio.create_task(waits.wait())
            await asyncio.wait({later, blocked}, timeout=10, return_when=asyncio.FIRST_COMPLETED)
            blocked.cancel()
    await asyncio.wait_for(later, 10)
    async with booked.read() as session:
        live = select(VisitSession.jti).where(col(VisitSession.ended_at).is_(None))
        assert (await session.exec(live)).all() == [f"CN|{'k' * 22}"]


async def test_a_session_is_for_one_visit(booked: Database) -> None:
    token = await redeem(booked, (await accept(booked)).code)
    with pytest.raises(NotSignedIn):
        await resume(booked, token, visit_id="b" * 32)


async def test_nobody_arrives_outside_the_window(booked: Database) -> None:
    with pytest.raises(window.NotOpenYet):
        await accept(booked, now=STARTS_AT - window.BEFORE - timedelta(seconds=1))
    with pytest.raises(VisitClosed):
        await accept(booked, now=ENDS_AT + window.AFTER)
    await accept(booked, now=ENDS_AT + window.AFTER - timedelta(seconds=1))


async def test_a_withdrawn_consent_ends_the_session_at_once(booked: Database) -> None:
    token = await redeem(booked, (await accept(booked)).code)
    code = (await accept(booked, replace(ASSERTED, jti="k" * 22))).code
    async with booked.write() as session:
        await consent.withdraw(session, visit_id=VISIT, patient_id=AMINA, now=NOW)
    with pytest.raises(consent.ConsentNotLive):
        await resume(booked, token)
    with pytest.raises(ArrivalRefused):
        await redeem(booked, code)
    with pytest.raises(ArrivalRefused):
        await accept(booked, replace(ASSERTED, jti="l" * 22))


async def test_the_licence_is_the_directorys_not_the_assertions(booked: Database) -> None:
    (licence,) = DR_LI["licences"]
    lapsed = {**DR_LI, "licences": [{**licence, "valid_until": "2026-11-23"}]}
    async with booked.write() as session:
        await directory.apply(
            session, "CN", "CN", [{"cursor": 2, "doctor": lapsed, "free": []}], after=1, cursor=2, more=False, now=NOW
        )
    with pytest.raises(ArrivalRefused):
        await accept(booked)


async def test_the_rule_is_asked_again(booked: Database) -> None:
    none = licence_rules.load().model_copy(update={"rules": ()})
    with pytest.raises(ArrivalRefused):
        async with booked.write() as session:
            await arrival.accept(session, ASSERTED, "jws", signer="CN", own=KE, rules=none, now=NOW)
