"""A booking on the patient's node: stored whole or not at all, once, and what becomes of it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import SQLModel, select

from telemed.accounts import profiles
from telemed.audit.models import AuditEvent
from telemed.crypto.data_keys import DataKeys
from telemed.crypto.keyring import FileKeyRing
from telemed.crypto.sealing import DataKeyValue
from telemed.db import Database
from telemed.directory import licence_rules
from telemed.directory.doctors import add_doctor
from telemed.directory.replica import Home
from telemed.errors import Invalid, KeyReused, TelemedError
from telemed.federation.client import Answer
from telemed.outbox.models import OutboxMessage
from telemed.records.intake import Intake, read_intake
from telemed.records.models import Consent, Entry
from telemed.scheduling import booking, settling
from telemed.scheduling.booking import Limits, Request
from telemed.scheduling.holding import TooManyClaims
from telemed.scheduling.models import Visit
from tests.conftest import SetClock
from tests.directory.test_directory import LI

OWN = Home("CN", "CN")
RULES = licence_rules.load()
HOLD = timedelta(minutes=3)
REASON = "A cough at night"


@dataclass
class Desk:
    """A patient at her own node, which is the doctor's too."""

    database: Database
    clock: SetClock
    patient_id: str
    key: DataKeyValue
    asked: Request

    async def request(self, limits: Limits | None = None, **changes: Any) -> Visit:
        async with self.database.write() as session:
            return await booking.request(
                session,
                replace(self.asked, **changes),
                patient_id=self.patient_id,
                key=self.key,
                own=OWN,
                rules=RULES,
                limits=limits or Limits(3, 20),
                hold=HOLD,
                now=self.clock(),
            )

    async def all(self, kind: type[SQLModel]) -> Sequence[Any]:
        async with self.database.read() as session:
            return (await session.exec(select(kind))).all()

    async def sent(self, kind: str) -> list[OutboxMessage]:
        return [message for message in await self.all(OutboxMessage) if message.kind == kind]

    async def answered(self, kind: str, answer: Answer | None) -> Visit:
        """The visit, after the first message of that kind was answered."""
        (message, *_) = await self.sent(kind)
        async with self.database.write() as session:
            await settling.LISTENERS[kind].answered(session, message, answer, self.clock())
            return await session.get_one(Visit, message.subject_id)


@pytest.fixture
async def desk(database: Database, clock: SetClock, tmp_path: Path) -> Desk:
    key_ring = FileKeyRing.create(tmp_path / "key-ring.json")
    key, row = await DataKeys(key_ring, "CN").new("wei", clock())
    profile = profiles.Profile("Wei", "wei@example.org")
    new = profiles.NewAccount("wei", "hmac", "-", key, row, profile, "zh-Hans", "Asia/Shanghai")
    async with database.write() as session:
        await profiles.open_account(session, new, role="patient", jurisdiction="CN", now=clock())
        doctor = await add_doctor(session, LI, jurisdiction="CN", now=clock())
    asked = Request(
        key="key-1",
        digest="digest-1",
        node="CN",
        doctor_id=doctor.id,
        starts_at=clock() + timedelta(hours=1),
        language="zh",
        specialty="infectious-diseases",
        intake=Intake(REASON, "penicillin", ""),
        items=("reason", "name"),
        until=clock() + timedelta(hours=5),
    )
    return Desk(database, clock, "wei", key, asked)


def held(clock: SetClock) -> Answer:
    return Answer(201, {"hold_until": (clock() + HOLD).isoformat()})


async def test_a_request_is_stored_with_all_that_belongs_to_it(desk: Desk, clock: SetClock) -> None:
    visit = await desk.request()
    assert (visit.state, visit.rule["kind"], visit.doctor["name"]) == ("requested", "direct-care", "Dr Li")
    (given,) = await desk.all(Consent)
    assert (given.visit_id, given.items, given.country) == (visit.id, ["name", "reason"], "CN")
    (entry,) = await desk.all(Entry)
    assert REASON.encode() not in entry.sealed
    async with desk.database.read() as session:
        said = await read_intake(session, desk.key, jurisdiction="CN", visit_id=visit.id)
    assert said.reason == REASON
    (message,) = await desk.sent("hold")
    assert (message.peer, message.give_up_at) == ("CN", clock() + HOLD)
    assert set(message.body) == {"doctor_id", "starts_at", "minutes", "language", "specialty", "handle", "rule"}
    assert message.body["handle"] == visit.handle
    assert [event.action for event in await desk.all(AuditEvent)] == ["gave-consent"]


async def test_a_request_that_is_refused_at_its_end_leaves_nothing(desk: Desk) -> None:
    with pytest.raises(Invalid):
        await desk.request(items=("diary",))
    for kind in (Visit, Entry, Consent, OutboxMessage, AuditEvent):
        assert list(await desk.all(kind)) == []


async def test_the_same_request_many_times_at_once_is_one(desk: Desk) -> None:
    visits = await asyncio.gather(*(desk.request() for _ in range(8)))
    assert len({visit.id for visit in visits}) == 1
    assert len(await desk.sent("hold")) == 1
    with pytest.raises(KeyReused):
        await desk.request(digest="another")


async def test_her_limit_holds_for_many_requests_at_once(desk: Desk) -> None:
    async def tried(number: int) -> bool:
        try:
            await desk.request(key=f"key-{number}", starts_at=desk.asked.starts_at + number * timedelta(minutes=10))
        except TooManyClaims:
            return False
        return True

    assert sum(await asyncio.gather(*(tried(number) for number in range(9)))) == 3


async def test_visits_that_lie_ahead_are_limited_too(desk: Desk) -> None:
    await desk.request(Limits(3, 1))
    await desk.answered("hold", held(desk.clock))
    await desk.answered("confirm", Answer(200, {}))
    with pytest.raises(TooManyClaims):
        await desk.request(Limits(3, 1), key="key-2", starts_at=desk.asked.starts_at + timedelta(hours=1))


async def test_a_hold_is_confirmed_and_then_a_visit(desk: Desk, clock: SetClock) -> None:
    await desk.request()
    visit = await desk.answered("hold", held(clock))
    assert (visit.state, visit.hold_until) == ("held", clock() + HOLD)
    (message,) = await desk.sent("confirm")
    assert message.give_up_at == visit.starts_at + timedelta(minutes=visit.minutes)
    visit = await desk.answered("confirm", Answer(200, {"state": "confirmed"}))
    assert (visit.state, visit.hold_until, visit.trying) == ("confirmed", None, False)
    # An answer that is heard twice changes nothing.
    assert (await desk.answered("hold", None)).state == "confirmed"
    assert (await desk.answered("confirm", Answer(410, {"code": "hold-lapsed"}))).state == "confirmed"
    assert len(await desk.sent("confirm")) == 1


@pytest.mark.parametrize(
    ("answer", "state", "detail"),
    [
        (Answer(409, {"code": "slot-taken"}), "gone", "slot-taken"),
        (Answer(403, {"code": "licence-rule"}), "gone", "licence-rule"),
        (Answer(429, {"code": "too-many"}), "gone", "too-many"),
        (Answer(404, {"code": "what-the-peer-likes"}), "gone", "refused"),
        (None, "unreachable", "node-unreachable"),
        (Answer(201, {"hold_until": "soon"}), "held", None),
        (Answer(201, {"hold_until": "2026-11-24T08:03:00"}), "held", None),
        (Answer(201, {"hold_until": "0001-01-01T00:00:00Z"}), "held", None),
        (Answer(201, {"hold_until": "0001-01-01T00:00:00+14:00"}), "held", None),
    ],
)
async def test_what_becomes_of_a_hold(desk: Desk, answer: Answer | None, state: str, detail: str | None) -> None:
    await desk.request()
    visit = await desk.answered("hold", answer)
    assert (visit.state, visit.detail, visit.hold_until, visit.trying) == (state, detail, None, False)


async def test_a_confirmation_that_comes_too_late_is_gone(desk: Desk, clock: SetClock) -> None:
    await desk.request()
    await desk.answered("hold", held(clock))
    visit = await desk.answered("confirm", Answer(410, {"code": "hold-lapsed"}))
    assert (visit.state, visit.detail) == ("gone", "hold-lapsed")


async def test_she_sees_that_it_is_tried_again(desk: Desk, clock: SetClock) -> None:
    visit = await desk.request()
    (message,) = await desk.sent("hold")
    trying = settling.LISTENERS["hold"].trying
    assert trying is not None
    async with desk.database.write() as session:
        await trying(session, message, clock())
    assert [one.trying for one in await desk.all(Visit)] == [True]
    assert (await desk.answered("hold", held(clock))).trying is False
    async with desk.database.write() as session:
        await settling.call_off(session, await session.get_one(Visit, visit.id), "consent-withdrawn", clock())
        await trying(session, message, clock())
    assert [one.trying for one in await desk.all(Visit)] == [False]


async def test_a_hold_that_is_answered_after_it_was_called_off_is_let_go(desk: Desk, clock: SetClock) -> None:
    visit = await desk.request()
    async with desk.database.write() as session:
        await settling.call_off(session, await session.get_one(Visit, visit.id), "consent-withdrawn", clock())
    assert len(await desk.sent("end")) == 1
    assert (await desk.answered("hold", held(clock))).state == "ended"
    assert await desk.sent("confirm") == []
    assert len(await desk.sent("end")) == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"starts_at": timedelta(hours=-2)},
        {"starts_at": timedelta(minutes=1)},
        {"starts_at": timedelta(days=40)},
        {"specialty": "cardiology"},
        {"language": "sw"},
        {"node": "KE"},
        {"doctor_id": "nobody"},
        {"until": timedelta(hours=-1)},
    ],
)
async def test_what_the_directory_does_not_offer_is_not_sent(desk: Desk, changes: dict[str, Any]) -> None:
    base: datetime = desk.asked.starts_at
    moved: dict[str, Any] = {
        name: base + value if isinstance(value, timedelta) else value for name, value in changes.items()
    }
    with pytest.raises(TelemedError):
        await desk.request(**moved)
    assert list(await desk.all(OutboxMessage)) == []
