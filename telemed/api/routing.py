"""What a route is: who may call it, what it reads, what it answers; and the one way in which each is handled."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from typing import Annotated, Any, TypeVar

from aiohttp import hdrs, web
from pydantic import BaseModel, ConfigDict, PlainSerializer, ValidationError, WithJsonSchema

from telemed.api.actors import ACTOR, Actor
from telemed.errors import Invalid, NotAllowed, NotFound, TelemedError
from telemed.federation.signing import require_digest
from telemed.node import NODE

BODY_TIMEOUT_S = 10.0
"""How long a client may take to send its body; aiohttp alone would wait for ever."""

_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
"""U+0000 as JSON writes it; after an odd number of backslashes more it would be the text of the escape."""

Moment = Annotated[
    datetime,
    PlainSerializer(lambda at: at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""A time that goes out as RFC 3339 UTC, to the second."""


class Body(BaseModel):
    """What comes in: nothing but what it names."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True, hide_input_in_errors=True)


B = TypeVar("B", bound=Body)


class View(BaseModel):
    """What goes out: every field named."""

    model_config = ConfigDict(frozen=True)


class Who(Enum):
    """Who may call a route. Decided before a byte of the body is read."""

    ANYONE = auto()
    SIGNED_IN = auto()
    PATIENT = auto()
    DOCTOR = auto()
    ADMINISTRATOR = auto()
    PARTICIPANT = auto()
    VISITING_DOCTOR = auto()
    PEER = auto()
    ARRIVAL = auto()
    WEBHOOK = auto()


NOT_FROM_OUR_PAGE = frozenset({Who.PEER, Who.ARRIVAL, Who.WEBHOOK})
"""Callers that prove themselves otherwise than by being this node's own page."""

SAFE = frozenset({hdrs.METH_GET, hdrs.METH_HEAD, hdrs.METH_OPTIONS})

VERIFIED = web.RequestKey("verified", bool)
"""Set once a peer's signature was found to be over this whole request, the body included."""

Gate = Callable[[web.Request], Awaitable[Actor | None]]
"""Who is calling; it raises a TelemedError for somebody who may not."""

Answer = View | web.StreamResponse | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One line of the map. `handler` takes the request, then the body, then the query, where there are any.

    `root`: the path is the origin's, not the API's. `once`: the handler asks for an Idempotency-Key.
    """

    method: str
    path: str
    handler: Callable[..., Awaitable[Answer]]
    who: Who
    summary: str
    body: type[Body] | None = None
    query: type[Body] | None = None
    view: type[View] | None = None
    status: int = 200
    max_body: int = 64_000
    root: bool = False
    once: bool = False

    @property
    def full_path(self) -> str:
        """The path on the node's origin."""
        return self.path if self.root else f"/api/v1{self.path}"


class ForeignOrigin(NotAllowed):
    """A page of another origin asks for a change."""

    code = "foreign-origin"


class BodyStalled(TelemedError):
    """The body did not arrive in time."""

    code = "body-stalled"


class BodyUnreadable(TelemedError):
    """The body is not as its headers say, or the connection ended within it."""

    code = "body-unreadable"


class BodyTooLarge(TelemedError):
    """The body is larger than this route reads."""

    code = "body-too-large"


def add(app: web.Application, route: Route, gates: Mapping[Who, Gate]) -> None:
    """Put a route on the router, behind its gate. Raises KeyError for a `who` that nobody guards."""
    gate = gates[route.who]

    async def handle(request: web.Request) -> web.StreamResponse:
        if "%00" in request.raw_path:
            # Nothing has such a name: PostgreSQL keeps no U+0000 in a text, and would not even look for one.
            raise NotFound("There is nothing here (any more) for you; go back and choose again.")
        if route.method not in SAFE and route.who not in NOT_FROM_OUR_PAGE:
            require_own_page(request)
        actor = await gate(request)
        if actor is not None:
            request[ACTOR] = actor
        arguments: list[Any] = [request]
        if route.body is not None or route.who is Who.PEER:
            raw = await read_body(request, route.max_body)
            if route.who is Who.PEER:
                require_digest(request.headers, raw)
                request[VERIFIED] = True
            if route.body is not None:
                arguments.append(validated(route.body, parsed(raw)))
        if route.query is not None:
            arguments.append(validated(route.query, dict(request.query)))
        return _response(route, await route.handler(*arguments))

    # No HEAD beside GET: it would be a second, undescribed route.
    app.router.add_route(route.method, route.full_path, handle)


def require_own_page(request: web.Request) -> None:
    """Refuse a change that another origin's page asks for. Raises ForeignOrigin.

    Source: W3C Fetch Metadata; the exact Origin for browsers and clients that send none.
    """
    site = request.headers.get("Sec-Fetch-Site")
    own = request.app[NODE].settings.origin
    if site == "same-origin" or (site is None and request.headers.get(hdrs.ORIGIN) == own):
        return
    raise ForeignOrigin(f"Send this from the node's own page, or with the header Origin: {own}.")


async def read_body(request: web.Request, limit: int) -> bytes:
    """The whole body. Raises BodyTooLarge, BodyStalled, BodyUnreadable."""
    chunks, size = [], 0
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            while chunk := await request.content.readany():
                size += len(chunk)
                if size > limit:
                    raise BodyTooLarge(f"Send at most {limit} bytes.")
                chunks.append(chunk)
    except TimeoutError:
        raise BodyStalled("The request took too long to arrive; send it again.", retry_after=timedelta(0)) from None
    except (web.RequestPayloadError, ConnectionError):
        raise BodyUnreadable("Send the whole body, encoded as its Content-Encoding says.") from None
    return b"".join(chunks)


def parsed(raw: bytes) -> Any:
    """A JSON text's value. Raises Invalid."""
    try:
        text = raw.decode() or "{}"
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise Invalid("Send a JSON object, encoded as UTF-8.") from None
    if _NUL.search(text):
        raise Invalid("Leave the character U+0000 out; no text has it.")
    return value


def validated(kind: type[B], value: Any) -> B:
    """The value as its Body. Raises Invalid, with a JSON pointer and a message for each field."""
    try:
        return kind.model_validate(value)
    except ValidationError as refused:
        fields = [
            {"pointer": "".join(f"/{part}" for part in error["loc"]), "message": error["msg"]}
            for error in refused.errors(include_url=False, include_input=False, include_context=False)
        ]
        raise Invalid("Some fields need another look; each says what is wrong.", fields=fields) from None


def _response(route: Route, answer: Answer) -> web.StreamResponse:
    if isinstance(answer, web.StreamResponse):
        return answer
    if answer is None:
        return web.Response(status=204, headers={hdrs.CACHE_CONTROL: "no-store"})
    return web.Response(
        text=answer.model_dump_json(),
        status=route.status,
        content_type="application/json",
        headers={hdrs.CACHE_CONTROL: "no-store"},
    )
