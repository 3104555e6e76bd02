"""The access log of HTTP requests: never a query string, which holds tokens and descriptions."""

from __future__ import annotations

from aiohttp import web
from aiohttp.abc import AbstractAccessLogger


class PathLogger(AbstractAccessLogger):
    """Method, path, status and time in seconds."""

    def log(self, request: web.BaseRequest, response: web.StreamResponse, time: float) -> None:
        """Write one line."""
        self.logger.info("%s %s %d %.3f", request.method, request.path, response.status, time)
