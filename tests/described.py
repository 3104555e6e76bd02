"""Holds every answer of the suite against the route that the description was made from."""

import re
from typing import Any

from telemed.api.map import ROUTES
from telemed.api.routing import Route, Who

PROBLEM = {"type", "title", "status", "detail", "code"}


def require_described(method: str, path: str, status: int, kind: str, body: Any) -> None:
    """Fails for a status, a media type or a member that the description does not promise."""
    route = _route(method, path.partition("?")[0])
    if status >= 400:
        assert kind == "application/problem+json", (method, path, kind)
        assert set(body) >= PROBLEM, body
        assert (body["status"], body["type"]) == (status, f"/problems/{body['code']}")
        assert body["detail"].endswith((".", "!", "?")), body
    elif route is not None and route.view is not None:
        assert (status, kind) == (route.status, "application/json"), (method, path)
        assert route.view.model_validate(body).model_dump(mode="json", by_alias=True) == body
    elif route is not None and route.who is not Who.ARRIVAL:
        assert (status, body) == (204, None), (method, path)


def _route(method: str, path: str) -> Route | None:
    found = (route for route in ROUTES if route.method == method)
    return next((route for route in found if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", route.full_path), path)), None)
