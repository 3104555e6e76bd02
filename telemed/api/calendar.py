"""The doctor's calendar, on the doctor's own node."""

from datetime import timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from aiohttp import web

from telemed.api.actors import caller
from telemed.api.routing import Moment, Route, View, Who
from telemed.api.slots import LocalView
from telemed.calls import window
from telemed.directory.models import Doctor
from telemed.errors import NotFound
from telemed.federation.trust_list import TrustListRefused
from telemed.node import NODE, Node
from telemed.scheduling import calendar
from telemed.scheduling.slots import local

BACK = timedelta(hours=12)
"""How far back the calendar shows visits."""


class CalendarEntry(View):
    """A visit as the doctor's node knows it."""

    id: str
    patient_node: str
    patient_jurisdiction: str | None
    starts_at: Moment
    ends_at: Moment
    doctors: LocalView
    language: str
    specialty: str
    state: Literal["held", "confirmed", "ended"]
    join_from: Moment
    join_until: Moment


class CalendarView(View):
    """The visits of half a day back and all that lie ahead, in order."""

    appointments: list[CalendarEntry]


async def look(request: web.Request) -> CalendarView:
    """The signed-in doctor's visits."""
    node, now = request.app[NODE], request.app[NODE].clock()
    jurisdictions = await _jurisdictions(node)
    async with node.database.read() as session:
        doctor = await session.get(Doctor, caller(request).doctor_id or "")
        if doctor is None:
            raise NotFound("You are not in this node's directory; ask your administrator.")
        claims = await calendar.of_doctor(session, doctor.id, now - BACK)
    zone = ZoneInfo(doctor.zone)
    return CalendarView(
        appointments=[
            CalendarEntry.model_validate(
                {
                    **claim.model_dump(include=set(CalendarEntry.model_fields)),
                    "patient_jurisdiction": jurisdictions.get(claim.patient_node),
                    "ends_at": claim.starts_at + timedelta(minutes=claim.minutes),
                    "doctors": LocalView.model_validate(local(claim.starts_at, zone), from_attributes=True),
                    "join_from": claim.starts_at - window.BEFORE,
                    "join_until": claim.starts_at + timedelta(minutes=claim.minutes) + window.AFTER,
                }
            )
            for claim in claims
        ]
    )


async def _jurisdictions(node: Node) -> dict[str, str]:
    try:
        trusted = await node.trust.current(node.clock())
    except TrustListRefused:
        return {}
    return {known.id: known.jurisdiction for known in trusted.active.values()}


ROUTES = (
    Route(
        method="GET",
        path="/calendar",
        handler=look,
        who=Who.DOCTOR,
        view=CalendarView,
        summary="The doctor's visits",
    ),
)
