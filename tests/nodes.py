"""Real nodes in this process, on loopback ports of their own, that meet only over HTTP."""

import random
import socket
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, DummyCookieJar, TCPConnector, web

from telemed.app import create_app
from telemed.clock import Clock
from telemed.config import Limits, MediaSettings, Settings
from telemed.crypto.keyring import FileKeyRing
from telemed.federation import trust_list
from telemed.federation.client import _Resolver
from telemed.federation.keys import SigningKey
from telemed.federation.trust_list import TrustedNode
from telemed.node import NODE, Node
from tests.described import require_described
from tests.migrated import new_sqlite
from tests.relay import Relay

SESSION = "__Host-session"
PULL_EVERY_S = 0.2
# Below those that the system gives to whoever asks for any, and each only once: two that are looked for before either
# is taken are never the same.
_PORTS = iter(random.SystemRandom().sample(range(12_000, 32_000), 20_000))


@dataclass(frozen=True)
class Client:
    """A browser without a memory before one node: cookies are named at each call."""

    settings: Settings
    http: ClientSession

    @property
    def origin(self) -> str:
        return self.settings.origin

    async def call(self, method: str, path: str, token: str = "", **options: Any) -> tuple[int, Any, Mapping[str, str]]:
        """Status, JSON body and cookies set; a path without /federation or /healthz is the API's."""
        headers = {"Origin": self.origin, **options.pop("headers", {})}
        if token:
            headers["Cookie"] = f"{SESSION}={token}"
        full = path if path.startswith(("/federation", "/healthz", "/arrive")) else f"/api/v1{path}"
        async with self.http.request(method, self.origin + full, headers=headers, **options) as answer:
            cookies = {name: morsel.value for name, morsel in answer.cookies.items()}
            body = await answer.json(content_type=None)
            require_described(method, full, answer.status, answer.content_type, body)
            return answer.status, body, cookies

    async def patient(self, name: str = "Amina", zone: str = "Africa/Nairobi") -> str:
        """A new patient who is signed in: her session's token."""
        who = {"contact": f"{name.lower()}@example.org", "password": "long enough for her"}
        status, _, _ = await self.call("POST", "/accounts", json={**who, "name": name, "language": "en", "zone": zone})
        assert status == 202
        return await self.sign_in(**who)

    async def sign_in(self, contact: str, password: str) -> str:
        """The token of a new session."""
        status, _, cookies = await self.call("POST", "/session", json={"contact": contact, "password": password})
        assert status == 201
        return cookies[SESSION]


@dataclass(frozen=True)
class RunningNode(Client):
    """A node in this process, and a browser before it."""

    app: web.Application
    node: Node
    root: SigningKey
    runner: web.AppRunner

    async def stop(self) -> None:
        """Take the node off the network; a second time changes nothing."""
        await self.runner.cleanup()


@asynccontextmanager
async def federation(
    folder: Path,
    clock: Clock,
    *ids: str,
    databases: Mapping[str, str] | None = None,
    limits: Limits | None = None,
    absent: Collection[str] = (),
    relays: Mapping[str, Relay] | None = None,
) -> AsyncIterator[dict[str, RunningNode]]:
    """Nodes that trust each other, each with a database, keys and a port of its own, all loops running but `absent`.

    A node that has one of `relays` is reached by the others through it.
    """
    root = SigningKey.create(folder / "root.pem")
    urls = databases or {}
    settings = {
        node: _settings(folder / node.lower(), node, root.public, urls.get(node), limits or Limits()) for node in ids
    }
    for node, relay in (relays or {}).items():
        way = free_port()
        await relay.start(way, onward=settings[node].port)
        settings[node] = settings[node].model_copy(update={"origin": f"http://{node.lower()}.localhost:{way}"})
    await _trust(settings, root, clock)
    async with AsyncExitStack() as stack:
        yield {
            node: await stack.enter_async_context(_running(one, root, clock))
            for node, one in settings.items()
            if node not in absent
        }


def _settings(folder: Path, node: str, root: str, database: str | None, limits: Limits) -> Settings:
    folder.mkdir()
    port = free_port()
    return Settings(
        node=node,
        jurisdiction=node,
        name=f"{node} (test)",
        origin=f"http://{node.lower()}.localhost:{port}",
        port=port,
        sample=True,
        folder=folder,
        media=MediaSettings(udp_port=0, key=f"{node.lower()}-media", secret="s" * 32),
        trust_root=root,
        database=database,
        limits=limits,
        pull_every_s=PULL_EVERY_S,
    )


async def _trust(settings: Mapping[str, Settings], root: SigningKey, clock: Clock) -> None:
    trusted = []
    for one in settings.values():
        FileKeyRing.create(one.path(one.key_ring))
        key = SigningKey.create(one.path(one.signing_key))
        trusted.append(TrustedNode(id=one.node, jurisdiction=one.jurisdiction, origin=one.origin, keys=(key.public,)))
        if one.database is None:
            await new_sqlite(one.folder / "node.sqlite")
    signed = trust_list.sign(trust_list.make(trusted, version=1, now=clock(), life=timedelta(days=365)), root)
    for one in settings.values():
        one.path(one.trust_list).write_text(signed)


async def list_anew(at: RunningNode, node: str, **changes: Any) -> None:
    """Give a node the next trust list, in which another one stands with other words."""
    now = at.node.clock()
    before = await at.node.trust.current(now)
    nodes = [
        TrustedNode.model_validate({**one.model_dump(), **(changes if one.id == node else {})}) for one in before.nodes
    ]
    newer = trust_list.make(nodes, version=before.version + 1, now=now, life=timedelta(days=1))
    at.settings.path(at.settings.trust_list).write_text(trust_list.sign(newer, at.root))


@asynccontextmanager
async def _running(settings: Settings, root: SigningKey, clock: Clock) -> AsyncIterator[RunningNode]:
    app = create_app(settings, clock)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, settings.host, settings.port).start()
        async with http_client() as http:
            yield RunningNode(settings, http, app, app[NODE], root, runner)
    finally:
        await runner.cleanup()


def http_client() -> ClientSession:
    """A client that keeps no cookies and finds `*.localhost`."""
    return ClientSession(connector=TCPConnector(resolver=_Resolver()), cookie_jar=DummyCookieJar())


def free_port() -> int:
    """A port that nothing held a moment ago."""
    while True:
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", next(_PORTS)))
            return int(probe.getsockname()[1])
