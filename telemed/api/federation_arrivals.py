"""A peer vouches for its doctor: a verified assertion is answered with a one-time code for the doctor's browser."""

from aiohttp import web
from pydantic import Field

from telemed.api.inbox import peer_for
from telemed.api.routing import Body, Moment, Route, View, Who
from telemed.calls import arrival
from telemed.directory.replica import Home
from telemed.federation import assertion
from telemed.node import NODE


class ArrivalBody(Body):
    """A compact JWS."""

    assertion: str = Field(max_length=assertion.MAX_CHARS)


class CodeView(View):
    """The code, until when, and where the doctor's browser posts it."""

    code: str
    arrive_url: str
    expires_at: Moment


async def arrivals(request: web.Request, body: ArrivalBody) -> CodeView:
    """Not `answer_once`: that would store the code in clear; the assertion's own `jti` is used once."""
    node, now, settings = request.app[NODE], request.app[NODE].clock(), request.app[NODE].settings
    signer = peer_for(request, "visits").node
    trusted = await node.trust.current(now)
    asserted = assertion.verify(
        body.assertion,
        keys_of=lambda issuer: tuple(trusted.keys_of(issuer).values()),
        audience=settings.node,
        now=now,
    )
    async with node.database.write() as session:
        code = await arrival.accept(
            session,
            asserted,
            body.assertion,
            signer=signer,
            own=Home(settings.node, settings.jurisdiction),
            rules=node.rules,
            now=now,
        )
    return CodeView(code=code.code, arrive_url=f"{settings.origin}/arrive", expires_at=code.expires_at)


ROUTES = (
    Route(
        method="POST",
        path="/federation/v1/arrivals",
        handler=arrivals,
        who=Who.PEER,
        body=ArrivalBody,
        view=CodeView,
        status=201,
        root=True,
        summary="Let a peer's doctor come to a visit here",
    ),
)
