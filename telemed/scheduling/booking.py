"""Booking, on the patient's node: a request is stored with all that belongs to it, and sent."""

import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from sqlalchemy import tuple_
from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from telemed.accounts.models import Account
from telemed.audit import actors, chain
from telemed.crypto.sealing import DataKeyValue
from telemed.directory import replica
from telemed.directory.licence_rules import Decision, LicenceRules
from telemed.directory.replica import Home, Listed, speaks
from telemed.errors import Invalid, KeyReused, NotFound
from telemed.outbox.post import post
from telemed.records import consent
from telemed.records.intake import Intake, add_intake
from telemed.scheduling.holding import RuleForbids, SlotTaken, TooManyClaims
from telemed.scheduling.matching import decision
from telemed.scheduling.models import Visit
from telemed.scheduling.settling import OPEN
from telemed.scheduling.slots import on_grid


@dataclass(frozen=True, slots=True)
class Request:
    """What a patient asks for. `key` and `digest` tell her page's second try from a second wish."""

    key: str
    digest: str
    node: str
    doctor_id: str
    starts_at: datetime
    language: str
    specialty: str
    intake: Intake
    items: Sequence[str]
    until: datetime


@dataclass(frozen=True, slots=True)
class Limits:
    """What one patient may have at once: bookings that are not settled, and visits that lie ahead."""

    open: int
    visits: int


async def request(
    session: AsyncSession,
    asked: Request,
    *,
    patient_id: str,
    key: DataKeyValue,
    own: Home,
    rules: LicenceRules,
    limits: Limits,
    hold: timedelta,
    now: datetime,
) -> Visit:
    """Store the booking, the sealed intake, her consent and the message to the doctor's node, or nothing of it.

    Raises:
        NotFound: no such doctor. RuleForbids, SlotTaken, TooManyClaims, KeyReused: see there.
        Invalid: a time that is past or not the doctor's, a specialty or language that is not theirs.
    """
    # Locked, so that two requests of hers at once are one after the other: same keys meet, and limits count.
    patient = await session.get_one(Account, patient_id, with_for_update=True)
    before = await _asked_before(session, patient_id, asked)
    if before is not None:
        return before
    listed = await replica.doctor(session, own, asked.node, asked.doctor_id)
    if listed is None:
        raise NotFound("This doctor is not listed (any more); search again.")
    said = _require_offered(asked, listed, own, rules, now)
    await _require_room(session, patient_id, limits, now)
    visit = _requested(asked, patient_id, listed, said, now, now + hold)
    session.add(visit)
    await session.flush()
    await _store_what_she_said(session, asked, visit, key, own, listed, now)
    actor = actors.patient(own.node, patient.audit_handle)
    await chain.record(
        session,
        actor=actor,
        action="gave-consent",
        subject=patient.audit_handle,
        visit_id=visit.id,
        detail={"items": list(asked.items)},
        now=now,
    )
    await post(
        session,
        kind="hold",
        subject_id=visit.id,
        peer=visit.doctor_node,
        path=f"/federation/v1/appointments/{visit.id}/hold",
        body={
            "doctor_id": visit.doctor_id,
            "starts_at": visit.starts_at.isoformat(),
            "minutes": visit.minutes,
            "language": visit.language,
            "specialty": visit.specialty,
            "handle": visit.handle,
            "rule": {"kind": said.kind, "version": said.version},
        },
        now=now,
        give_up_at=visit.hold_until,
    )
    return visit


async def of_patient(session: AsyncSession, patient_id: str, visit_id: str, *, to_change: bool = False) -> Visit:
    """One of her visits. Raises NotFound, the same for somebody else's."""
    visit = await session.get(Visit, visit_id, with_for_update=to_change)
    if visit is None or visit.patient_id != patient_id:
        raise NotFound("There is no such appointment of yours.")
    return visit


async def all_of_patient(session: AsyncSession, patient_id: str, limit: int = 200) -> Sequence[Visit]:
    """Her visits, the latest first."""
    hers = select(Visit).where(Visit.patient_id == patient_id).order_by(col(Visit.starts_at).desc(), col(Visit.id))
    return (await session.exec(hers.limit(limit))).all()


async def confirmed_of_patient(
    session: AsyncSession, patient_id: str, limit: int, *, before: str | None = None
) -> tuple[Sequence[Visit], bool]:
    """Her visits that were confirmed or have ended, the latest first, and whether there are earlier ones.

    `before` is the id of one of her visits: only what comes after that one in this order. Raises NotFound.
    """
    hers = select(Visit).where(Visit.patient_id == patient_id, col(Visit.state).in_(("confirmed", "ended")))
    if before is not None:
        last = await of_patient(session, patient_id, before)
        hers = hers.where(tuple_(Visit.starts_at, Visit.id) < (last.starts_at, last.id))
    found = (
        await session.exec(hers.order_by(col(Visit.starts_at).desc(), col(Visit.id).desc()).limit(limit + 1))
    ).all()
    return found[:limit], len(found) > limit


async def _asked_before(session: AsyncSession, patient_id: str, asked: Request) -> Visit | None:
    same = select(Visit).where(Visit.patient_id == patient_id, Visit.request_key == asked.key)
    visit = (await session.exec(same)).first()
    if visit is not None and visit.request_digest != asked.digest:
        raise KeyReused("This Idempotency-Key belongs to another booking; take a new one.")
    return visit


def _require_offered(asked: Request, listed: Listed, own: Home, rules: LicenceRules, now: datetime) -> Decision:
    ends_at = asked.starts_at + timedelta(minutes=listed.doctor.visit_minutes)
    if asked.starts_at <= now:
        raise _invalid("/starts_at", "This time has passed; choose one that lies ahead.")
    if on_grid(asked.starts_at) != asked.starts_at:
        raise _invalid("/starts_at", "Visits begin every five minutes; choose one of the times that are shown.")
    if asked.specialty not in listed.doctor.specialties:
        raise _invalid("/specialty", "This doctor has another specialty; search again.")
    if not speaks(listed.doctor.languages, asked.language):
        raise _invalid("/language", "This doctor does not speak that language; search again.")
    if asked.until < ends_at:
        raise _invalid("/consent/until", "Let the doctor see it until the end of the visit at least.")
    said = decision(rules, own.jurisdiction, listed, asked.starts_at)
    if not said.offered:
        raise RuleForbids(said.why)
    if not any(start <= asked.starts_at and ends_at <= end for start, end in listed.free):
        raise SlotTaken("This time is not free (any more); choose another.")
    return said


async def _require_room(session: AsyncSession, patient_id: str, limits: Limits, now: datetime) -> None:
    hers = select(func.count()).select_from(Visit).where(Visit.patient_id == patient_id, Visit.starts_at > now)
    unsettled = (await session.exec(hers.where(col(Visit.state).in_(OPEN)))).one()
    ahead = (await session.exec(hers.where(Visit.state == "confirmed"))).one()
    if unsettled >= limits.open or unsettled + ahead >= limits.visits:
        raise TooManyClaims("You have as many open appointments as one may have; end one first.")


def _requested(
    asked: Request, patient_id: str, listed: Listed, said: Decision, now: datetime, tried_until: datetime
) -> Visit:
    return Visit(
        id=secrets.token_hex(16),
        patient_id=patient_id,
        handle=secrets.token_hex(16),
        doctor_node=asked.node,
        doctor_id=asked.doctor_id,
        doctor=listed.public(),
        starts_at=asked.starts_at,
        minutes=listed.doctor.visit_minutes,
        language=asked.language,
        specialty=asked.specialty,
        rule=asdict(said),
        state="requested",
        request_key=asked.key,
        request_digest=asked.digest,
        requested_at=now,
        hold_until=tried_until,
        room=secrets.token_hex(16),
    )


async def _store_what_she_said(
    session: AsyncSession, asked: Request, visit: Visit, key: DataKeyValue, own: Home, listed: Listed, now: datetime
) -> None:
    await add_intake(
        session,
        key,
        jurisdiction=own.jurisdiction,
        visit_id=visit.id,
        patient_id=visit.patient_id,
        intake=asked.intake,
        now=now,
    )
    await consent.give(
        session,
        visit_id=visit.id,
        patient_id=visit.patient_id,
        doctor_node=visit.doctor_node,
        doctor_id=visit.doctor_id,
        country=listed.home.jurisdiction,
        items=asked.items,
        until=asked.until,
        now=now,
    )


def _invalid(pointer: str, message: str) -> Invalid:
    return Invalid(message, fields=[{"pointer": pointer, "message": message}])
