"""The patient's own record: her visits with what she said and what was signed, and who looked at it."""

from typing import Literal

from aiohttp import web
from pydantic import Field

from telemed.api.actors import caller
from telemed.api.appointment_view import BookedDoctor, EndReason
from telemed.api.notes import NoteView, note_view
from telemed.api.routing import Body, Moment, Route, View, Who
from telemed.audit import actors
from telemed.calls import window
from telemed.directory.entries import Code
from telemed.node import NODE
from telemed.records import access, notes
from telemed.records.access import Access
from telemed.records.intake import read_intake
from telemed.scheduling import booking
from telemed.scheduling.models import Visit

SHOWN = 50
"""Visits shown at once; the older ones when they are asked for."""


class BriefView(View):
    """An appointment as the record's heading needs it."""

    id: str
    state: Literal["confirmed", "ended"]
    starts_at: Moment
    ends_at: Moment
    doctor: BookedDoctor
    language: str
    specialty: str
    ended_at: Moment | None
    end_reason: EndReason | None


class IntakeView(View):
    """What she said before the visit."""

    reason: str
    allergies: str
    medicines: str


class RecordedVisitView(View):
    """One visit of the record."""

    appointment: BriefView
    notes: list[NoteView]
    intake: IntakeView


class RecordView(View):
    """Her visits, the newest first; `more` says that there are older ones."""

    visits: list[RecordedVisitView]
    more: bool


class BeforeVisit(Body):
    """The id of the oldest visit that is shown already."""

    before: Code | None = None


class WhoView(View):
    """Who looked: herself, a doctor by name and node, or the node when a time had come."""

    kind: Literal["you", "doctor", "node"]
    name: str | None
    node: str | None


class AccessView(View):
    """One look or deed, and what of the record it was about."""

    id: str
    at: Moment
    who: WhoView
    what: str
    items: list[str]
    visit_id: str | None


class AccessesView(View):
    """The newest first; `more` says that there are older ones."""

    accesses: list[AccessView]
    more: bool


class Before(Body):
    """The id of the oldest one that is shown already."""

    before: str | None = Field(None, pattern="^[0-9a-f]{64}$")


async def read(request: web.Request, asked: BeforeVisit) -> RecordView:
    """What is hers, opened for her; her own look is in the chain too."""
    node, her = request.app[NODE], caller(request)
    jurisdiction = node.settings.jurisdiction
    async with node.database.read() as session:
        key = await node.data_keys.of(session, her.account_id)
        visits, more = await booking.confirmed_of_patient(session, her.account_id, SHOWN, before=asked.before)
        found = [
            RecordedVisitView(
                appointment=_brief(visit),
                notes=[
                    note_view(note)
                    for note in await notes.notes_of_visit(session, key, jurisdiction=jurisdiction, visit_id=visit.id)
                ],
                intake=IntakeView.model_validate(
                    await read_intake(session, key, jurisdiction=jurisdiction, visit_id=visit.id), from_attributes=True
                ),
            )
            for visit in visits
        ]
    async with node.database.write() as session:
        await access.look(
            session,
            actor=actors.patient(node.settings.node, her.audit_handle),
            what="read-record",
            subject=her.audit_handle,
            visit_id=None,
            items=["intake", "note"],
            now=node.clock(),
        )
    return RecordView(visits=found, more=more)


async def accesses(request: web.Request, asked: Before) -> AccessesView:
    """Who looked at her record, what and when."""
    async with request.app[NODE].database.read() as session:
        found, more = await access.accesses(session, caller(request).audit_handle, asked.before)
    return AccessesView(accesses=[_access(look) for look in found], more=more)


def _brief(visit: Visit) -> BriefView:
    return BriefView(
        id=visit.id,
        state=visit.state,
        starts_at=visit.starts_at,
        ends_at=window.ends_at(visit),
        doctor=BookedDoctor.model_validate(visit.doctor),
        language=visit.language,
        specialty=visit.specialty,
        ended_at=visit.ended_at,
        end_reason=visit.end_reason,
    )


def _access(look: Access) -> AccessView:
    actor = look.actor
    kind = "you" if actor["kind"] == "patient" else actor["kind"]
    return AccessView(
        id=look.id,
        at=look.at,
        who=WhoView(kind=kind, name=actor["name"], node=actor["node"]),
        what=look.what,
        items=list(look.items),
        visit_id=look.visit_id,
    )


ROUTES = (
    Route(
        method="GET",
        path="/record",
        handler=read,
        who=Who.PATIENT,
        query=BeforeVisit,
        view=RecordView,
        summary="The patient's own record",
    ),
    Route(
        method="GET",
        path="/record/accesses",
        handler=accesses,
        who=Who.PATIENT,
        query=Before,
        view=AccessesView,
        summary="Who looked at the patient's record",
    ),
)
