"""The media server as an aiohttp application, to run alone or to mount under a path."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING

from aiohttp import hdrs, web

from signaling import tokens
from signaling.clients import joining
from signaling.clients.connection import SignalConnection
from signaling.clients.sessions import Sessions
from signaling.config import Settings
from signaling.errors import (
    HTTP_STATUS,
    BadRouteError,
    InvalidArgumentError,
    PermissionDeniedError,
    SignalingError,
    TooManyFailuresError,
    UnauthenticatedError,
)
from signaling.operation.roomservice import RoomService
from signaling.tokens import Claims

if TYPE_CHECKING:
    from signaling.operation.metrics import MetricsServer

logger = logging.getLogger(__name__)

MAX_LINE_BYTES = 64 * 1024
"""For the AppRunner's `max_line_size`: a join request with an offer travels in the URL."""
MAX_TWIRP_BYTES = 1024 * 1024
TWIRP_TYPES = ("application/protobuf", "application/json")
BEARER = "Bearer "
PREFLIGHT_SECONDS = 86400
"""For which a browser need not ask again, as with LiveKit's server."""

SESSIONS = web.AppKey("sessions", Sessions)
SERVICE = web.AppKey("room_service", RoomService)
METRICS: web.AppKey[MetricsServer] = web.AppKey("metrics")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def create_app(settings: Settings, *, prefix: str = "") -> web.Application:
    """Build the application; sockets open when it starts. `prefix` is for running alone under a path."""
    app = web.Application(middlewares=[_cors], client_max_size=MAX_TWIRP_BYTES)
    app[SESSIONS] = Sessions(settings)
    app[SERVICE] = RoomService(app[SESSIONS])
    app.cleanup_ctx.append(_run)
    if settings.prometheus.port >= 0:
        # Its library takes a megabyte, and most servers go without.
        from signaling.operation.metrics import MetricsServer

        app[METRICS] = MetricsServer(app[SESSIONS], settings.prometheus)
        app.cleanup_ctx.append(_metrics)
    app.on_shutdown.append(_drain)
    app.router.add_get(f"{prefix}/", _health)
    app.router.add_get(f"{prefix}/healthz", _health)
    app.router.add_get(f"{prefix}/rtc", _rtc)
    app.router.add_get(f"{prefix}/rtc/v1", _rtc)
    app.router.add_get(f"{prefix}/rtc/validate", _validate)
    app.router.add_get(f"{prefix}/rtc/v1/validate", _validate)
    app.router.add_post(f"{prefix}/twirp/livekit.RoomService/{{method}}", _twirp)
    app.router.add_route("*", f"{prefix}/twirp/{{rest:.*}}", _no_twirp)
    return app


async def _run(app: web.Application) -> AsyncIterator[None]:
    await app[SESSIONS].start()
    yield
    await app[SESSIONS].close()


async def _metrics(app: web.Application) -> AsyncIterator[None]:
    await app[METRICS].start()
    yield
    await app[METRICS].close()


async def _drain(app: web.Application) -> None:
    """Before aiohttp waits for the WebSocket handlers to end: this is what ends them."""
    await app[SESSIONS].drain()


@web.middleware
async def _cors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Access tokens, not origins, guard these routes; the WebSocket has its own check."""
    is_preflight = request.method == hdrs.METH_OPTIONS and hdrs.ACCESS_CONTROL_REQUEST_METHOD in request.headers
    response = _preflight(request) if is_preflight else await handler(request)
    if not response.prepared and hdrs.ORIGIN in request.headers:
        response.headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = "*"
    return response


def _preflight(request: web.Request) -> web.Response:
    """What a browser asks before a page may send a token in a header."""
    headers = {
        hdrs.ACCESS_CONTROL_ALLOW_METHODS: "GET, POST",
        hdrs.ACCESS_CONTROL_ALLOW_HEADERS: request.headers.get(hdrs.ACCESS_CONTROL_REQUEST_HEADERS, ""),
        hdrs.ACCESS_CONTROL_MAX_AGE: str(PREFLIGHT_SECONDS),
    }
    return web.Response(status=204, headers=headers)


async def _health(request: web.Request) -> web.Response:
    """503 once it closes, so that a balancer sends nobody here."""
    if request.app[SESSIONS].is_draining:
        return web.Response(status=503, text="closing")
    return web.Response(text="OK")


def _claims(request: web.Request) -> Claims:
    header = request.headers.get(hdrs.AUTHORIZATION, "")
    if header and not header.startswith(BEARER):
        raise UnauthenticatedError("authorization does not begin with Bearer")
    token = header.removeprefix(BEARER) if header else request.query.get("access_token", "")
    if not token:
        raise UnauthenticatedError("no access token")
    return tokens.verify(token, request.app[SESSIONS].settings.keys, time.time())


def _address(request: web.Request) -> str:
    remote = request.remote or ""
    if request.app[SESSIONS].settings.behind_proxy:
        # Only the last one is the proxy's word; those before it are whatever the caller sent.
        remote = ",".join(request.headers.getall(hdrs.X_FORWARDED_FOR, ())).rpartition(",")[2].strip() or remote
    return remote


def _counted(request: web.Request, problem: SignalingError) -> SignalingError:
    """The problem to tell of; whoever came too often with a token that is not good hears no more of why."""
    if isinstance(problem, UnauthenticatedError | PermissionDeniedError):
        seconds = request.app[SESSIONS].failures.note(_address(request), time.monotonic())
        if seconds:
            return TooManyFailuresError(seconds)
    return problem


def _headers(problem: SignalingError) -> dict[str, str]:
    if isinstance(problem, TooManyFailuresError):
        return {hdrs.RETRY_AFTER: str(problem.retry_after_seconds)}
    return {}


def _refusal(request: web.Request, problem: SignalingError) -> web.Response:
    problem = _counted(request, problem)
    return web.Response(status=HTTP_STATUS[problem.code], text=str(problem), headers=_headers(problem))


async def _validate(request: web.Request) -> web.Response:
    try:
        claims = _claims(request)
        wanted = joining.read(request.query, needs_request=request.path.endswith("/v1/validate"))
        request.app[SESSIONS].admit(claims)
        request.app[SESSIONS].check(claims, wanted)
    except SignalingError as problem:
        return _refusal(request, problem)
    return web.Response(text="success")


async def _rtc(request: web.Request) -> web.StreamResponse:
    sessions = request.app[SESSIONS]
    if request.headers.get(hdrs.UPGRADE, "").lower() != "websocket":
        return web.Response(status=404)
    allowed = sessions.settings.allowed_origins
    origin = request.headers.get(hdrs.ORIGIN)
    if allowed is not None and origin is not None and origin not in allowed:
        return web.Response(status=403, text="origin not allowed")
    try:
        claims = _claims(request)
        sessions.admit(claims)
        wanted = joining.read(request.query, needs_request=request.path.endswith("/v1"))
        sessions.check(claims, wanted)
    except SignalingError as problem:
        return _refusal(request, problem)
    limits = sessions.settings.limits
    socket = web.WebSocketResponse(max_msg_size=limits.signal_message_bytes)
    await socket.prepare(_without_takeover(request))
    await sessions.serve(SignalConnection(socket, limits, lambda: _abort(request)), claims, wanted)
    return socket


def _without_takeover(request: web.Request) -> web.Request:
    """The same upgrade, but every message compressed by itself (RFC 7692 §7.1.1.1).

    An offer is 20 KB of text, which takes eight seconds of a GPRS uplink and one when compressed. A dictionary shared
    between messages would let a participant's words be compared with another's token by their length.
    """
    extensions = request.headers.get(hdrs.SEC_WEBSOCKET_EXTENSIONS, "")
    headers = request.headers.copy()
    headers.popall(hdrs.SEC_WEBSOCKET_EXTENSIONS, None)
    if "permessage-deflate" in extensions:
        headers[hdrs.SEC_WEBSOCKET_EXTENSIONS] = "permessage-deflate; server_no_context_takeover"
    return request.clone(headers=headers)


def _abort(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()


async def _body(request: web.Request) -> bytes:
    try:
        return await request.read()
    except web.RequestPayloadError:
        raise InvalidArgumentError("the body is not as its headers say") from None


async def _twirp(request: web.Request) -> web.Response:
    is_json = request.content_type == "application/json"
    try:
        claims = _claims(request)
        if request.content_type not in TWIRP_TYPES:
            raise BadRouteError("unexpected Content-Type")
        body = await _body(request)
        answer = await request.app[SERVICE].call(
            request.match_info["method"], body, is_json=is_json, grant=claims.video
        )
    except SignalingError as problem:
        return _twirp_refusal(_counted(request, problem))
    return web.Response(body=answer, content_type=request.content_type)


async def _no_twirp(request: web.Request) -> web.Response:
    """For a service that is not here, and a method that is not POST: a client of Twirp reads JSON."""
    problem: SignalingError = BadRouteError("no such service or method")
    if hdrs.AUTHORIZATION in request.headers:
        try:
            _claims(request)
        except UnauthenticatedError as refused:
            problem = _counted(request, refused)
    return _twirp_refusal(problem)


def _twirp_refusal(problem: SignalingError) -> web.Response:
    words = {"code": problem.code, "msg": str(problem)}
    return web.json_response(words, status=HTTP_STATUS[problem.code], headers=_headers(problem))
