"""The gates of a visit: its patient by her own session, the visiting doctor by the cookie of this one visit."""

from aiohttp import web

from telemed.api.actors import ACTOR, SignedIn, VisitingDoctor, signed_in
from telemed.api.problems import Handler
from telemed.audit import actors as audit_actors
from telemed.calls import visiting
from telemed.calls.window import VisitOver
from telemed.errors import NotAllowed, NotFound, NotSignedIn, TelemedError
from telemed.node import NODE
from telemed.records.consent import ConsentNotLive
from telemed.scheduling.models import Visit

Participant = SignedIn | VisitingDoctor

DEAD_COOKIE = web.RequestKey("dead_visit_cookie", str)
"""The name of a visit's cookie that opens nothing any more."""


def visit_cookie(visit_id: str) -> str:
    """The name of a visiting doctor's cookie: one a visit, beside whatever session the browser has."""
    return f"__Host-visit-{visit_id}"


def let_go(request: web.Request) -> None:
    """The answer takes the visit's cookie away: one a visit, they would grow to more than a request may carry."""
    request[DEAD_COOKIE] = visit_cookie(request.match_info["id"])


@web.middleware
async def take_dead_cookies(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Does what `let_go` says, to refusals too."""
    answer = await handler(request)
    if (name := request.get(DEAD_COOKIE)) is not None:
        answer.del_cookie(name, path="/", secure=True, httponly=True, samesite="Lax")
    return answer


async def visiting_doctor(request: web.Request) -> VisitingDoctor:
    """The doctor behind the visit's cookie. Raises NotSignedIn, VisitOver, NotAllowed."""
    node, visit_id = request.app[NODE], request.match_info["id"]
    now = node.clock()
    token = request.cookies.get(visit_cookie(visit_id))
    if not token:
        raise NotSignedIn("Go to your own node's calendar and press Join.")
    try:
        async with node.database.read() as session:
            found = await visiting.resume(session, visit_id, token, now)
    except (VisitOver, ConsentNotLive):
        # Not when a later arrival took its place: this answer may come after the new cookie of the same name.
        let_go(request)
        raise
    issuer = (await node.trust.current(now)).node(found.arrival.issuer)
    if issuer is None or not issuer.may("visits"):
        raise NotAllowed("The node that vouched for you is not trusted any more; ask its administrator.")
    return VisitingDoctor(
        visit_id=visit_id,
        session_id=found.session.id,
        jti=found.arrival.jti,
        doctor=found.arrival.doctor,
        assertion=found.arrival.assertion,
    )


async def participant(request: web.Request) -> Participant:
    """The visiting doctor, or else the visit's patient."""
    if visit_cookie(request.match_info["id"]) not in request.cookies:
        return await _visits_patient(request)
    try:
        return await visiting_doctor(request)
    except TelemedError as refused:
        # A dead cookie must not be in the way of her own session; without one, its reason is the better answer.
        try:
            return await _visits_patient(request)
        except (NotSignedIn, NotFound):
            raise refused from None


def taking_part(request: web.Request) -> Participant:
    """The participant that the route's gate let in."""
    actor = request[ACTOR]
    assert isinstance(actor, SignedIn | VisitingDoctor), "this route's gate lets in others"  # noqa: S101
    return actor


def visitor(request: web.Request) -> VisitingDoctor:
    """The visiting doctor that the route's gate let in."""
    actor = request[ACTOR]
    assert isinstance(actor, VisitingDoctor), "this route's gate lets in others"  # noqa: S101
    return actor


def audited(request: web.Request) -> dict[str, object]:
    """The participant as the audit chain names them."""
    actor = taking_part(request)
    if isinstance(actor, VisitingDoctor):
        return audit_actors.doctor(actor.doctor)
    return audit_actors.patient(request.app[NODE].settings.node, actor.audit_handle)


async def _visits_patient(request: web.Request) -> SignedIn:
    actor = await signed_in(request)
    async with request.app[NODE].database.read() as session:
        visit = await session.get(Visit, request.match_info["id"])
    if visit is None or visit.patient_id != actor.account_id or visit.state not in ("confirmed", "ended"):
        raise NotFound("There is no confirmed visit of yours here; go back to your appointments.")
    return actor
