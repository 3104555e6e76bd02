"""The node's description of itself: OpenAPI 3.1, made from the routes that it really has."""

import re
from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import version
from typing import Any, Literal

from aiohttp import web
from pydantic.json_schema import models_json_schema

from telemed.api.actors import SESSION_COOKIE
from telemed.api.routing import Route, View, Who
from telemed.node import NODE

ROUTES_KEY: web.AppKey[tuple[Route, ...]] = web.AppKey("routes", tuple)
"""Every route of the node, for it to describe."""

Json = dict[str, Any]
Mode = Literal["validation", "serialization"]
Kind = tuple[Any, Mode]

CREDENTIALS: Mapping[Who, list[Json]] = {
    Who.ANYONE: [],
    Who.SIGNED_IN: [{"session": []}],
    Who.PATIENT: [{"session": []}],
    Who.DOCTOR: [{"session": []}],
    Who.ADMINISTRATOR: [{"session": []}],
    Who.PARTICIPANT: [{"session": []}, {"visit": []}],
    Who.VISITING_DOCTOR: [{"visit": []}],
    Who.PEER: [{"peer": []}],
    Who.ARRIVAL: [],
    Who.WEBHOOK: [{"media": []}],
}
"""What a caller must bring; an empty list is nothing."""

WHO: Mapping[Who, str] = {
    Who.ANYONE: "Anyone.",
    Who.SIGNED_IN: "Anyone who is signed in.",
    Who.PATIENT: "A signed-in patient.",
    Who.DOCTOR: "A signed-in doctor of this node.",
    Who.ADMINISTRATOR: "A signed-in administrator of this node.",
    Who.PARTICIPANT: "The visit's patient, or the doctor who visits.",
    Who.VISITING_DOCTOR: "The doctor who visits.",
    Who.PEER: "Another node of the trust list. Requests and answers are signed.",
    Who.ARRIVAL: "A doctor's browser, sent by a page of the doctor's own node with a one-time code.",
    Who.WEBHOOK: "The media server.",
}

SCHEMES: Json = {
    "session": {"type": "apiKey", "in": "cookie", "name": SESSION_COOKIE},
    "visit": {
        "type": "apiKey",
        "in": "cookie",
        "name": "__Host-visit-{id}",
        "description": "Given on arrival; one for each visit, its id in the name.",
    },
    "peer": {
        "type": "http",
        "scheme": "signature",
        "description": "HTTP Message Signatures (RFC 9421) by a key of the trust list, over method, target and body.",
    },
    "media": {
        "type": "http",
        "scheme": "bearer",
        "description": "A LiveKit access token over the body's SHA-256, as LiveKit's webhooks carry it.",
    },
}

PROBLEM: Json = {
    "description": "Refused. `detail` says what to do, `code` is stable. Source: RFC 9457.",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
PROBLEM_SCHEMA: Json = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "fields": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "message"],
                "properties": {"pointer": {"type": "string", "format": "json-pointer"}, "message": {"type": "string"}},
            },
        },
    },
}
IDEMPOTENCY_KEY: Json = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "schema": {"type": "string", "minLength": 8, "maxLength": 64},
    "description": "The same at every try of one request; a retry gets the first answer again.",
}
CODE_FORM: Json = {
    "required": True,
    "content": {
        "application/x-www-form-urlencoded": {
            "schema": {"type": "object", "required": ["code"], "properties": {"code": {"type": "string"}}}
        }
    },
}
EVENT: Json = {"required": True, "content": {"application/webhook+json": {"schema": {"type": "object"}}}}


class Document(View):
    """An OpenAPI description."""

    openapi: str
    info: Json
    servers: list[Json]
    paths: dict[str, Json]
    components: Json


async def describe(request: web.Request) -> Document:
    """Every route of this node."""
    routes = request.app[ROUTES_KEY]
    return document(routes, request.app[NODE].settings.origin)


@lru_cache(maxsize=1)
def document(routes: tuple[Route, ...], origin: str) -> Document:
    """The description of these routes at that origin; kept, because anybody may ask and it takes a while to make."""
    kinds = dict.fromkeys(kind for route in routes for kind in _kinds(route))
    references, defined = models_json_schema(list(kinds), ref_template="#/components/schemas/{model}")
    schemas = defined.get("$defs", {})
    paths: dict[str, Json] = {}
    for route in routes:
        operation = _operation(route, references, schemas)
        paths.setdefault(route.full_path, {})[route.method.lower()] = operation
    return Document(
        openapi="3.1.0",
        info={"title": "telemed node", "version": version("telemed"), "license": {"name": "Apache-2.0"}},
        servers=[{"url": origin}],
        paths=paths,
        components={
            "schemas": {**schemas, "Problem": PROBLEM_SCHEMA},
            "responses": {"Problem": PROBLEM},
            "securitySchemes": SCHEMES,
        },
    )


def _kinds(route: Route) -> list[Kind]:
    comes: list[Kind] = [(kind, "validation") for kind in (route.body, route.query) if kind is not None]
    return comes if route.view is None else [*comes, (route.view, "serialization")]


def _operation(route: Route, references: Mapping[Kind, Json], schemas: Mapping[str, Json]) -> Json:
    operation: Json = {
        "operationId": re.sub(r"[^a-z0-9]+", "_", f"{route.method} {route.path}".lower()).strip("_"),
        "summary": route.summary,
        "description": WHO[route.who],
        "security": CREDENTIALS[route.who],
        "responses": {**_answer(route, references), "default": {"$ref": "#/components/responses/Problem"}},
    }
    if parameters := _parameters(route, references, schemas):
        operation["parameters"] = parameters
    if route.body is not None:
        schema = references[route.body, "validation"]
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    elif route.who in (Who.ARRIVAL, Who.WEBHOOK):
        operation["requestBody"] = CODE_FORM if route.who is Who.ARRIVAL else EVENT
    return operation


def _answer(route: Route, references: Mapping[Kind, Json]) -> Json:
    if route.view is None:
        # A route without a view that says nothing of its status answers 204: `routing` sees to it.
        return {str(204 if route.status == 200 else route.status): {"description": "Done; there is nothing to read."}}
    schema = references[route.view, "serialization"]
    return {str(route.status): {"description": "Done.", "content": {"application/json": {"schema": schema}}}}


def _parameters(route: Route, references: Mapping[Kind, Json], schemas: Mapping[str, Json]) -> list[Json]:
    found: list[Json] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"\{(\w+)", route.path)
    ]
    if route.query is not None:
        schema = schemas[references[route.query, "validation"]["$ref"].rpartition("/")[2]]
        needed = schema.get("required", ())
        found += [
            {"name": name, "in": "query", "required": name in needed, "schema": value}
            for name, value in schema["properties"].items()
        ]
    return [*found, IDEMPOTENCY_KEY] if route.once else found


ROUTES = (
    Route(
        method="GET",
        path="/openapi.json",
        handler=describe,
        who=Who.ANYONE,
        view=Document,
        summary="This description",
    ),
)
