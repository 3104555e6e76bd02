"""The doctor, at home, sets out to a visit: this node vouches, the patient's node answers with a one-time code."""

from aiohttp import web

from telemed.api.actors import caller
from telemed.api.routing import Route, View, Who
from telemed.calls import window
from telemed.calls.arrival import ArrivalRefused, VisitClosed
from telemed.directory import replica
from telemed.directory.replica import Home, Listed
from telemed.errors import NotFound, TelemedError, Unavailable
from telemed.federation import assertion
from telemed.federation.client import Answer
from telemed.node import NODE
from telemed.scheduling.models import Claim


class WayInView(View):
    """Where the doctor's page posts the code, as a form."""

    arrive_url: str
    code: str


async def join(request: web.Request) -> WayInView:
    """Vouch for the doctor at the patient's node."""
    node, now = request.app[NODE], request.app[NODE].clock()
    claim, doctor = await _mine(request)
    if claim.state == "ended":
        raise VisitClosed("This visit is over.")
    window.require_open(claim, now)
    token = assertion.make(
        node.signing_key.private,
        issuer=node.settings.node,
        audience=claim.patient_node,
        visit_id=claim.id,
        doctor=doctor.public(),
        now=now,
    )
    patients = (await node.trust.current(now)).node(claim.patient_node)
    if patients is None:
        raise ArrivalRefused("The patient's node is not trusted any more; ask your administrator.")
    answer = await node.peers.post(claim.patient_node, "/federation/v1/arrivals", {"assertion": token})
    code = answer.body.get("code")
    if not answer.ok or not isinstance(code, str) or not code.isascii():
        raise _refused(answer)
    # The address is the trust list's: an answer must not send a doctor's browser elsewhere.
    return WayInView(arrive_url=f"{patients.origin}/arrive", code=code)


async def _mine(request: web.Request) -> tuple[Claim, Listed]:
    node, settings = request.app[NODE], request.app[NODE].settings
    async with node.database.read() as session:
        claim = await session.get(Claim, request.match_info["id"])
        if claim is None or claim.doctor_id != caller(request).doctor_id:
            raise NotFound("There is no such visit in your calendar.")
        own = Home(settings.node, settings.jurisdiction)
        doctor = await replica.doctor(session, own, settings.node, claim.doctor_id)
    if doctor is None:
        raise ArrivalRefused("You are not in this node's directory (any more); ask your administrator.")
    return claim, doctor


def _refused(answer: Answer) -> TelemedError:
    detail = str(answer.body.get("detail") or "")[:300]
    kinds = {kind.code: kind for kind in (ArrivalRefused, VisitClosed, window.NotOpenYet)}
    if answer.ok or answer.status >= 500:
        # It let her in and gave no code that could be posted, or it failed.
        return Unavailable("The patient's node cannot let you in just now; try again in a moment.")
    return kinds.get(answer.code, ArrivalRefused)(detail or "The patient's node did not let you in.")


ROUTES = (
    Route(
        method="POST",
        path="/calendar/{id}/join",
        handler=join,
        who=Who.DOCTOR,
        view=WayInView,
        summary="Set out to a visit on the patient's node",
    ),
)
