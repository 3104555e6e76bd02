"""Looking for a doctor over HTTP: a node with Dr Li, and a node that pulled its directory and is asked by a patient."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from telemed import schema
from telemed.accounts.passwords import Passwords
from telemed.api import federation_directory, slots
from telemed.api.actors import Peer, SignedIn
from telemed.api.problems import problems
from telemed.api.routing import Who, add
from telemed.calls.rooms import Rooms
from telemed.config import MediaSettings, Settings
from telemed.crypto.data_keys import DataKeys
from telemed.crypto.keyring import FileKeyRing
from telemed.db import Database
from telemed.directory import replica
from telemed.directory.doctors import add_doctor
from telemed.node import NODE, Node
from tests.conftest import SetClock
from tests.directory.test_directory import LI

Client = TestClient[web.Request, web.Application]


async def a_patient(_request: web.Request) -> SignedIn:
    return SignedIn("amina", "patient", "s", "en", "Africa/Nairobi", "h", None)


async def a_peer(_request: web.Request) -> Peer:
    return Peer("KE")


def settings_in(folder: Path, name: str) -> Settings:
    folder.mkdir()
    return Settings(
        node=name,
        jurisdiction=name,
        name=name,
        origin="http://localhost",
        port=0,
        media=MediaSettings(udp_port=0, key="k", secret="s" * 32),
        folder=folder,
    )


@asynccontextmanager
async def running(folder: Path, name: str, clock: SetClock) -> AsyncIterator[tuple[Node, Client]]:
    """A node with the two routes, their callers taken as proven."""
    settings = settings_in(folder, name)
    ring = FileKeyRing.create(folder / "key-ring.json")
    database = Database(settings.database_url)
    await schema.upgrade(database)
    node = Node(settings, database, clock, ring, DataKeys(ring, name), Passwords(), Rooms.embedded(settings))
    app = web.Application(middlewares=[problems])
    app[NODE] = node
    for route in (*slots.ROUTES, *federation_directory.ROUTES):
        add(app, route, {Who.PATIENT: a_patient, Who.PEER: a_peer})
    async with TestClient(TestServer(app)) as client:
        yield node, client
    await database.close()


async def pull(to: Node, client: Client, after: int = 0) -> int:
    async with client.get("/federation/v1/directory", params={"after": after, "limit": 2}) as answer:
        assert answer.status == 200
        page: dict[str, Any] = await answer.json()
    async with to.database.write() as session:
        await replica.apply(session, "CN", "CN", page["entries"], page["cursor"], to.clock())
    return await pull(to, client, page["cursor"]) if page["more"] else int(page["cursor"])


async def test_a_patient_sees_the_doctors_of_another_node_in_both_local_times(tmp_path: Path, clock: SetClock) -> None:
    async with (
        running(tmp_path / "cn", "CN", clock) as (cn, theirs),
        running(tmp_path / "ke", "KE", clock) as (ke, hers),
    ):
        for _ in range(3):
            async with cn.database.write() as session:
                await add_doctor(session, LI, jurisdiction="CN", now=clock())
        assert await pull(ke, theirs) == 3
        async with hers.get("/api/v1/slots?specialty=infectious-diseases&language=en&from=&days=2") as answer:
            assert answer.status == 200
        async with hers.get("/api/v1/slots?specialty=infectious-diseases&language=&days=2") as answer:
            assert answer.status == 200
            found = await answer.json()
        assert found["zone"] == "Africa/Nairobi"
        assert len(found["results"]) == 3
        (first, *_) = found["results"]
        assert first["doctor"]["node"] == "CN"
        assert first["rule"]["kind"] == "direct-care"
        assert first["rule"]["sample"]
        assert first["more"]
        assert len(first["slots"]) == 40
        assert first["slots"][0] == {
            "starts_at": "2026-11-24T08:00:00Z",
            "ends_at": "2026-11-24T08:10:00Z",
            "hers": {"date": "2026-11-24", "time": "11:00", "zone": "Africa/Nairobi"},
            "doctors": {"date": "2026-11-24", "time": "16:00", "zone": "Asia/Shanghai"},
        }
        assert found["replicas"] == [{"node": "CN", "pulled_at": "2026-11-24T08:00:00Z", "stale": False}]
        clock.pass_(timedelta(minutes=2))
        async with hers.get("/api/v1/slots") as answer:
            assert (await answer.json())["replicas"][0]["stale"]


async def test_a_search_that_makes_no_sense_is_refused_with_what_is_wrong(tmp_path: Path, clock: SetClock) -> None:
    async with running(tmp_path / "ke", "KE", clock) as (_, hers):
        for query in ("days=15", "days=0", "from=yesterday", "from=9999-12-31", "specialty=<b>", "who=me"):
            async with hers.get(f"/api/v1/slots?{query}") as answer:
                assert answer.status == 422, query
                assert (await answer.json())["fields"]
