"""What a trusted node may ask of another's calendar, and what it may not though its signature is good."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlmodel import select

from telemed.config import Limits
from telemed.directory.doctors import add_doctor
from telemed.federation.client import Answer
from telemed.scheduling.models import Claim
from tests.conftest import SetClock
from tests.directory.test_directory import LI
from tests.nodes import RunningNode, federation, list_anew

Nodes = dict[str, RunningNode]
HOLD = timedelta(minutes=3)


@pytest.fixture
async def nodes(tmp_path: Path, clock: SetClock, databases: dict[str, str]) -> AsyncIterator[Nodes]:
    limits = Limits(holds_per_node=2)
    async with federation(tmp_path, clock, "KE", "CN", "IT", databases=databases, limits=limits) as running:
        yield running


@pytest.fixture
async def body(nodes: Nodes) -> dict[str, Any]:
    """A hold of ten minutes of a doctor in Kenya."""
    return new_hold(await doctor_of(nodes["KE"]))


async def doctor_of(node: RunningNode) -> str:
    own = node.settings.jurisdiction
    licensed = replace(LI, licences=[replace(licence, jurisdiction=own) for licence in LI.licences])
    async with node.node.database.write() as session:
        return (await add_doctor(session, licensed, jurisdiction=own, now=node.node.clock())).id


def new_hold(doctor_id: str, **changes: Any) -> dict[str, Any]:
    return {
        "doctor_id": doctor_id,
        "starts_at": "2026-11-24T09:00:00Z",
        "minutes": 10,
        "language": "en",
        "specialty": "infectious-diseases",
        "handle": uuid4().hex,
        "rule": {"kind": "direct-care", "version": "sample-2"},
        **changes,
    }


async def ask(
    sender: RunningNode, what: str, claim_id: str, body: dict[str, Any] | None = None, *, key: str = "", to: str = "KE"
) -> Answer:
    path = f"/federation/v1/appointments/{claim_id}/{what}"
    return await sender.node.peers.post(to, path, body or {}, idempotency_key=key or uuid4().hex)


async def claims(node: RunningNode) -> dict[str, Claim]:
    async with node.node.database.read() as session:
        return {claim.id: claim for claim in (await session.exec(select(Claim))).all()}


async def test_each_request_is_answered_alike_however_often_it_comes(nodes: Nodes, body: dict[str, Any]) -> None:
    cn, claim_id = nodes["CN"], uuid4().hex
    first = await ask(cn, "hold", claim_id, body, key="k1")
    assert (first.status, first.body) == (201, {"hold_until": "2026-11-24T08:03:00Z"})
    assert await ask(cn, "hold", claim_id, body, key="k1") == first
    assert await ask(cn, "hold", claim_id, body, key="k2") == first
    confirmed = await ask(cn, "confirm", claim_id, key="k3")
    assert (confirmed.status, confirmed.body) == (200, {"state": "confirmed"})
    assert await ask(cn, "confirm", claim_id, key="k4") == confirmed
    ended = await ask(cn, "end", claim_id)
    assert (ended.status, ended.body) == (200, {"state": "ended"})
    assert await ask(cn, "confirm", claim_id, key="k3") == confirmed
    assert (await claims(nodes["KE"]))[claim_id].state == "ended"


async def test_the_calendars_node_keeps_of_an_appointment_what_it_needs_and_nothing_else(
    nodes: Nodes, body: dict[str, Any]
) -> None:
    claim_id = uuid4().hex
    assert (await ask(nodes["CN"], "hold", claim_id, body)).ok
    kept = (await claims(nodes["KE"]))[claim_id].model_dump(mode="json")
    assert kept == {
        **{name: body[name] for name in ("doctor_id", "starts_at", "minutes", "language", "specialty", "handle")},
        "id": claim_id,
        "patient_node": "CN",
        "state": "held",
        "hold_until": "2026-11-24T08:03:00Z",
    }


async def test_one_key_with_two_bodies_is_refused(nodes: Nodes, body: dict[str, Any]) -> None:
    cn, claim_id = nodes["CN"], uuid4().hex
    assert (await ask(cn, "hold", claim_id, body, key="k1")).status == 201
    for changed in ({**body, "starts_at": "2026-11-24T10:00:00Z"}, {**body, "handle": uuid4().hex}):
        refused = await ask(cn, "hold", claim_id, changed, key="k1")
        assert (refused.status, refused.code) == (409, "idempotency-key-reused")
    elsewhere = await ask(cn, "hold", uuid4().hex, body, key="k1")
    assert (elsewhere.status, elsewhere.code) == (409, "idempotency-key-reused")
    # Another node's keys are its own.
    assert (await ask(nodes["IT"], "end", uuid4().hex, key="k1")).status == 404
    (claim,) = (await claims(nodes["KE"])).values()
    assert (claim.id, claim.handle) == (claim_id, body["handle"])


async def test_another_nodes_appointment_is_as_if_it_were_not_there(nodes: Nodes, body: dict[str, Any]) -> None:
    cn, it, claim_id = nodes["CN"], nodes["IT"], uuid4().hex
    assert (await ask(cn, "hold", claim_id, body)).ok
    for what in ("confirm", "end"):
        refused = await ask(it, what, claim_id)
        assert (refused.status, refused.code) == (404, "not-found")
        assert refused == await ask(it, what, uuid4().hex)
    assert (await ask(it, "hold", claim_id, body)).status == 404
    assert (await ask(it, "hold", claim_id, {**body, "handle": uuid4().hex})).status == 404
    assert (await claims(nodes["KE"]))[claim_id].state == "held"
    assert (await ask(cn, "confirm", claim_id)).ok


async def test_an_appointment_cannot_be_moved_by_holding_it_anew(nodes: Nodes, body: dict[str, Any]) -> None:
    cn, claim_id = nodes["CN"], uuid4().hex
    assert (await ask(cn, "hold", claim_id, body)).ok
    assert (await ask(cn, "hold", claim_id, {**body, "starts_at": "2026-11-24T10:00:00Z"})).status == 404
    assert (await claims(nodes["KE"]))[claim_id].starts_at.hour == 9


async def test_holds_over_the_limit_are_refused_and_nobody_else_suffers(nodes: Nodes, body: dict[str, Any]) -> None:
    cn, it = nodes["CN"], nodes["IT"]
    times = ["2026-11-24T09:00:00Z", "2026-11-24T09:10:00Z", "2026-11-24T09:20:00Z"]
    ids = [uuid4().hex for _ in times]
    wanted = [new_hold(body["doctor_id"], starts_at=at) for at in times]
    answers = [await ask(cn, "hold", one, hold) for one, hold in zip(ids, wanted, strict=True)]
    assert [answer.status for answer in answers] == [201, 201, 429]
    assert answers[2].code == "too-many"
    assert (await ask(it, "hold", uuid4().hex, wanted[2])).status == 201
    assert (await ask(cn, "confirm", ids[0])).ok
    later = new_hold(body["doctor_id"], starts_at="2026-11-24T11:00:00Z")
    assert (await ask(cn, "hold", uuid4().hex, {**later, "handle": wanted[0]["handle"]})).status == 429
    assert (await ask(cn, "hold", uuid4().hex, later)).status == 201


async def test_a_taken_time_is_refused_for_good_and_leaves_nothing(nodes: Nodes, body: dict[str, Any]) -> None:
    cn, it, first, second = nodes["CN"], nodes["IT"], uuid4().hex, uuid4().hex
    theirs = new_hold(body["doctor_id"], starts_at="2026-11-24T09:05:00Z")
    assert (await ask(cn, "hold", first, body)).ok
    refused = await ask(it, "hold", second, theirs, key="k")
    assert (refused.status, refused.code) == (409, "slot-taken")
    assert list(await claims(nodes["KE"])) == [first]
    assert (await ask(cn, "end", first)).ok
    assert await ask(it, "hold", second, theirs, key="k") == refused
    assert (await ask(it, "hold", second, theirs, key="another")).status == 201


async def test_a_confirmation_after_the_hold_lapsed_is_gone_and_the_time_is_free(
    nodes: Nodes, body: dict[str, Any], clock: SetClock
) -> None:
    cn, claim_id = nodes["CN"], uuid4().hex
    assert (await ask(cn, "hold", claim_id, body)).ok
    clock.pass_(HOLD)
    gone = await ask(cn, "confirm", claim_id, key="k")
    assert (gone.status, gone.code) == (410, "hold-lapsed")
    assert await ask(cn, "confirm", claim_id, key="k") == gone
    assert (await ask(nodes["IT"], "hold", uuid4().hex, {**body, "handle": uuid4().hex})).status == 201


async def test_the_rule_is_this_nodes_to_apply_whatever_the_peer_says(nodes: Nodes) -> None:
    # A doctor in China may not see a patient in Italy; the body says otherwise.
    refused = await ask(nodes["IT"], "hold", uuid4().hex, new_hold(await doctor_of(nodes["CN"])), to="CN")
    assert (refused.status, refused.code) == (403, "licence-rule")


async def test_a_node_that_is_not_trusted_to_book_may_still_let_go(nodes: Nodes, body: dict[str, Any]) -> None:
    cn, claim_id = nodes["CN"], uuid4().hex
    assert (await ask(cn, "hold", claim_id, body)).ok
    await list_anew(nodes["KE"], "CN", purposes=("directory", "visits"))
    later = new_hold(body["doctor_id"], starts_at="2026-11-24T10:00:00Z")
    refused = await ask(cn, "hold", uuid4().hex, later)
    assert (refused.status, refused.code) == (403, "not-trusted-with-this")
    assert list(await claims(nodes["KE"])) == [claim_id]
    assert (await ask(cn, "end", claim_id)).ok


async def test_what_no_calendar_offers_is_refused_and_nothing_is_stored(nodes: Nodes, body: dict[str, Any]) -> None:
    cn, claim_id = nodes["CN"], uuid4().hex
    for changes, status in (
        ({"starts_at": "2026-11-24T07:00:00Z"}, 422),
        ({"starts_at": "2026-11-24T09:01:00Z"}, 422),
        ({"starts_at": "2027-01-24T09:00:00Z"}, 422),
        ({"starts_at": "9999-12-31T23:55:00-01:00"}, 422),
        ({"starts_at": "2026-11-24T09:00:00"}, 422),
        ({"minutes": 15}, 422),
        ({"minutes": "ten"}, 422),
        ({"handle": "Amina"}, 422),
        ({"name": "Amina"}, 422),
        ({"patient_node": "KE"}, 422),
        ({"rule": None}, 422),
        ({"doctor_id": "nobody"}, 404),
    ):
        answer = await ask(cn, "hold", claim_id, {**body, **changes})
        assert answer.status == status, changes
    assert (await ask(cn, "hold", "x", body)).status == 404
    assert (await ask(cn, "hold", claim_id.upper(), body)).status == 404
    assert (await ask(cn, "confirm", claim_id, {"state": "confirmed"})).status == 422
    keyless = await cn.node.peers.post("KE", f"/federation/v1/appointments/{claim_id}/hold", body)
    assert (keyless.status, keyless.code) == (422, "invalid")
    status, problem, _ = await nodes["KE"].call("POST", f"/federation/v1/appointments/{claim_id}/hold", json=body)
    assert (status, problem["code"]) == (401, "signature-refused")
    assert await claims(nodes["KE"]) == {}
