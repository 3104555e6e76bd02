"""What no honest page sends: refused with a problem that says what to do, while nobody else waits."""

import asyncio
from pathlib import Path

import pytest

from telemed.api import routing
from tests.conftest import SetClock
from tests.nodes import federation

HEAD = (
    "POST /api/v1/session HTTP/1.1\r\nHost: {host}\r\nOrigin: {origin}\r\n"
    "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n"
)


async def test_a_body_that_stalls_is_given_up_and_nobody_else_waits(
    tmp_path: Path, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routing, "BODY_TIMEOUT_S", 0.5)
    async with federation(tmp_path, clock, "KE") as nodes:
        ke = nodes["KE"]
        reader, writer = await asyncio.open_connection("127.0.0.1", ke.settings.port)
        writer.write(HEAD.format(host=ke.origin.removeprefix("http://"), origin=ke.origin).encode() + b'{"contact":')
        await writer.drain()
        assert (await ke.call("GET", "/node"))[0] == 200
        async with asyncio.timeout(5):
            answer = await reader.readuntil(b"}")
        writer.close()
        await writer.wait_closed()
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"body-stalled" in answer


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"not json", 422, "invalid"),
        (b"[1, 2]", 422, "invalid"),
        (b'"\xff"', 422, "invalid"),
        (b"[" * 60_000, 422, "invalid"),
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


async def test_an_address_that_is_none_and_a_method_that_is_not_taken_are_problems(
    tmp_path: Path, clock: SetClock
) -> None:
    async with federation(tmp_path, clock, "KE") as nodes:
        status, problem, _ = await nodes["KE"].call("GET", "/nothing")
        assert (status, problem["code"]) == (404, "not-found")
        status, problem, _ = await nodes["KE"].call("PUT", "/session")
        assert (status, problem["code"]) == (405, "method-not-allowed")
