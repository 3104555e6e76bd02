"""What a trusted node may not do: vouch for doctors or visits that are not its own, or twice."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from multidict import CIMultiDict
from sqlmodel import select

from telemed.audit.models import AuditEvent
from telemed.directory.models import Doctor
from telemed.federation import assertion
from telemed.federation.signing import Request, Response, sign_response
from tests.appointments import Appointment, book
from tests.conftest import SetClock
from tests.nodes import RunningNode, federation, list_anew

ARRIVALS = "/federation/v1/arrivals"


@pytest.fixture
async def nodes(tmp_path: Path, clock: SetClock) -> AsyncIterator[dict[str, RunningNode]]:
    async with federation(tmp_path, clock, "KE", "CN", "IT") as running:
        yield running


@pytest.fixture
async def visit(nodes: dict[str, RunningNode], clock: SetClock) -> Appointment:
    """Ten minutes before it begins."""
    return await book(nodes["KE"], nodes["CN"])


async def vouch(by: RunningNode, visit: Appointment, **claims: Any) -> str:
    """An assertion as `by` may make it of Dr Li, with other claims where the test says so."""
    async with visit.cn.node.database.read() as session:
        doctor = (await session.exec(select(Doctor))).one()
    said = {"issuer": by.settings.node, "audience": "KE", "visit_id": visit.id, "doctor": {"id": doctor.id}, **claims}
    return assertion.make(by.node.signing_key.private, **said, now=by.node.clock())


async def refused(by: RunningNode, token: str) -> str:
    """The code of the refusal that KE answers to `by`."""
    answer = await by.node.peers.post("KE", ARRIVALS, {"assertion": token})
    assert not answer.ok
    return answer.code


async def test_the_booked_doctors_node_is_answered_once(visit: Appointment) -> None:
    token = await vouch(visit.cn, visit)
    assert (await visit.cn.node.peers.post("KE", ARRIVALS, {"assertion": token})).status == 201
    assert await refused(visit.cn, token) == "arrival-refused"


async def test_a_node_vouches_for_its_own_alone(visit: Appointment, nodes: dict[str, RunningNode]) -> None:
    it, cn = nodes["IT"], nodes["CN"]
    assert await refused(it, await vouch(it, visit)) == "arrival-refused"
    assert await refused(it, await vouch(it, visit, issuer="CN")) == "assertion-untrusted"
    assert await refused(it, await vouch(cn, visit)) == "arrival-refused"
    assert await refused(cn, await vouch(cn, visit, visit_id="b" * 32)) == "arrival-refused"
    assert await refused(cn, await vouch(cn, visit, doctor={"id": "another"})) == "arrival-refused"
    assert await refused(cn, await vouch(cn, visit, audience="IT")) == "assertion-elsewhere"
    assert await refused(cn, "no assertion") == "assertion-malformed"
    async with visit.ke.node.database.read() as session:
        assert [event.action for event in await session.exec(select(AuditEvent))] == ["gave-consent"]


async def test_an_assertion_lives_for_two_minutes(visit: Appointment, clock: SetClock) -> None:
    token = await vouch(visit.cn, visit)
    clock.pass_(assertion.LIFE)
    assert await refused(visit.cn, token) == "assertion-out-of-time"


@pytest.mark.parametrize("change", [{"status": "suspended"}, {"purposes": ("directory", "booking")}])
async def test_a_session_ends_with_the_trust_in_who_vouched(visit: Appointment, change: dict[str, Any]) -> None:
    doctor = await visit.arrive()
    assert (await visit.doctor(doctor, "GET"))[0] == 200
    await list_anew(visit.ke, "CN", **change)
    status, problem = await visit.doctor(doctor, "GET")
    assert (status, problem["code"]) == (403, "not-allowed")
    assert (await visit.patient("GET"))[0] == 200


async def test_a_node_that_is_not_trusted_to_send_doctors_sends_none(visit: Appointment) -> None:
    await list_anew(visit.ke, "CN", purposes=("directory", "booking"))
    assert await refused(visit.cn, await vouch(visit.cn, visit)) == "not-trusted-with-this"


@asynccontextmanager
async def answering(instead_of: RunningNode, body: bytes) -> AsyncIterator[None]:
    """Something in the place of a node that has its key, and answers whatever it is asked with 201 and this body."""

    async def answer(request: web.Request) -> web.Response:
        asked = Request(request.method, instead_of.origin + request.raw_path, CIMultiDict(request.headers), None)
        said = web.Response(status=201, body=body, content_type="application/json")
        key = instead_of.node.signing_key
        signed = Response(said.status, said.headers, asked)
        sign_response(signed, body, keyid=key.keyid, key=key.private, now=instead_of.node.clock())
        return said

    await instead_of.stop()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, instead_of.settings.host, instead_of.settings.port).start()
        yield
    finally:
        await runner.cleanup()


@pytest.mark.parametrize("body", [b"{}", b'{"code": null}', b'{"code": 7}', rb'{"code": "\ud800"}', b"[" * 5_000])
async def test_a_patients_node_that_lets_in_and_gives_no_code_fails(visit: Appointment, body: bytes) -> None:
    async with answering(visit.ke, body):
        status, problem, _ = await visit.cn.call("POST", f"/calendar/{visit.id}/join", visit.doctors)
    assert (status, problem["code"] in ("unavailable", "peer-unreachable")) == (503, True)
