"""The description and the router say the same, and every route is closed to whoever brings nothing."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from telemed.api import map as api_map
from telemed.api import openapi
from telemed.api.page import SCREENS
from telemed.api.routing import Who
from tests.conftest import SetClock
from tests.nodes import RunningNode, federation

PAGE = {*SCREENS, "/assets/{name}", "/{lost}"}


@pytest.fixture
async def ke(tmp_path: Path, clock: SetClock) -> AsyncIterator[RunningNode]:
    async with federation(tmp_path, clock, "KE") as nodes:
        yield nodes["KE"]


async def described(ke: RunningNode) -> dict[str, Any]:
    status, document, _ = await ke.call("GET", "/openapi.json")
    assert status == 200
    assert isinstance(document, dict)
    return document


def references(value: Any) -> set[str]:
    if isinstance(value, dict):
        own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return own.union(*(references(part) for part in value.values()))
    return set().union(*(references(part) for part in value)) if isinstance(value, list) else set()


async def test_the_description_is_made_once_and_not_for_each_who_asks(ke: RunningNode) -> None:
    first = openapi.document(api_map.ROUTES, ke.origin)
    assert await described(ke) == first.model_dump(mode="json")
    assert openapi.document(api_map.ROUTES, ke.origin) is first


async def test_no_route_is_undescribed_and_none_is_invented(ke: RunningNode) -> None:
    paths = (await described(ke))["paths"]
    routes = ((route.method, route.resource.canonical) for route in ke.app.router.routes() if route.resource)
    real = {(method, path) for method, path in routes if path not in PAGE and not path.startswith("/media")}
    assert {(method.upper(), path) for path, methods in paths.items() for method in methods} == real


async def test_the_description_holds_together(ke: RunningNode) -> None:
    document = await described(ke)
    for reference in references(document):
        found = document
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]
    operations = [operation for methods in document["paths"].values() for operation in methods.values()]
    names = [operation["operationId"] for operation in operations]
    assert len(set(names)) == len(names)
    schemes = document["components"]["securitySchemes"]
    assert all(name in schemes for operation in operations for one in operation["security"] for name in one)
    for path, methods in document["paths"].items():
        for operation in methods.values():
            inside = {one["name"] for one in operation.get("parameters", ()) if one["in"] == "path"}
            assert inside == set(re.findall(r"\{(\w+)\}", path))


async def test_times_ids_and_bodies_are_described_as_they_go_over_the_wire(ke: RunningNode) -> None:
    document = await described(ke)
    slots = document["paths"]["/api/v1/slots"]["get"]
    assert {one["name"] for one in slots["parameters"]} == {"specialty", "language", "from", "days"}
    session = document["components"]["schemas"]["SessionView"]["properties"]
    assert session["started_at"] == {"type": "string", "format": "date-time", "title": "Started At"}
    patient = document["components"]["schemas"]["NewPatient"]
    assert (patient["additionalProperties"], set(patient["required"])) == (
        False,
        {"name", "contact", "password", "language", "zone"},
    )
    booking = document["paths"]["/api/v1/appointments"]["post"]
    assert any(one["name"] == "Idempotency-Key" for one in booking["parameters"])


async def test_every_route_is_closed_to_whoever_brings_nothing(ke: RunningNode) -> None:
    for route in api_map.ROUTES:
        path = re.sub(r"\{\w+\}", "a" * 32, route.full_path)
        async with ke.http.request(route.method, ke.origin + path, headers={"Origin": ke.origin}) as answer:
            refused = 400 <= answer.status < 500
            # An open route may still want a better body; it never asks who is there.
            assert answer.status not in (401, 403) if route.who is Who.ANYONE else refused, (route.method, path)
            if route.who not in (Who.ANYONE, Who.ARRIVAL, Who.WEBHOOK):
                assert answer.status == 401, (route.method, path, await answer.text())


async def test_every_change_is_closed_to_another_origins_page(ke: RunningNode) -> None:
    patient = await ke.patient()
    changes = [
        route for route in api_map.ROUTES if route.method != "GET" and route.path.startswith("/") and not route.root
    ]
    for route in changes:
        path = re.sub(r"\{\w+\}", "a" * 32, route.full_path)
        headers = {"Origin": "http://elsewhere.localhost", "Cookie": f"__Host-session={patient}"}
        async with ke.http.request(route.method, ke.origin + path, headers=headers) as answer:
            assert (answer.status, (await answer.json(content_type=None))["code"]) == (403, "foreign-origin"), path
