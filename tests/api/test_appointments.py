"""Booking over HTTP: from the request on the patient's node to the visit in the doctor's calendar on another."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlmodel import select

from telemed.audit.models import AuditEvent
from telemed.directory.doctors import add_doctor
from telemed.outbox.models import OutboxMessage
from telemed.scheduling import settling
from telemed.scheduling.models import Claim, ClaimCell
from tests.api.test_slots import found_by
from tests.conftest import SetClock
from tests.directory.test_directory import LI
from tests.nodes import Client, RunningNode, federation, list_anew
from tests.relay import Relay

Nodes = dict[str, RunningNode]


@pytest.fixture
async def nodes(tmp_path: Path, clock: SetClock) -> AsyncIterator[Nodes]:
    async with federation(tmp_path, clock, "KE", "CN") as running:
        async with running["CN"].node.database.write() as session:
            await add_doctor(session, LI, jurisdiction="CN", now=clock())
        yield running


async def wish(node: Client, token: str, number: int = 3, query: str = "days=2", **changes: Any) -> dict[str, Any]:
    """A booking of the slot with that number, as the page would send it."""
    (result,) = (await found_by(node, token, query, 1))["results"]
    slot, doctor = result["slots"][number], result["doctor"]
    return {
        "node": doctor["node"],
        "doctor_id": doctor["id"],
        "starts_at": slot["starts_at"],
        "language": "en",
        "specialty": "infectious-diseases",
        "intake": {"reason": "A cough", "allergies": "penicillin", "medicines": ""},
        "consent": {"items": ["name", "reason"], "until": "2030-11-25T12:00:00Z"},
        **changes,
    }


async def book(node: Client, token: str, body: dict[str, Any], key: str = "") -> tuple[int, Any]:
    status, answer, _ = await node.call(
        "POST", "/appointments", token, json=body, headers={"Idempotency-Key": key or uuid4().hex}
    )
    return status, answer


async def booked(node: Client, token: str, body: dict[str, Any]) -> str:
    """The appointment's id, once the replica knows that the time is free."""
    async with asyncio.timeout(10):
        while True:
            status, answer = await book(node, token, body)
            if status == 202:
                return str(answer["id"])
            assert answer["code"] == "slot-taken"
            await asyncio.sleep(0.05)


async def settled(node: Client, token: str, visit_id: str, *states: str) -> Any:
    """The appointment once it is in one of the states."""
    async with asyncio.timeout(15):
        while True:
            status, seen, _ = await node.call("GET", f"/appointments/{visit_id}", token)
            assert status == 200
            if seen["state"] in states:
                return seen
            await asyncio.sleep(0.02)


async def test_a_booking_is_confirmed_on_both_nodes(nodes: Nodes) -> None:
    ke, cn = nodes["KE"], nodes["CN"]
    token = await ke.patient()
    status, requested = await book(ke, token, await wish(ke, token))
    assert (status, requested["state"]) == (202, "requested")
    seen = await settled(ke, token, requested["id"], "confirmed")
    assert seen["consent"]["items"] == ["name", "reason"]
    assert seen["consent"]["country"] == "CN"
    assert seen["hers"]["zone"] == "Africa/Nairobi"
    async with cn.node.database.read() as session:
        (claim,) = (await session.exec(select(Claim))).all()
    assert (claim.id, claim.state, claim.patient_node) == (seen["id"], "confirmed", "KE")
    _, all_of_hers, _ = await ke.call("GET", "/appointments", token)
    assert [one["id"] for one in all_of_hers["appointments"]] == [seen["id"]]


async def _asked_to_confirm(ke: RunningNode, cn: RunningNode, relay: Relay, clock: SetClock) -> tuple[str, Any]:
    """A patient's session and her booking, held; that it be confirmed is on its way, and stopped at the relay."""
    async with cn.node.database.write() as session:
        await add_doctor(session, LI, jurisdiction="CN", now=clock())
    token = await ke.patient()
    gate = relay.stop_at("confirm", "request")
    status, requested = await book(ke, token, await wish(ke, token))
    assert status == 202
    async with asyncio.timeout(10):
        await gate.reached.wait()
    return token, requested


async def test_a_confirmation_that_comes_after_the_hold_lapsed_is_gone_on_both_nodes(
    tmp_path: Path, clock: SetClock
) -> None:
    relay = Relay()
    async with federation(tmp_path, clock, "KE", "CN", relays={"CN": relay}) as nodes:
        ke, cn = nodes["KE"], nodes["CN"]
        token, requested = await _asked_to_confirm(ke, cn, relay, clock)
        clock.pass_(timedelta(minutes=cn.settings.hold_minutes, seconds=1))
        await relay.cut()
        # The next try is due by the clock, which only moves here.
        async with asyncio.timeout(15):
            while (seen := await settled(ke, token, requested["id"], "held", "gone", "confirmed"))["state"] == "held":
                clock.pass_(timedelta(seconds=1))
        assert (seen["state"], seen["detail"]) == ("gone", "hold-lapsed")
        await _lapsed(cn)
        await relay.stop()


async def test_a_node_that_is_suspended_is_asked_to_confirm_until_the_time_has_passed(
    tmp_path: Path, clock: SetClock
) -> None:
    relay = Relay()
    async with federation(tmp_path, clock, "KE", "CN", relays={"CN": relay}) as nodes:
        ke, cn = nodes["KE"], nodes["CN"]
        token, requested = await _asked_to_confirm(ke, cn, relay, clock)
        await list_anew(ke, "CN", status="suspended")
        await relay.cut()
        async with asyncio.timeout(15):
            while True:
                if (await settled(ke, token, requested["id"], "held"))["trying"]:
                    break
                await asyncio.sleep(0.02)
        clock.now = datetime.fromisoformat(requested["ends_at"])
        seen = await settled(ke, token, requested["id"], "unreachable")
        assert (seen["detail"], seen["trying"], seen["hold_until"]) == ("node-unreachable", False, None)
        async with ke.node.database.read() as session:
            told = (await session.exec(select(OutboxMessage).where(OutboxMessage.kind == "end"))).one()
        assert told.give_up_at == datetime.fromisoformat(requested["starts_at"]) + settling.END_TOLD_FOR
        await relay.stop()


async def _lapsed(cn: RunningNode) -> None:
    """Wait until the only claim has lapsed and holds no cell of the calendar any more."""
    async with asyncio.timeout(15):
        while True:
            async with cn.node.database.read() as session:
                (claim,) = (await session.exec(select(Claim))).all()
                cells = (await session.exec(select(ClaimCell))).all()
            if (claim.state, cells) == ("lapsed", []):
                return
            await asyncio.sleep(0.05)


async def test_the_same_key_books_once_and_not_twice(nodes: Nodes) -> None:
    ke = nodes["KE"]
    token = await ke.patient()
    body = await wish(ke, token)
    first, again = await book(ke, token, body, "key-of-hers"), await book(ke, token, body, "key-of-hers")
    assert first[1]["id"] == again[1]["id"]
    status, problem = await book(ke, token, {**body, "language": "zh"}, "key-of-hers")
    assert (status, problem["code"]) == (409, "idempotency-key-reused")


async def test_who_comes_second_is_told_kindly_and_shown_the_next_times(tmp_path: Path, clock: SetClock) -> None:
    relay = Relay()
    async with federation(tmp_path, clock, "KE", "CN", relays={"CN": relay}) as nodes:
        ke, cn = nodes["KE"], nodes["CN"]
        async with cn.node.database.write() as session:
            await add_doctor(session, LI, jurisdiction="CN", now=clock())
        hers, his = await ke.patient("Amina"), await cn.patient("Wei", "Asia/Shanghai")
        wishes = await wish(ke, hers), await wish(cn, his)
        assert wishes[0]["starts_at"] == wishes[1]["starts_at"]
        # Neither is held before both have asked; who asks later than that is refused at once.
        relay.stop_at("hold", "request")
        (_, one), (_, other) = await asyncio.gather(book(ke, hers, wishes[0]), book(cn, his, wishes[1]))
        await relay.cut()
        ends = [await _end(ke, hers, one["id"], clock), await _end(cn, his, other["id"], clock)]
        assert sorted(end["state"] for end in ends) == ["confirmed", "gone"]
        (gone,) = [end for end in ends if end["state"] == "gone"]
        assert gone["detail"] == "slot-taken"
        assert len(gone["next_slots"]) == 5
        assert wishes[0]["starts_at"] not in [slot["starts_at"] for slot in gone["next_slots"]]
        await relay.stop()


async def _end(node: Client, token: str, visit_id: str, clock: SetClock) -> Any:
    """What becomes of a booking; its next try is due by the clock, which only moves here and less than a hold lasts."""
    async with asyncio.timeout(15):
        while True:
            seen = await settled(node, token, visit_id, "requested", "held", "confirmed", "gone")
            if seen["state"] in ("confirmed", "gone"):
                return seen
            clock.pass_(timedelta(milliseconds=10))


async def test_a_node_that_is_down_is_tried_until_the_holds_time(nodes: Nodes, clock: SetClock) -> None:
    ke = nodes["KE"]
    token = await ke.patient()
    body = await wish(ke, token)
    await nodes["CN"].stop()
    _, requested = await book(ke, token, body)
    async with asyncio.timeout(15):
        while True:
            _, seen, _ = await ke.call("GET", f"/appointments/{requested['id']}", token)
            if seen["trying"]:
                break
            await asyncio.sleep(0.02)
    assert (seen["state"], seen["hold_until"]) == ("requested", "2026-11-24T08:03:00Z")
    clock.pass_(timedelta(minutes=3))
    ke.node.outbox_wake.set()
    seen = await settled(ke, token, requested["id"], "unreachable")
    assert (seen["detail"], seen["trying"], seen["hold_until"]) == ("node-unreachable", False, None)


async def test_what_is_not_offered_is_refused_and_nothing_is_stored(nodes: Nodes) -> None:
    ke = nodes["KE"]
    token = await ke.patient()
    good, far = await wish(ke, token), "2026-12-25T12:00:00Z"
    for changes, status, code in (
        ({"starts_at": "2026-11-24T07:00:00Z"}, 422, "invalid"),
        ({"starts_at": "2026-11-24T09:01:00Z"}, 422, "invalid"),
        ({"starts_at": "2026-11-24T09:00:00"}, 422, "invalid"),
        ({"starts_at": "9999-12-31T23:55:00-01:00"}, 422, "invalid"),
        ({"starts_at": "0001-01-01T00:00:00+01:00"}, 422, "invalid"),
        ({"starts_at": ["now"]}, 422, "invalid"),
        ({"starts_at": "2026-12-24T09:00:00Z", "consent": {"items": [], "until": far}}, 409, "slot-taken"),
        ({"intake": {"reason": ""}}, 422, "invalid"),
        ({"intake": {"reason": "\ud800"}}, 422, "invalid"),
        ({"intake": {"reason": "A cough", "allergies": "x" * 4_001}}, 422, "invalid"),
        ({"intake": {"reason": "x" * 70_000}}, 413, "body-too-large"),
        ({"specialty": "cardiology"}, 422, "invalid"),
        ({"language": "fr"}, 422, "invalid"),
        ({"doctor_id": "nobody"}, 404, "not-found"),
        ({"node": "IT"}, 404, "not-found"),
        ({"who": "me"}, 422, "invalid"),
        ({"consent": {"items": ["diary"], "until": "2026-11-25T12:00:00Z"}}, 422, "invalid"),
        ({"consent": {"items": [], "until": "2026-11-24T08:00:00Z"}}, 422, "invalid"),
        ({"consent": {"items": [], "until": "9999-12-31T23:59:59-12:00"}}, 422, "invalid"),
    ):
        answered, problem = await book(ke, token, {**good, **changes})
        assert (answered, problem["code"]) == (status, code), changes
    for key in ("short", "x" * 65, "key of hers", "k\u00e9y-of-hers"):
        answered, problem = await book(ke, token, good, key)
        assert (answered, problem["code"]) == (422, "invalid"), key
    assert (await ke.call("GET", "/appointments", token))[1]["appointments"] == []


async def test_a_pair_that_no_rule_allows_is_refused(tmp_path: Path, clock: SetClock) -> None:
    async with federation(tmp_path, clock, "US", "CN") as nodes:
        async with nodes["CN"].node.database.write() as session:
            doctor = await add_doctor(session, LI, jurisdiction="CN", now=clock())
        us = nodes["US"]
        token = await us.patient()
        (result,) = (await found_by(us, token, "days=2", 1))["results"]
        assert (result["rule"]["offered"], result["slots"]) == (False, [])
        body = {
            "node": "CN",
            "doctor_id": doctor.id,
            "starts_at": "2026-11-24T09:00:00Z",
            "language": "en",
            "specialty": "infectious-diseases",
            "intake": {"reason": "A cough"},
            "consent": {"items": [], "until": "2026-11-25T12:00:00Z"},
        }
        status, problem = await book(us, token, body)
        assert (status, problem["code"]) == (403, "licence-rule")


async def test_someone_elses_appointment_is_as_if_it_were_not_there(nodes: Nodes) -> None:
    ke = nodes["KE"]
    hers, his = await ke.patient("Amina"), await ke.patient("Baraka")
    _, requested = await book(ke, hers, await wish(ke, hers))
    assert (await ke.call("GET", f"/appointments/{requested['id']}", his))[0] == 404
    assert (await ke.call("POST", f"/appointments/{requested['id']}/consent/withdraw", his))[0] == 404


async def test_a_withdrawn_consent_calls_the_visit_off_on_both_nodes(nodes: Nodes) -> None:
    ke, cn = nodes["KE"], nodes["CN"]
    token = await ke.patient()
    body = await wish(ke, token)
    _, requested = await book(ke, token, body)
    await settled(ke, token, requested["id"], "confirmed")
    status, ended, _ = await ke.call("POST", f"/appointments/{requested['id']}/consent/withdraw", token)
    assert (status, ended["state"], ended["end_reason"]) == (200, "ended", "consent-withdrawn")
    async with asyncio.timeout(10):
        while True:
            async with cn.node.database.read() as session:
                (claim,) = (await session.exec(select(Claim))).all()
            if claim.state == "ended":
                break
            await asyncio.sleep(0.02)
    await settled(ke, token, await booked(ke, token, body), "confirmed")


async def test_a_patient_may_have_so_many_open_bookings(nodes: Nodes) -> None:
    ke = nodes["KE"]
    token = await ke.patient()
    wishes = [await wish(ke, token, number) for number in range(1, 5)]
    await nodes["CN"].stop()
    statuses = [(await book(ke, token, body))[0] for body in wishes]
    assert statuses == [202, 202, 202, 429]


async def test_a_doctor_of_her_own_node_takes_the_same_path(nodes: Nodes) -> None:
    cn = nodes["CN"]
    token = await cn.patient("Wei", "Asia/Shanghai")
    _, requested = await book(cn, token, await wish(cn, token))
    seen = await settled(cn, token, requested["id"], "confirmed")
    async with cn.node.database.read() as session:
        (claim,) = (await session.exec(select(Claim))).all()
    assert (claim.id, claim.state, claim.patient_node) == (seen["id"], "confirmed", "CN")


async def test_a_booking_that_is_called_off_while_the_node_is_down_stays_off(nodes: Nodes) -> None:
    ke = nodes["KE"]
    token = await ke.patient()
    body = await wish(ke, token)
    await nodes["CN"].stop()
    _, requested = await book(ke, token, body)
    withdraw = f"/appointments/{requested['id']}/consent/withdraw"
    (_, ended, _), (_, again, _) = await ke.call("POST", withdraw, token), await ke.call("POST", withdraw, token)
    assert (ended["state"], ended["end_reason"], ended["trying"]) == ("ended", "consent-withdrawn", False)
    assert again == ended
    async with ke.node.database.read() as session:
        actions = [event.action for event in (await session.exec(select(AuditEvent))).all()]
    assert actions.count("withdrew-consent") == 1
