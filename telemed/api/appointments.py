"""A patient's appointments: asking for one, following what becomes of it, withdrawing her consent."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from aiohttp import web
from pydantic import AwareDatetime, Field, StringConstraints
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from telemed.accounts.models import Account
from telemed.api.actors import SignedIn, caller
from telemed.api.routing import Body, Moment, Route, View, Who
from telemed.api.slots import LicenceView, LocalView, RuleView, SlotView
from telemed.audit import actors, chain
from telemed.calls import ending, window
from telemed.db import canonical_json
from telemed.directory import replica
from telemed.directory.entries import Code
from telemed.directory.replica import Home
from telemed.errors import Invalid
from telemed.node import NODE, Node
from telemed.records import consent
from telemed.records.intake import Intake
from telemed.records.models import Consent
from telemed.scheduling import booking
from telemed.scheduling.booking import Limits, Request
from telemed.scheduling.matching import next_slots
from telemed.scheduling.models import Visit
from telemed.scheduling.slots import local

Words = Annotated[str, StringConstraints(max_length=4_000)]


class NewIntake(Body):
    """What she says before the visit, in her words."""

    reason: Annotated[str, StringConstraints(min_length=1, max_length=4_000)]
    allergies: Words = ""
    medicines: Words = ""


class NewConsent(Body):
    """What of it this doctor may see, and until when."""

    items: tuple[Literal["name", "reason", "allergies", "medicines"], ...] = Field(max_length=4)
    until: AwareDatetime


class NewAppointment(Body):
    """A time of a doctor, why she comes, and what the doctor may see."""

    node: Code
    doctor_id: Code
    starts_at: AwareDatetime
    language: Code
    specialty: Code
    intake: NewIntake
    consent: NewConsent


class BookedDoctor(View):
    """The doctor as the directory had them at the time of booking."""

    node: str
    id: str
    name: str
    jurisdiction: str
    licences: tuple[LicenceView, ...]


class ConsentView(View):
    """What she let the doctor see."""

    items: list[str]
    country: str
    until: Moment
    withdrawn_at: Moment | None


class AppointmentView(View):
    """One appointment, and where it stands."""

    id: str
    state: Literal["requested", "held", "confirmed", "gone", "unreachable", "ended"]
    detail: str | None
    trying: bool
    hold_until: Moment | None
    starts_at: Moment
    ends_at: Moment
    hers: LocalView
    doctors: LocalView
    doctor: BookedDoctor
    language: str
    specialty: str
    rule: RuleView
    consent: ConsentView
    enter_from: Moment
    closes_at: Moment
    next_slots: list[SlotView]
    ended_at: Moment | None
    end_reason: str | None


class AppointmentsView(View):
    """All of hers, the latest first."""

    appointments: list[AppointmentView]


async def book(request: web.Request, body: NewAppointment) -> AppointmentView:
    """Store the booking and have the outbox ask the doctor's node."""
    node, her, settings = request.app[NODE], caller(request), request.app[NODE].settings
    now, asked = node.clock(), _asked(request, body)
    async with node.database.read() as session:
        key = await node.data_keys.of(session, her.account_id)
    async with node.database.write() as session:
        visit = await booking.request(
            session,
            asked,
            patient=await session.get_one(Account, her.account_id),
            key=key,
            own=_home(node),
            rules=node.rules,
            limits=Limits(settings.limits.bookings_per_patient, settings.limits.visits_per_patient),
            hold=timedelta(minutes=settings.hold_minutes),
            now=now,
        )
        view = await _view(session, node, visit, her, now)
    node.outbox_wake.set()
    return view


async def look(request: web.Request) -> AppointmentView:
    """One of her appointments."""
    node, her = request.app[NODE], caller(request)
    async with node.database.read() as session:
        visit = await booking.of_patient(session, her.account_id, request.match_info["id"])
        return await _view(session, node, visit, her, node.clock())


async def look_at_all(request: web.Request) -> AppointmentsView:
    """All of her appointments."""
    node, her = request.app[NODE], caller(request)
    async with node.database.read() as session:
        visits = await booking.all_of_patient(session, her.account_id)
        return AppointmentsView(appointments=await views(session, node, visits, her, node.clock()))


async def withdraw(request: web.Request) -> AppointmentView:
    """Withdraw her consent: a visit that is open ends for the doctor at once, one that lies ahead will not be."""
    node, her, now = request.app[NODE], caller(request), request.app[NODE].clock()
    actor = actors.patient(node.settings.node, her.audit_handle)
    async with node.database.write() as session:
        visit = await booking.of_patient(session, her.account_id, request.match_info["id"])
        await consent.withdraw(session, visit_id=visit.id, patient_id=her.account_id, now=now)
        await chain.record(
            session,
            actor=actor,
            action="withdrew-consent",
            subject=her.audit_handle,
            visit_id=visit.id,
            detail={"items": []},
            now=now,
        )
        if visit.state == "confirmed":
            visit = await ending.store_end(session, visit.id, ending.CONSENT_WITHDRAWN, now, actor)
        else:
            await booking.call_off(session, visit, ending.CONSENT_WITHDRAWN, now)
        view = await _view(session, node, visit, her, now)
    node.outbox_wake.set()
    if visit.state == "ended":
        await ending.close_room(node, visit, now)
    return view


async def views(
    session: AsyncSession, node: Node, visits: Sequence[Visit], her: SignedIn, now: datetime
) -> list[AppointmentView]:
    """Several appointments as she sees them."""
    return [await _view(session, node, visit, her, now) for visit in visits]


async def _view(session: AsyncSession, node: Node, visit: Visit, her: SignedIn, now: datetime) -> AppointmentView:
    given = (await session.exec(select(Consent).where(col(Consent.visit_id) == visit.id))).one()
    hers, doctors = ZoneInfo(her.zone), ZoneInfo(visit.doctor["zone"])
    following: list[SlotView] = []
    if visit.state == "gone":
        listed = await replica.doctor(session, _home(node), visit.doctor_node, visit.doctor_id)
        found = next_slots(listed, node.rules, node.settings.jurisdiction, hers, now) if listed else []
        following = [SlotView.model_validate(slot, from_attributes=True) for slot in found]
    kept = visit.model_dump(include=set(AppointmentView.model_fields))
    return AppointmentView.model_validate(
        {
            **kept,
            "ends_at": window.ends_at(visit),
            "hers": LocalView.model_validate(local(visit.starts_at, hers), from_attributes=True),
            "doctors": LocalView.model_validate(local(visit.starts_at, doctors), from_attributes=True),
            "consent": ConsentView.model_validate(given, from_attributes=True),
            "enter_from": window.enter_from(visit),
            "closes_at": window.closes_at(visit),
            "next_slots": following,
        }
    )


def _asked(request: web.Request, body: NewAppointment) -> Request:
    key = request.headers.get("Idempotency-Key", "")
    if not 8 <= len(key) <= 64:
        raise Invalid("Send an Idempotency-Key of 8 to 64 characters, the same at every try of one booking.")
    return Request(
        key=key,
        # The words themselves are not kept, nor what could be guessed from: the key is her page's and random.
        digest=hashlib.sha256(f"{key}|{canonical_json(body.model_dump(mode='json'))}".encode()).hexdigest(),
        node=body.node,
        doctor_id=body.doctor_id,
        starts_at=body.starts_at.astimezone(UTC),
        language=body.language,
        specialty=body.specialty,
        intake=Intake(**body.intake.model_dump()),
        items=body.consent.items,
        until=body.consent.until.astimezone(UTC),
    )


def _home(node: Node) -> Home:
    return Home(node.settings.node, node.settings.jurisdiction)


ROUTES = (
    Route(
        method="POST",
        path="/appointments",
        handler=book,
        who=Who.PATIENT,
        body=NewAppointment,
        view=AppointmentView,
        status=202,
        once=True,
        summary="Book a visit",
    ),
    Route(
        method="GET",
        path="/appointments",
        handler=look_at_all,
        who=Who.PATIENT,
        view=AppointmentsView,
        summary="The patient's appointments",
    ),
    Route(
        method="GET",
        path="/appointments/{id}",
        handler=look,
        who=Who.PATIENT,
        view=AppointmentView,
        summary="Where an appointment stands",
    ),
    Route(
        method="POST",
        path="/appointments/{id}/consent/withdraw",
        handler=withdraw,
        who=Who.PATIENT,
        view=AppointmentView,
        summary="Withdraw the consent, which ends the visit",
    ),
)
