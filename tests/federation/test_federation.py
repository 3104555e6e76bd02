"""Nodes that speak to each other over HTTP: what passes between them, and what does not."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from multidict import CIMultiDict
from sqlalchemy import event
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from telemed import loops
from telemed.api.inbox import answer_once
from telemed.api.routing import Body, Route, View, Who
from telemed.directory.doctors import add_doctor
from telemed.directory.models import ReplicaEntry, ReplicaState
from telemed.errors import Conflict
from telemed.federation.client import Answer, PeerUnreachable
from telemed.federation.keys import SigningKey
from telemed.federation.signing import Request, sign_request
from tests.conftest import SetClock
from tests.directory.test_directory import LI
from tests.nodes import RunningNode, federation, list_anew

DIRECTORY = "/federation/v1/directory?after=0&limit=10"


@pytest.fixture
async def nodes(tmp_path: Path, clock: SetClock) -> AsyncIterator[dict[str, RunningNode]]:
    async with federation(tmp_path, clock, "KE", "CN") as running:
        yield running


async def replicated(node: RunningNode) -> list[ReplicaEntry]:
    async with asyncio.timeout(10):
        while True:
            async with node.node.database.read() as session:
                if found := list((await session.exec(select(ReplicaEntry))).all()):
                    return found
            await asyncio.sleep(0.02)


async def known(node: RunningNode) -> list[ReplicaEntry | ReplicaState]:
    async with node.node.database.read() as session:
        return [*(await session.exec(select(ReplicaEntry))), *(await session.exec(select(ReplicaState)))]


async def test_a_peers_doctor_is_found_after_the_next_pull(nodes: dict[str, RunningNode]) -> None:
    async with nodes["CN"].node.database.write() as session:
        await add_doctor(session, LI, jurisdiction="CN", now=nodes["CN"].node.clock())
    assert (await replicated(nodes["KE"]))[0].node == "CN"
    token = await nodes["KE"].patient()
    status, found, _ = await nodes["KE"].call("GET", "/slots?days=2", token)
    assert status == 200
    assert [result["doctor"]["node"] for result in found["results"]] == ["CN"]
    assert [replica["stale"] for replica in found["replicas"]] == [False]


async def test_a_node_that_is_not_trusted_to_list_doctors_is_forgotten_and_not_pulled(
    nodes: dict[str, RunningNode],
) -> None:
    ke, cn = nodes["KE"], nodes["CN"]
    async with cn.node.database.write() as session:
        await add_doctor(session, LI, jurisdiction="CN", now=cn.node.clock())
    await replicated(ke)
    await list_anew(ke, "CN", purposes=("booking", "visits"))
    # A pull that was under way when the list changed may still bring a page; the next turn drops it again.
    async with asyncio.timeout(10):
        while await known(ke):
            await loops.pull_directories(ke.node)


async def test_a_directory_that_came_back_from_a_backup_is_read_anew(nodes: dict[str, RunningNode]) -> None:
    ke, cn = nodes["KE"], nodes["CN"]
    async with cn.node.database.write() as session:
        first, second = [await add_doctor(session, LI, jurisdiction="CN", now=cn.node.clock()) for _ in range(2)]
    async with asyncio.timeout(10):
        while len(await replicated(ke)) < 2:
            await loops.pull_directories(ke.node)
    async with cn.node.database.write() as session:
        connection = await session.connection()
        for table in ("publication", "licence", "working_hours"):
            await connection.exec_driver_sql(f"DELETE FROM {table} WHERE doctor_id = '{second.id}'")
        await connection.exec_driver_sql(f"DELETE FROM doctor WHERE id = '{second.id}'")
    async with asyncio.timeout(10):
        while [entry.doctor_id for entry in await replicated(ke)] != [first.id]:
            await loops.pull_directories(ke.node)


async def test_a_node_is_its_own_peer(nodes: dict[str, RunningNode]) -> None:
    assert (await nodes["KE"].node.peers.get("KE", DIRECTORY)).ok


async def test_an_unknown_node_is_not_asked(nodes: dict[str, RunningNode]) -> None:
    with pytest.raises(PeerUnreachable):
        await nodes["KE"].node.peers.get("IT", DIRECTORY)


async def test_who_does_not_sign_is_refused(nodes: dict[str, RunningNode]) -> None:
    status, problem, _ = await nodes["CN"].call("GET", DIRECTORY)
    assert (status, problem["code"]) == (401, "signature-refused")


async def test_an_answer_that_the_asked_node_did_not_sign_is_no_answer(nodes: dict[str, RunningNode]) -> None:
    ke, cn = nodes["KE"], nodes["CN"]
    trusted = cn.node.signing_key
    assert (await ke.node.peers.get("CN", DIRECTORY)).ok
    # The same process with a key that is on no list, as somebody between the two would have.
    impostor = SigningKey.of(Ed25519PrivateKey.generate())
    object.__setattr__(cn.node, "signing_key", impostor)
    with pytest.raises(PeerUnreachable):
        await ke.node.peers.get("CN", DIRECTORY)
    object.__setattr__(cn.node, "signing_key", trusted)
    assert (await ke.node.peers.get("CN", DIRECTORY)).ok


async def ask(node: RunningNode, request: Request) -> int:
    async with node.http.request(
        request.method, request.url, headers=request.headers, data=request.body or None
    ) as answer:
        return answer.status


def signed(node: RunningNode, to: RunningNode, key: SigningKey | None = None) -> Request:
    key = key or node.node.signing_key
    request = Request("GET", to.origin + DIRECTORY, CIMultiDict(), b"")
    sign_request(request, keyid=key.keyid, key=key.private, now=node.node.clock())
    return request


async def test_a_replayed_request_is_refused(nodes: dict[str, RunningNode]) -> None:
    request = signed(nodes["KE"], nodes["CN"])
    assert [await ask(nodes["CN"], request) for _ in range(2)] == [200, 401]


async def test_a_stale_request_is_refused(nodes: dict[str, RunningNode], clock: SetClock) -> None:
    request = signed(nodes["KE"], nodes["CN"])
    clock.pass_(timedelta(seconds=61))
    assert await ask(nodes["CN"], request) == 401


async def test_a_request_for_another_node_is_refused(nodes: dict[str, RunningNode]) -> None:
    request = signed(nodes["KE"], nodes["KE"])
    request.url = nodes["CN"].origin + DIRECTORY
    assert await ask(nodes["CN"], request) == 401


async def test_a_key_that_is_on_no_list_is_refused(nodes: dict[str, RunningNode], tmp_path: Path) -> None:
    stranger = SigningKey.create(tmp_path / "stranger.pem")
    assert await ask(nodes["CN"], signed(nodes["KE"], nodes["CN"], stranger)) == 401


class Thing(Body):
    word: str


class Heard(View):
    times: int


async def test_a_key_is_answered_once(tmp_path: Path, clock: SetClock, monkeypatch: pytest.MonkeyPatch) -> None:
    times = 0

    async def hear(_session: AsyncSession) -> tuple[int, View]:
        nonlocal times
        times += 1
        return 201, Heard(times=times)

    async def refuse(session: AsyncSession) -> tuple[int, View]:
        await hear(session)
        raise Conflict("Not so.")

    async def handle(request: web.Request, body: Thing) -> web.Response:
        return await answer_once(request, refuse if body.word == "no" else hear)

    route = Route(
        method="POST", path="/federation/v1/things", handler=handle, who=Who.PEER, body=Thing, summary="-", root=True
    )
    monkeypatch.setattr("telemed.api.map.ROUTES", (route,))
    async with federation(tmp_path, clock, "KE", "CN") as nodes:
        peers = nodes["KE"].node.peers

        async def post(word: str, key: str) -> tuple[int, object]:
            answer = await peers.post("CN", "/federation/v1/things", {"word": word}, idempotency_key=key)
            return answer.status, answer.body.get("times") or answer.code

        assert [await post("yes", "k1"), await post("yes", "k1")] == [(201, 1), (201, 1)]
        assert await post("other", "k1") == (409, "idempotency-key-reused")
        assert [await post("no", "k2"), await post("no", "k2")] == [(409, "conflict"), (409, "conflict")]
        assert times == 2
        answer = await peers.post("CN", "/federation/v1/things", {"word": "yes"})
        assert (answer.status, answer.code) == (422, "invalid")


async def test_two_tries_at_once_are_answered_alike(
    tmp_path: Path, clock: SetClock, monkeypatch: pytest.MonkeyPatch, databases: dict[str, str]
) -> None:
    times, begun, other_waits = 0, asyncio.Event(), asyncio.Event()

    async def hear(session: AsyncSession) -> tuple[int, View]:
        nonlocal times
        times += 1
        begun.set()
        if session.get_bind().dialect.name == "postgresql" and times == 1:
            # SQLite has one writer: there the other waits for this one's end.
            await asyncio.wait_for(other_waits.wait(), 10)
        return 201, Heard(times=times)

    async def handle(request: web.Request, body: Thing) -> web.Response:
        return await answer_once(request, hear)

    route = Route(
        method="POST", path="/federation/v1/things", handler=handle, who=Who.PEER, body=Thing, summary="-", root=True
    )
    monkeypatch.setattr("telemed.api.map.ROUTES", (route,))
    async with federation(tmp_path, clock, "KE", "CN", databases=databases) as nodes:

        def post() -> asyncio.Task[Answer]:
            asked = nodes["KE"].node.peers.post("CN", "/federation/v1/things", {"word": "yes"}, idempotency_key="k")
            return asyncio.create_task(asked)

        def heard(_connection: object, _cursor: object, statement: str, *_: object) -> None:
            if begun.is_set() and "stored_answer" in statement:
                other_waits.set()

        event.listen(nodes["CN"].node.database.engine.sync_engine, "before_cursor_execute", heard)
        first = post()
        await asyncio.wait_for(begun.wait(), 10)
        answers = await asyncio.gather(first, post())
    assert [(answer.status, answer.body) for answer in answers] == [(201, {"times": 1})] * 2
    assert times == 1
