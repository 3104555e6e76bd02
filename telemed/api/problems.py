"""Turns every refusal into an RFC 9457 problem; the only place where an error meets an HTTP status."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any

from aiohttp import hdrs, web

from telemed.errors import TelemedError

logger = logging.getLogger(__name__)

STATUS: Mapping[str, int] = {
    "body-unreadable": 400,
    "not-signed-in": 401,
    "sign-in-refused": 401,
    "signature-refused": 401,
    "not-allowed": 403,
    "foreign-origin": 403,
    "not-found": 404,
    "body-stalled": 408,
    "conflict": 409,
    "gone": 410,
    "body-too-large": 413,
    "invalid": 422,
    "too-many-attempts": 429,
    "too-many": 429,
    "audit-chain-broken": 500,
    "unavailable": 503,
    "trust-list-refused": 503,
}
"""By code. A leaf that is not here has the status of the nearest class above it that is."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_WHAT_TO_DO = {
    404: "There is nothing here (any more) for you; go back and choose again.",
    405: "This address does not take that method; see /api/v1/openapi.json.",
}


def status_of(error: TelemedError) -> int:
    """The HTTP status of a domain error; 400 for one that has no place in the table."""
    codes = (getattr(kind, "code", "") for kind in type(error).__mro__)
    return next((STATUS[code] for code in codes if code in STATUS), 400)


def problem(code: str, status: int, detail: str, **extra: Any) -> web.Response:
    """An `application/problem+json` answer; `detail` is a sentence that says what to do.

    Source: RFC 9457 section 3.
    """
    body = {
        "type": f"/problems/{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        **extra,
    }
    answer = web.json_response(body, status=status, content_type="application/problem+json")
    answer.headers[hdrs.CACHE_CONTROL] = "no-store"
    return answer


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The outermost middleware: nothing leaves the node as a stack trace or as a bare text."""
    try:
        return await handler(request)
    except TelemedError as error:
        return refusal(error)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        phrase = HTTPStatus(error.status).phrase.lower().replace(" ", "-")
        answer = problem(phrase, error.status, _WHAT_TO_DO.get(error.status, "Check the request and send it again."))
        if hdrs.ALLOW in error.headers:
            answer.headers[hdrs.ALLOW] = error.headers[hdrs.ALLOW]
        return answer
    except Exception:
        # The route, never the path or the query: those carry ids and tokens.
        logger.exception("a handler failed", extra={"method": request.method, "route": route_name(request)})
        return problem("internal", 500, "Something went wrong here; nothing was changed. Try again in a moment.")


def refusal(error: TelemedError) -> web.Response:
    """A domain error as a problem."""
    answer = problem(error.code, status_of(error), error.detail, **error.extra)
    if error.retry_after is not None:
        answer.headers[hdrs.RETRY_AFTER] = str(max(1, round(error.retry_after.total_seconds())))
    return answer


def route_name(request: web.Request) -> str:
    """The route's pattern, such as `/api/v1/visits/{id}`."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "unknown"
