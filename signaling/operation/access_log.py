"""The access log of HTTP requests: never a path or a query as sent, which hold tokens, descriptions, anything."""

from __future__ import annotations

from aiohttp import web
from aiohttp.abc import AbstractAccessLogger


class PathLogger(AbstractAccessLogger):
    """Method, route, status and time in seconds."""

    def log(self, request: web.BaseRequest, response: web.StreamResponse, time: float) -> None:
        """Write one line."""
        matched = request.match_info if isinstance(request, web.Request) else None
        resource = matched.route.resource if matched is not None else None
        route = resource.canonical if resource is not None else "unmatched"
        method = request.method if resource is not None else "-"
        self.logger.info("%s %s %d %.3f", method, route, response.status, time)
