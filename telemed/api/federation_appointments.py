"""What a patient's node asks of this node's calendar: hold a time, confirm it, end it."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Literal

from aiohttp import web
from pydantic import Field
from sqlmodel.ext.asyncio.session import AsyncSession

from telemed.api.inbox import answer_once, peer, peer_for
from telemed.api.routing import Body, Moment, Route, View, Who
from telemed.directory.entries import Code, Instant
from telemed.directory.replica import Home
from telemed.errors import NotFound
from telemed.node import NODE
from telemed.scheduling import calendar, holding
from telemed.scheduling.holding import Limits, Wanted


class AppliedRule(Body):
    """The licence rule by which the patient's node decided; this node decides anew, by its own."""

    kind: Code
    version: str = Field(max_length=64)


class NewHold(Body):
    """A time for a patient of the peer, and nothing else of her."""

    doctor_id: Code
    starts_at: Instant
    minutes: int = Field(ge=5, le=120)
    language: Code
    specialty: Code
    handle: str = Field(pattern="^[0-9a-f]{32}$")
    rule: AppliedRule


class Nothing(Body):
    """An empty object."""


class HoldView(View):
    """Until when the time is held; None once it is confirmed."""

    hold_until: Moment | None


class StateView(View):
    """What became of the appointment."""

    state: Literal["confirmed", "ended"]


async def hold(request: web.Request, body: NewHold) -> web.Response:
    """Hold a time."""
    node, claim_id = request.app[NODE], _claim_id(request)
    settings, sender = node.settings, peer_for(request, "booking")
    wanted = Wanted(
        claim_id=claim_id,
        patient=Home(sender.node, sender.jurisdiction),
        handle=body.handle,
        doctor_id=body.doctor_id,
        starts_at=body.starts_at,
        minutes=body.minutes,
        language=body.language,
        specialty=body.specialty,
    )

    async def work(session: AsyncSession) -> tuple[int, View]:
        claim = await holding.hold(
            session,
            wanted,
            own=Home(settings.node, settings.jurisdiction),
            rules=node.rules,
            limits=Limits(settings.limits.holds_per_node, settings.limits.visits_per_node),
            length=timedelta(minutes=settings.hold_minutes),
            now=node.clock(),
        )
        return 201, HoldView(hold_until=claim.hold_until)

    return await answer_once(request, work)


async def confirm(request: web.Request, _body: Nothing) -> web.Response:
    """Make a hold a visit."""
    node, claim_id, sender = request.app[NODE], _claim_id(request), peer(request)

    async def work(session: AsyncSession) -> tuple[int, View]:
        await calendar.confirm(session, claim_id, sender.node, node.clock())
        return 200, StateView(state="confirmed")

    return await answer_once(request, work)


async def end(request: web.Request, _body: Nothing) -> web.Response:
    """The visit is over, or will not be."""
    node, claim_id, sender = request.app[NODE], _claim_id(request), peer(request)

    async def work(session: AsyncSession) -> tuple[int, View]:
        await calendar.end(session, claim_id, sender.node, node.clock())
        return 200, StateView(state="ended")

    return await answer_once(request, work)


def _claim_id(request: web.Request) -> str:
    claim_id = request.match_info["id"]
    if len(claim_id) != 32 or not set(claim_id) <= set("0123456789abcdef"):
        raise NotFound("An appointment's id is 32 hexadecimal digits.")
    return claim_id


def _route(
    what: str,
    body: type[Body],
    handler: Callable[..., Awaitable[web.Response]],
    view: type[View],
    status: int,
    summary: str,
) -> Route:
    return Route(
        method="POST",
        path=f"/federation/v1/appointments/{{id}}/{what}",
        handler=handler,
        who=Who.PEER,
        body=body,
        view=view,
        status=status,
        root=True,
        once=True,
        summary=summary,
    )


ROUTES = (
    _route("hold", NewHold, hold, HoldView, 201, "Hold a time for a patient of the peer"),
    _route("confirm", Nothing, confirm, StateView, 200, "Make a hold a visit"),
    _route("end", Nothing, end, StateView, 200, "Free the time of a visit that is over or will not be"),
)
