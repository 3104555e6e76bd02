"""A visit over HTTP, between two real nodes: who gets in, what is seen and written, and that the end is one."""

import base64
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from telemed.audit.models import AuditEvent
from telemed.calls import ending, window
from telemed.calls.rooms import Rooms, RoomsUnreachable
from telemed.outbox.models import OutboxMessage
from telemed.scheduling.models import Visit
from tests.appointments import INTAKE, Appointment, book
from tests.conformance.conftest import eventually
from tests.conftest import SetClock
from tests.nodes import federation


@pytest.fixture
async def visit(tmp_path: Path, clock: SetClock) -> AsyncIterator[Appointment]:
    """Ten minutes before it begins."""
    async with federation(tmp_path, clock, "KE", "CN") as nodes:
        yield await book(nodes["KE"], nodes["CN"])


async def test_a_visit_from_the_waiting_room_to_the_note(visit: Appointment) -> None:
    status, seen = await visit.patient("GET")
    assert (status, seen["you"], seen["state"], seen["patient"]) == (200, "patient", "waiting-room", {"name": "Amina"})
    doctor = await visit.arrive()
    status, seen = await visit.doctor(doctor, "GET")
    assert (seen["you"], seen["patient"], seen["doctor_arrived"]) == ("doctor", {"name": "Amina"}, True)
    status, shared = await visit.doctor(doctor, "GET", "/shared")
    assert (status, shared["items"]) == (200, {"name": "Amina", "reason": INTAKE.reason})
    assert (await visit.doctor(doctor, "POST", "/admit"))[1]["state"] == "in-call"

    assert (await visit.doctor(doctor, "GET", "/draft"))[1] == {"text": "", "revision": 0, "saved_at": None}
    status, saved = await visit.doctor(doctor, "PUT", "/draft", json={"text": "rest \n", "revision": 0})
    assert (status, saved["revision"]) == (200, 1)
    assert (await visit.doctor(doctor, "GET", "/draft"))[1]["text"] == "rest \n"
    status, problem = await visit.doctor(doctor, "POST", "/end")
    assert (status, problem["code"]) == (409, "unsigned-draft")
    status, signed = await visit.doctor(doctor, "POST", "/note", json={"text": "rest", "revision": 1})
    assert (status, signed["revision"]) == (201, 1)
    status, over = await visit.doctor(doctor, "POST", "/end")
    assert (status, over["state"], over["end_reason"]) == (200, "ended", "doctor-ended")

    status, record, _ = await visit.ke.call("GET", "/record", visit.hers)
    (recorded,) = record["visits"]
    assert (recorded["notes"][0]["text"], recorded["intake"]["reason"]) == ("rest", INTAKE.reason)
    assert recorded["notes"][0]["author"]["licence"]["jurisdiction"] == "CN"
    status, looks, _ = await visit.ke.call("GET", "/record/accesses", visit.hers)
    told = [(look["what"], look["who"]["kind"], look["items"]) for look in reversed(looks["accesses"])]
    assert told == [
        ("gave-consent", "you", ["name", "reason"]),
        ("arrived", "doctor", ["name"]),
        ("read-shared", "doctor", ["name", "reason"]),
        ("wrote-note", "doctor", ["note"]),
        ("ended", "doctor", []),
        ("read-record", "you", ["intake", "note"]),
    ]
    assert {look["who"]["name"] for look in looks["accesses"]} == {"Dr Li", None}
    oldest = looks["accesses"][-1]["id"]
    assert looks["more"] is False
    older = await visit.ke.call("GET", f"/record/accesses?before={oldest}", visit.hers)
    assert older[:2] == (200, {"accesses": [], "more": False})
    assert (await visit.ke.call("GET", "/record/accesses?before=1", visit.hers))[0] == 422


async def test_what_she_did_not_tick_is_in_no_answer_the_doctor_gets(visit: Appointment) -> None:
    doctor = await visit.arrive()
    await visit.doctor(doctor, "POST", "/note", json={"text": "rest", "revision": 0})
    cookie = {"Cookie": f"__Host-visit-{visit.id}={doctor}"}
    for path in ("", "/shared", "/draft", "/notes"):
        async with visit.ke.http.get(f"{visit.ke.origin}/api/v1{visit.path}{path}", headers=cookie) as answer:
            assert answer.status == 200
            assert answer.headers["Cache-Control"] == "no-store"
            text = await answer.text()
        for item in (INTAKE.allergies, INTAKE.medicines):
            assert item not in text
            assert base64.b64encode(item.encode()).decode() not in text
    for path in ("/record", "/record/accesses", "/session", "/slots"):
        async with visit.ke.http.get(f"{visit.ke.origin}/api/v1{path}", headers=cookie) as answer:
            assert answer.status == 401


async def test_two_open_windows_do_not_overwrite_each_other(visit: Appointment) -> None:
    doctor = await visit.arrive()
    await visit.doctor(doctor, "PUT", "/draft", json={"text": "one", "revision": 0})
    status, problem = await visit.doctor(doctor, "PUT", "/draft", json={"text": "two", "revision": 0})
    assert (status, problem["code"]) == (409, "draft-changed")
    status, problem = await visit.doctor(doctor, "POST", "/note", json={"text": "two", "revision": 0})
    assert (status, problem["code"]) == (409, "draft-changed")
    assert (await visit.doctor(doctor, "DELETE", "/draft"))[0] == 204
    assert (await visit.doctor(doctor, "POST", "/end"))[0] == 200


async def test_after_the_end_nothing_opens(visit: Appointment) -> None:
    doctor, unused = await visit.arrive(), await visit.join()
    assert (await visit.doctor(doctor, "POST", "/end"))[0] == 200
    for method, path in (("GET", ""), ("GET", "/shared"), ("GET", "/draft"), ("POST", "/enter"), ("POST", "/admit")):
        status, problem = await visit.doctor(doctor, method, path)
        assert (status, problem["code"], problem["end_reason"]) == (410, "visit-over", "doctor-ended"), path
    assert (await visit.patient("POST", "/enter"))[0] == 410
    assert (await visit.patient("GET"))[1]["state"] == "ended"
    assert (await visit.post_code(unused, visit.cn.origin))[0] == 403
    status, problem, _ = await visit.cn.call("POST", f"/calendar/{visit.id}/join", visit.doctors)
    assert (status, problem["code"]) == (409, "visit-closed")


async def test_the_code_is_the_doctors_nodes_pages_alone_and_works_once(visit: Appointment, clock: SetClock) -> None:
    code = await visit.join()
    for origin in (visit.ke.origin, "http://elsewhere.localhost", "null"):
        status, page, cookie = await visit.post_code(code, origin)
        assert (status, cookie) == (403, "")
        assert "press Join" in page
    assert (await visit.post_code(code, visit.cn.origin))[0] == 303
    assert (await visit.post_code(code, visit.cn.origin))[0] == 403
    late = await visit.join()
    clock.pass_(timedelta(seconds=30))
    assert (await visit.post_code(late, visit.cn.origin))[0] == 403


async def test_the_visits_cookie_goes_with_the_visit(visit: Appointment) -> None:
    name, ke = f"__Host-visit-{visit.id}", visit.ke
    code, origin = {"code": await visit.join()}, {"Origin": visit.cn.origin}
    async with ke.http.post(f"{ke.origin}/arrive", data=code, headers=origin, allow_redirects=False) as answer:
        doctor, lives_s = answer.cookies[name].value, int(answer.cookies[name]["max-age"])
    closes = timedelta(minutes=20) + window.AFTER
    assert closes <= timedelta(seconds=lives_s) <= closes + timedelta(minutes=15)

    cookie = {"Cookie": f"{name}={doctor}", "Origin": ke.origin}
    gone = []
    # At the end, and of a page elsewhere that has not heard of it; but nothing touches it before.
    for method, path in (("GET", ""), ("POST", "/end"), ("GET", ""), ("POST", "/enter")):
        async with ke.http.request(method, f"{ke.origin}/api/v1{visit.path}{path}", headers=cookie) as answer:
            said = answer.headers.get("Set-Cookie", "")
            gone.append(said.startswith(f'{name}=""') and "Max-Age=0" in said and "Secure" in said)
    assert gone == [False, True, True, True]


async def test_only_the_booked_doctor_joins(visit: Appointment) -> None:
    assert (await visit.cn.call("POST", f"/calendar/{'b' * 32}/join", visit.doctors))[0] == 404
    assert (await visit.cn.call("POST", f"/calendar/{visit.id}/join"))[0] == 401
    assert (await visit.ke.call("POST", f"/calendar/{visit.id}/join", visit.hers))[0] == 403


async def test_nobody_else_sees_the_visit(visit: Appointment) -> None:
    another = await visit.ke.patient("Brian")
    status, problem, _ = await visit.ke.call("GET", visit.path, another)
    assert (status, problem["code"]) == (404, "not-found")
    assert (await visit.ke.call("GET", visit.path))[0] == 401
    assert (await visit.doctor("guess", "GET"))[0] == 401
    for path in ("/shared", "/draft"):
        assert (await visit.patient("GET", path))[0] == 401


async def test_nobody_enters_early(visit: Appointment, clock: SetClock) -> None:
    clock.now -= timedelta(minutes=6)
    assert (await visit.patient("GET"))[1]["state"] == "too-early"
    status, problem = await visit.patient("POST", "/enter")
    assert (status, problem["code"]) == (409, "not-open-yet")
    status, problem, _ = await visit.cn.call("POST", f"/calendar/{visit.id}/join", visit.doctors)
    assert (status, problem["code"]) == (409, "not-open-yet")


async def test_consent_withdrawn_ends_the_visit_at_once(visit: Appointment) -> None:
    doctor, unused = await visit.arrive(), await visit.join()
    assert (await visit.doctor(doctor, "GET", "/shared"))[0] == 200
    status, seen, _ = await visit.ke.call("POST", f"/appointments/{visit.id}/consent/withdraw", visit.hers)
    assert (status, seen["state"], seen["end_reason"]) == (200, "ended", "consent-withdrawn")
    for path in ("", "/shared", "/draft", "/notes"):
        status, problem = await visit.doctor(doctor, "GET", path)
        assert (status, problem["end_reason"]) == (410, "consent-withdrawn")
    assert (await visit.post_code(unused, visit.cn.origin))[0] == 403
    assert (await visit.patient("POST", "/enter"))[0] == 410


async def test_the_end_reaches_the_doctors_calendar(visit: Appointment) -> None:
    doctor = await visit.arrive()
    assert (await visit.doctor(doctor, "POST", "/end"))[0] == 200

    async def ended() -> bool:
        _, seen, _ = await visit.cn.call("GET", "/calendar", visit.doctors)
        return [entry["state"] for entry in seen["appointments"]] == ["ended"]

    await eventually(ended)


async def test_a_visit_closes_by_itself_two_hours_after_its_end(visit: Appointment, clock: SetClock) -> None:
    doctor = await visit.arrive()
    await visit.doctor(doctor, "PUT", "/draft", json={"text": "unsigned", "revision": 0})
    clock.pass_(timedelta(minutes=20) + window.AFTER - timedelta(hours=1))
    assert (await visit.patient("GET"))[0] == 200
    clock.pass_(timedelta(hours=1) - timedelta(seconds=1))
    await ending.close_overdue(visit.ke.node)
    assert (await visit.doctor(doctor, "GET"))[0] == 200
    clock.pass_(timedelta(seconds=1))
    # Both are told why, whether or not the node has come to store it.
    for _ in range(2):
        status, problem = await visit.doctor(doctor, "GET")
        assert (status, problem["end_reason"]) == (410, "timed-out")
        _, seen = await visit.patient("GET")
        assert (seen["state"], seen["end_reason"]) == ("ended", "timed-out")
        await ending.close_overdue(visit.ke.node)
    async with visit.ke.node.database.read() as session:
        row = await session.get_one(Visit, visit.id)
        told = (await session.exec(select(OutboxMessage).where(OutboxMessage.kind == "end"))).one()
        last = (await session.exec(select(AuditEvent).where(AuditEvent.action == "ended"))).one()
    assert (row.state, row.end_reason, row.room_closed_at) == ("ended", "timed-out", clock())
    assert (told.kind, told.peer, told.path) == ("end", "CN", f"/federation/v1/appointments/{visit.id}/end")
    assert last.actor["kind"] == "node"


async def test_a_doctor_of_her_own_node_takes_the_same_path(tmp_path: Path, clock: SetClock) -> None:
    async with federation(tmp_path, clock, "KE") as nodes:
        visit = await book(nodes["KE"], nodes["KE"])
        doctor = await visit.arrive()
        assert (await visit.doctor(doctor, "GET", "/shared"))[1]["items"]["reason"] == INTAKE.reason
        # One browser may be signed in as the patient and hold the visit's cookie: on this visit it is the doctor's.
        both = {"Cookie": f"__Host-visit-{visit.id}={doctor}; __Host-session={visit.hers}"}
        assert (await visit.ke.call("GET", visit.path, headers=both))[1]["you"] == "doctor"
        dead = {"Cookie": f"__Host-visit-{visit.id}=dead; __Host-session={visit.hers}"}
        assert (await visit.ke.call("GET", visit.path, headers=dead))[1]["you"] == "patient"


async def test_a_room_that_could_not_be_closed_is_closed_later(visit: Appointment, clock: SetClock) -> None:
    node = visit.ke.node
    assert (await visit.patient("POST", "/enter"))[0] == 200
    answering = node.calls
    async with Rooms("http://127.0.0.1:1/media", "key", "s" * 32) as silent:
        # The node's own loop meets it too: it looks each second.
        object.__setattr__(node, "calls", silent)
        await ending.end(node, visit.id, ending.TIMED_OUT, clock())
        with pytest.raises(RoomsUnreachable):
            await silent.present(visit.room)
        await ending.close_overdue(node)
        async with node.database.read() as session:
            assert (await session.get_one(Visit, visit.id)).room_closed_at is None
        object.__setattr__(node, "calls", answering)
    await ending.close_overdue(node)
    async with node.database.read() as session:
        assert (await session.get_one(Visit, visit.id)).room_closed_at == clock()
