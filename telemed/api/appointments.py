"""A patient's appointments: asking for one, following what becomes of it, withdrawing her consent."""

import hashlib
import re
from datetime import timedelta
from typing import Annotated

from aiohttp import web
from pydantic import Field, StringConstraints

from telemed.api.actors import caller
from telemed.api.appointment_view import AppointmentView, Item, home, view_of, views_of
from telemed.api.routing import Body, Route, View, Who
from telemed.audit import actors, chain
from telemed.calls import ending
from telemed.db import canonical_json
from telemed.directory.entries import Code, Instant
from telemed.errors import Invalid
from telemed.node import NODE
from telemed.records import consent
from telemed.records.intake import Intake
from telemed.scheduling import booking, settling
from telemed.scheduling.booking import Limits, Request

KEY = re.compile("[0-9A-Za-z_-]{8,64}")
"""What tells a page's second try from a second wish."""

Words = Annotated[str, StringConstraints(max_length=4_000)]


class NewIntake(Body):
    """What she says before the visit, in her words."""

    reason: Annotated[str, StringConstraints(min_length=1, max_length=4_000)]
    allergies: Words = ""
    medicines: Words = ""


class NewConsent(Body):
    """What of it this doctor may see, and until when."""

    items: tuple[Item, ...] = Field(max_length=4)
    until: Instant


class NewAppointment(Body):
    """A time of a doctor, why she comes, and what the doctor may see."""

    node: Code
    doctor_id: Code
    starts_at: Instant
    language: Code
    specialty: Code
    intake: NewIntake
    consent: NewConsent


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
            patient_id=her.account_id,
            key=key,
            own=home(node),
            rules=node.rules,
            limits=Limits(settings.limits.bookings_per_patient, settings.limits.visits_per_patient),
            hold=timedelta(minutes=settings.hold_minutes),
            now=now,
        )
        view = await view_of(session, node, visit, her.zone, now)
    node.outbox_wake.set()
    return view


async def look(request: web.Request) -> AppointmentView:
    """One of her appointments."""
    node, her = request.app[NODE], caller(request)
    async with node.database.read() as session:
        visit = await booking.of_patient(session, her.account_id, request.match_info["id"])
        return await view_of(session, node, visit, her.zone, node.clock())


async def look_at_all(request: web.Request) -> AppointmentsView:
    """All of her appointments."""
    node, her = request.app[NODE], caller(request)
    async with node.database.read() as session:
        visits = await booking.all_of_patient(session, her.account_id)
        return AppointmentsView(appointments=await views_of(session, visits, her.zone))


async def withdraw(request: web.Request) -> AppointmentView:
    """Withdraw her consent: a visit that is open ends for the doctor at once, one that lies ahead will not be."""
    node, her, now = request.app[NODE], caller(request), request.app[NODE].clock()
    actor = actors.patient(node.settings.node, her.audit_handle)
    async with node.database.write() as session:
        visit = await booking.of_patient(session, her.account_id, request.match_info["id"], to_change=True)
        given = await consent.of_visit(session, visit.id)
        if given.withdrawn_at is None:
            await consent.withdraw(session, visit_id=visit.id, patient_id=her.account_id, now=now)
            await chain.record(
                session,
                actor=actor,
                action="withdrew-consent",
                subject=her.audit_handle,
                visit_id=visit.id,
                detail={"items": given.items},
                now=now,
            )
            if visit.state == "confirmed":
                visit = await ending.store_end(session, visit.id, ending.CONSENT_WITHDRAWN, now, actor)
            else:
                await settling.call_off(session, visit, ending.CONSENT_WITHDRAWN, now)
        view = await view_of(session, node, visit, her.zone, now)
    node.outbox_wake.set()
    if visit.state == "ended":
        await ending.close_room(node, visit, now)
    return view


def _asked(request: web.Request, body: NewAppointment) -> Request:
    key = request.headers.get("Idempotency-Key", "")
    if not KEY.fullmatch(key):
        raise Invalid("Send an Idempotency-Key of 8 to 64 letters and digits, the same at every try of one booking.")
    return Request(
        key=key,
        # The words themselves are not kept, nor what could be guessed from: the key is her page's and random.
        digest=hashlib.sha256(f"{key}|{canonical_json(body.model_dump(mode='json'))}".encode()).hexdigest(),
        node=body.node,
        doctor_id=body.doctor_id,
        starts_at=body.starts_at,
        language=body.language,
        specialty=body.specialty,
        intake=Intake(**body.intake.model_dump()),
        items=body.consent.items,
        until=body.consent.until,
    )


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
