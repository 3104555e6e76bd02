"""What no honest page sends: refused with a problem that says what to do, while nobody else waits."""

import asyncio
import logging
from pathlib import Path
from uuid import uuid4

import pytest
from sqlmodel import select
from yarl import URL

from telemed.accounts import attempts, sessions
from telemed.api import routing
from telemed.directory.doctors import add_doctor
from telemed.scheduling.models import Visit
from tests.api.test_appointments import book, wish
from tests.conftest import SetClock
from tests.directory.test_directory import LI
from tests.nodes import SESSION, RunningNode, federation

HEAD = (
    "POST {path} HTTP/1.1\r\nHost: {host}\r\nOrigin: {origin}\r\n{more}"
    "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n"
)
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def stalled(node: RunningNode, path: str = "/api/v1/session", more: str = "") -> Connection:
    """A request whose body begins and does not go on."""
    reader, writer = await asyncio.open_connection("127.0.0.1", node.settings.port)
    head = HEAD.format(path=path, host=node.origin.removeprefix("http://"), origin=node.origin, more=more)
    writer.write(head.encode() + b'{"contact":')
    await writer.drain()
    return reader, writer


async def test_a_body_that_stalls_is_given_up_and_nobody_else_waits(
    tmp_path: Path, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routing, "BODY_TIMEOUT_S", 0.5)
    async with federation(tmp_path, clock, "KE") as nodes:
        ke = nodes["KE"]
        reader, writer = await stalled(ke)
        assert (await ke.call("GET", "/node"))[0] == 200
        async with asyncio.timeout(5):
            answer = await reader.readuntil(b"}")
        writer.close()
        await writer.wait_closed()
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"body-stalled" in answer


async def test_bodies_that_stall_hold_up_nobody_who_writes(tmp_path: Path, clock: SetClock) -> None:
    async with federation(tmp_path, clock, "KE") as nodes:
        ke = nodes["KE"]
        cookie = f"Cookie: {SESSION}={await ke.patient()}\r\nIdempotency-Key: stalled-for-ever\r\n"
        paths = ["/api/v1/session", "/api/v1/appointments", "/arrive", "/webhooks/media"]
        waiting = [await stalled(ke, path, cookie) for path in paths for _ in range(5)]
        # Sooner than any of them is given up.
        async with asyncio.timeout(routing.BODY_TIMEOUT_S / 2):
            assert await ke.patient("Brian")
        for _, writer in waiting:
            writer.close()


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"not json", 422, "invalid"),
        (b"[1, 2]", 422, "invalid"),
        (b'"\xff"', 422, "invalid"),
        (b"[" * 60_000, 422, "invalid"),
        ('{"contact": "nobody@example.org", "password": "x"}'.encode("utf-16"), 422, "invalid"),
        (rb'{"contact": "nobody@example.org", "password": "\\\u0000"}', 422, "invalid"),
        (rb'{"contact": "nobody@example.org", "password": "\\u0000"}', 401, "sign-in-refused"),
        (b" " * 70_000, 413, "body-too-large"),
    ],
)
async def test_a_body_that_is_none_is_refused(
    tmp_path: Path, clock: SetClock, body: bytes, status: int, code: str
) -> None:
    async with federation(tmp_path, clock, "KE") as nodes:
        answered, problem, _ = await nodes["KE"].call("POST", "/session", data=body)
    assert (answered, problem["code"]) == (status, code)
    assert problem["detail"]


async def test_a_body_that_is_not_as_its_headers_say_is_refused(tmp_path: Path, clock: SetClock) -> None:
    async with federation(tmp_path, clock, "KE") as nodes:
        for path in ("/api/v1/session", "/webhooks/media"):
            reader, writer = await stalled(nodes["KE"], path, "Content-Encoding: gzip\r\n")
            async with asyncio.timeout(5):
                answer = await reader.readuntil(b"}")
            writer.close()
            assert answer.startswith(b"HTTP/1.1 400")
            assert b"body-unreadable" in answer


async def test_whoever_goes_within_a_body_is_no_failure_of_the_node(
    tmp_path: Path, clock: SetClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with federation(tmp_path, clock, "KE") as nodes:
        _, writer = await stalled(nodes["KE"])
        assert (await nodes["KE"].call("GET", "/node"))[0] == 200
        writer.close()
        await writer.wait_closed()
        assert (await nodes["KE"].call("GET", "/node"))[0] == 200
    assert not [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]


async def test_an_address_that_is_none_and_a_method_that_is_not_taken_are_problems(
    tmp_path: Path, clock: SetClock
) -> None:
    async with federation(tmp_path, clock, "KE") as nodes:
        status, problem, _ = await nodes["KE"].call("GET", "/nothing")
        assert (status, problem["code"]) == (404, "not-found")
        status, problem, _ = await nodes["KE"].call("PUT", "/session")
        assert (status, problem["code"]) == (405, "method-not-allowed")


async def test_an_id_that_no_database_can_hold_is_not_found(
    tmp_path: Path, clock: SetClock, databases: dict[str, str]
) -> None:
    async with federation(tmp_path, clock, "KE", databases=databases) as nodes:
        ke = nodes["KE"]
        headers = {"Origin": ke.origin, "Cookie": f"{SESSION}={await ke.patient()}"}
        for method, path in (("GET", "appointments/%00"), ("GET", "visits/a%00"), ("POST", "visits/%00/enter")):
            url = URL(f"{ke.origin}/api/v1/{path}", encoded=True)
            async with ke.http.request(method, url, headers=headers) as answer:
                assert (answer.status, (await answer.json(content_type=None))["code"]) == (404, "not-found")


async def test_an_expired_session_and_another_origins_page_book_nothing(tmp_path: Path, clock: SetClock) -> None:
    async with federation(tmp_path, clock, "KE", "CN") as nodes:
        ke, cn = nodes["KE"], nodes["CN"]
        async with cn.node.database.write() as session:
            await add_doctor(session, LI, jurisdiction="CN", now=clock())
        token = await ke.patient()
        body = await wish(ke, token)
        foreign = {"Idempotency-Key": uuid4().hex, "Origin": cn.origin}
        status, problem, _ = await ke.call("POST", "/appointments", token, json=body, headers=foreign)
        assert (status, problem["code"]) == (403, "foreign-origin")
        clock.pass_(sessions.IDLE)
        status, problem = await book(ke, token, body)
        assert (status, problem["code"]) == (401, "not-signed-in")
        async with ke.node.database.read() as session:
            assert (await session.exec(select(Visit))).all() == []


async def test_what_no_database_keeps_names_nothing(tmp_path: Path, clock: SetClock, databases: dict[str, str]) -> None:
    async with federation(tmp_path, clock, "KE", databases=databases) as nodes:
        ke = nodes["KE"]
        token = await ke.patient()
        for path in ("/appointments/%00", "/visits/a%00b", "/slots?specialty=%00"):
            status, problem, _ = await ke.call("GET", path, token)
            assert (status, problem["code"]) == (404, "not-found"), path
        who = {"contact": "b@example.org", "password": "long enough for her", "language": "en", "zone": "UTC"}
        status, problem, _ = await ke.call("POST", "/accounts", json={**who, "name": "Brian\0"})
        assert (status, problem["code"]) == (422, "invalid")


@pytest.mark.parametrize("odd", [b"\xff", "é".encode()])
async def test_bytes_in_a_header_that_are_no_ascii_open_nothing(tmp_path: Path, clock: SetClock, odd: bytes) -> None:
    async with federation(tmp_path, clock, "KE") as nodes:
        for path, header in (
            (b"/api/v1/session", b"Cookie: __Host-session="),
            (b"/api/v1/visits/1", b"Cookie: __Host-visit-1="),
            (b"/federation/v1/directory", b"Signature: "),
            (b"/federation/v1/directory", b"Signature: telemed=:AA==:\r\nSignature-Input: telemed="),
        ):
            reader, writer = await asyncio.open_connection("127.0.0.1", nodes["KE"].settings.port)
            writer.write(
                b"GET " + path + b" HTTP/1.1\r\nHost: ke\r\nConnection: close\r\n" + header + odd + b"\r\n\r\n"
            )
            async with asyncio.timeout(5):
                answer = await reader.read()
            writer.close()
            assert answer.startswith(b"HTTP/1.1 401"), header
            assert b"problem+json" in answer


@pytest.mark.parametrize("odd", [b"\xff", "é".encode(), b"192.0.2.1:\xff", b"[", b"]:", b":", b"[::1]x:1", b"%", b","])
async def test_a_proxys_word_that_is_no_address_is_counted_as_it_is(
    tmp_path: Path, clock: SetClock, monkeypatch: pytest.MonkeyPatch, odd: bytes
) -> None:
    monkeypatch.setattr(attempts, "PER_ADDRESS", 1)
    async with federation(tmp_path, clock, "KE") as nodes:
        object.__setattr__(nodes["KE"].settings, "behind_proxy", True)
        body = b'{"contact": "nobody@example.org", "password": "a guess"}'
        for status in (b"401", b"429"):
            reader, writer = await asyncio.open_connection("127.0.0.1", nodes["KE"].settings.port)
            more = f"Connection: close\r\nX-Forwarded-For: 192.0.2.9, {odd.decode('latin-1')}\r\n"
            head = HEAD.format(path="/api/v1/session", host="ke", origin=nodes["KE"].origin, more=more)
            head = head.replace("Content-Length: 100", f"Content-Length: {len(body)}")
            writer.write(head.encode("latin-1") + body)
            async with asyncio.timeout(5):
                answer = await reader.read()
            writer.close()
            assert answer.startswith(b"HTTP/1.1 " + status)
