"""POST /arrive: a visiting doctor's browser comes from its own node with a one-time code, and gets its cookie."""

import html
from datetime import timedelta
from urllib.parse import parse_qs

from aiohttp import hdrs, web

from telemed.api.participants import visit_cookie
from telemed.api.routing import Route, Who, read_body
from telemed.calls import arrival
from telemed.calls.arrival import ArrivalRefused, WayIn
from telemed.errors import TelemedError
from telemed.node import NODE

MAX_FORM = 1_000
"""Bytes; the code has 43 characters."""

TOLD_WHY = timedelta(minutes=10)
"""How long a cookie outlives its session, so that a page that is open is told why the visit closed."""

REFUSAL = """<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Not let in</title>
<style>:root{{color-scheme:light dark}}
body{{font:1.1rem/1.5 system-ui;max-width:36rem;margin:4rem auto;padding:0 1rem}}</style>
<main><h1>You were not let in</h1><p>{detail}</p>
<p>Go back to the calendar on your own node and press Join once more.</p></main></html>"""


async def arrive(request: web.Request) -> web.Response:
    """Spend the code; then the visit's page, with a cookie for it alone."""
    try:
        way_in = await _let_in(request)
    except TelemedError as refused:
        return _page(refused)
    answer = web.Response(status=303, headers={hdrs.LOCATION: f"/visit/{way_in.visit_id}"})
    answer.headers[hdrs.CACHE_CONTROL] = "no-store"
    answer.set_cookie(
        visit_cookie(way_in.visit_id),
        way_in.token,
        max_age=int((way_in.expires_at + TOLD_WHY - request.app[NODE].clock()).total_seconds()),
        path="/",
        secure=True,
        httponly=True,
        # Strict would be lost on the redirect, which another site began.
        samesite="Lax",
    )
    return answer


async def _let_in(request: web.Request) -> WayIn:
    node, now = request.app[NODE], request.app[NODE].clock()
    form = parse_qs((await read_body(request, MAX_FORM)).decode("utf-8", "replace"))
    code = form.get("code", [""])[0]
    async with node.database.read() as session:
        issuer = await arrival.issuer_of(session, code)
    trusted = (await node.trust.current(now)).node(issuer)
    if trusted is None or request.headers.get(hdrs.ORIGIN) != trusted.origin:
        raise ArrivalRefused("This way in begins on the page of the doctor's own node.")
    async with node.database.write() as session:
        return await arrival.redeem(session, code, now)


def _page(refused: TelemedError) -> web.Response:
    return web.Response(
        text=REFUSAL.format(detail=html.escape(refused.detail)),
        status=403,
        content_type="text/html",
        headers={
            hdrs.CACHE_CONTROL: "no-store",
            hdrs.CONTENT_SECURITY_POLICY: "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
        },
    )


ROUTES = (
    Route(
        method="POST",
        path="/arrive",
        handler=arrive,
        who=Who.ARRIVAL,
        status=303,
        root=True,
        summary="Arrive at a visit with a one-time code (a form from the doctor's node)",
    ),
)
