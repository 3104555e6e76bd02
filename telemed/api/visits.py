"""A visit while it lasts: looking at it, entering its room, letting her in, what she shares, the end."""

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from aiohttp import web
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from telemed.accounts import profiles
from telemed.accounts.models import Account
from telemed.api.actors import VisitingDoctor
from telemed.api.appointment_view import BookedDoctor, EndReason
from telemed.api.participants import Participant, audited, let_go, taking_part
from telemed.api.routing import Moment, Route, View, Who
from telemed.api.slots import RuleView
from telemed.calls import admission, ending, tokens, window
from telemed.calls.models import VisitSession
from telemed.calls.rooms import RoomsUnreachable
from telemed.node import NODE, Node
from telemed.records import access, consent, intake
from telemed.scheduling.models import Visit

logger = logging.getLogger(__name__)


class PatientView(View):
    """The patient; a doctor sees the name only if she ticked it."""

    name: str | None


class VisitView(View):
    """A visit as one of its two sees it."""

    id: str
    you: Literal["patient", "doctor"]
    state: Literal["too-early", "waiting-room", "in-call", "ended"]
    starts_at: Moment
    ends_at: Moment
    enter_from: Moment
    closes_at: Moment
    now: Moment
    patient: PatientView
    doctor: BookedDoctor
    language: str
    specialty: str
    admitted: bool
    patient_waiting: bool
    doctor_arrived: bool
    ended_at: Moment | None
    end_reason: EndReason | None
    rule: RuleView


class EntranceView(View):
    """Where the call is, and a token for it that lives for minutes."""

    url: str
    token: str
    may_publish: bool


class SharedView(View):
    """What she ticked, and nothing else; until when, and for which country."""

    items: dict[str, str]
    until: Moment
    country: str


@dataclass(frozen=True, slots=True)
class _Known:
    visit: Visit
    name: str | None
    doctor_arrived: bool


async def look(request: web.Request) -> VisitView:
    """The visit now."""
    return await _view(request.app[NODE], taking_part(request), request.match_info["id"])


async def enter(request: web.Request) -> EntranceView:
    """Open the room, if it is not, and give a token for it; what it allows follows from the stored admission."""
    node, you = request.app[NODE], _you(taking_part(request))
    async with node.database.read() as session:
        visit = await session.get_one(Visit, request.match_info["id"])
    window.require_open(visit, node.clock())
    await node.calls.create_room(visit.room)
    # Read again: if it ended meanwhile, its room was deleted before this one was made.
    async with node.database.read() as session:
        visit = await session.get_one(Visit, visit.id)
    if visit.state == "ended":
        await node.calls.delete_room(visit.room)
    window.require_open(visit, node.clock())
    may_speak = admission.may_speak(visit, you)
    token = tokens.mint(node.calls.key, node.calls.secret, room=visit.room, identity=you, may_speak=may_speak)
    url = node.settings.origin.replace("http", "ws", 1) + "/media"
    return EntranceView(url=url, token=token, may_publish=may_speak)


async def admit(request: web.Request) -> VisitView:
    """Let her in: stored first, then carried to the room; again changes nothing."""
    node = request.app[NODE]
    async with node.database.write() as session:
        visit = await admission.admit(session, request.match_info["id"], node.clock())
    await admission.follow(node.calls, visit)
    return await _view(node, taking_part(request), visit.id)


async def shared(request: web.Request) -> SharedView:
    """What she ticked. The look is in the audit chain before it goes out."""
    node, visit_id = request.app[NODE], request.match_info["id"]
    now, jurisdiction = node.clock(), node.settings.jurisdiction
    async with node.database.read() as session:
        visit = await session.get_one(Visit, visit_id)
        key = await node.data_keys.of(session, visit.patient_id)
    async with node.database.write() as session:
        agreed = await consent.live(session, visit_id, now)
        her = await session.get_one(Account, visit.patient_id)
        await access.look(
            session,
            actor=audited(request),
            what="read-shared",
            subject=her.audit_handle,
            visit_id=visit_id,
            items=agreed.items,
            now=now,
        )
        told = await intake.read_intake(session, key, jurisdiction=jurisdiction, visit_id=visit_id)
    name = profiles.profile_of(her, key, jurisdiction).name
    return SharedView(items=intake.shared(agreed.items, told, name), until=agreed.until, country=agreed.country)


async def end(request: web.Request) -> VisitView:
    """End the visit for both."""
    node, visit_id = request.app[NODE], request.match_info["id"]
    await ending.end(node, visit_id, ending.DOCTOR_ENDED, node.clock(), audited(request))
    let_go(request)
    return await _view(node, taking_part(request), visit_id)


async def _view(node: Node, actor: Participant, visit_id: str) -> VisitView:
    now, you = node.clock(), _you(actor)
    async with node.database.read() as session:
        known = await _known(session, node, visit_id, you)
    visit = known.visit
    state = _state(visit, now)
    present = await _present(node, visit) if state in ("waiting-room", "in-call") else frozenset()
    return VisitView(
        id=visit.id,
        you=you,
        state=state,
        starts_at=visit.starts_at,
        ends_at=window.ends_at(visit),
        enter_from=window.enter_from(visit),
        closes_at=window.closes_at(visit),
        now=now,
        patient=PatientView(name=known.name),
        doctor=BookedDoctor.model_validate(visit.doctor),
        language=visit.language,
        specialty=visit.specialty,
        admitted=visit.admitted_at is not None,
        patient_waiting=tokens.PATIENT in present,
        doctor_arrived=known.doctor_arrived,
        ended_at=visit.ended_at,
        end_reason=window.end_reason(visit) if state == "ended" else None,
        rule=RuleView.model_validate(visit.rule),
    )


async def _known(session: AsyncSession, node: Node, visit_id: str, you: str) -> _Known:
    visit = await session.get_one(Visit, visit_id)
    agreed = await consent.of_visit(session, visit_id)
    name = None
    if you == tokens.PATIENT or "name" in agreed.items:
        her = await session.get_one(Account, visit.patient_id)
        key = await node.data_keys.of(session, her.id)
        name = profiles.profile_of(her, key, node.settings.jurisdiction).name
    live = select(VisitSession.id).where(VisitSession.visit_id == visit_id, col(VisitSession.ended_at).is_(None))
    return _Known(visit, name, (await session.exec(live)).first() is not None)


async def _present(node: Node, visit: Visit) -> frozenset[str]:
    try:
        return await node.calls.present(visit.room)
    except RoomsUnreachable:
        # The chart and the note must open without the call.
        logger.warning("the media server does not answer", extra={"visit": visit.id})
        return frozenset()


def _state(visit: Visit, now: datetime) -> Literal["too-early", "waiting-room", "in-call", "ended"]:
    if visit.state == "ended" or now >= window.closes_at(visit):
        return "ended"
    if now < window.enter_from(visit):
        return "too-early"
    return "in-call" if visit.admitted_at is not None else "waiting-room"


def _you(actor: Participant) -> Literal["patient", "doctor"]:
    return "doctor" if isinstance(actor, VisitingDoctor) else "patient"


ROUTES = (
    Route(
        method="GET", path="/visits/{id}", handler=look, who=Who.PARTICIPANT, view=VisitView, summary="The visit now"
    ),
    Route(
        method="POST",
        path="/visits/{id}/enter",
        handler=enter,
        who=Who.PARTICIPANT,
        view=EntranceView,
        summary="Enter the waiting room or the call",
    ),
    Route(
        method="POST",
        path="/visits/{id}/admit",
        handler=admit,
        who=Who.VISITING_DOCTOR,
        view=VisitView,
        summary="Let the patient in",
    ),
    Route(
        method="GET",
        path="/visits/{id}/shared",
        handler=shared,
        who=Who.VISITING_DOCTOR,
        view=SharedView,
        summary="What the patient ticked for this doctor to see",
    ),
    Route(
        method="POST",
        path="/visits/{id}/end",
        handler=end,
        who=Who.VISITING_DOCTOR,
        view=VisitView,
        summary="End the visit for both",
    ),
)
