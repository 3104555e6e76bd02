"""The composition root: one node as an aiohttp application, its media server mounted under /media."""

import asyncio
from collections.abc import AsyncIterator

from aiohttp import web

from signaling.app import MAX_LINE_BYTES
from signaling.app import create_app as create_media_app
from signaling.config import RoomSettings, RtcSettings, WebhookSettings
from signaling.config import Settings as MediaServerSettings
from telemed import loops, schema
from telemed.accounts.passwords import Passwords
from telemed.api import map as api_map
from telemed.api.inbox import sign_answers
from telemed.api.page import add_page
from telemed.api.participants import take_dead_cookies
from telemed.api.problems import problems
from telemed.calls.rooms import Rooms
from telemed.clock import Clock, system_clock
from telemed.config import Settings
from telemed.crypto.data_keys import DataKeys
from telemed.crypto.keyring import FileKeyRing
from telemed.db import Database
from telemed.directory import licence_rules
from telemed.federation.client import Peers
from telemed.federation.keys import SigningKey
from telemed.federation.trust_list import Trust
from telemed.node import NODE, Node

SHUTDOWN_S = 2.0
"""How long open requests may take to end when the node stops."""


def create_app(settings: Settings, clock: Clock = system_clock) -> web.Application:
    """Build the application.

    Raises:
        KeyRingUnusable: there is no key ring, or it cannot be read. SchemaBehind follows when it starts.
        SigningKeyUnusable: the same of the signing key.
    """
    app = web.Application(middlewares=[sign_answers, take_dead_cookies, problems])
    app[NODE] = _built(settings, clock)
    app.cleanup_ctx.extend([_database, _calls, _loops])
    api_map.add_all(app)
    app.add_subapp("/media", create_media_app(_media(settings)))
    add_page(app)
    return app


async def start(settings: Settings) -> web.AppRunner:
    """Start the node on its host and port; the caller awaits `cleanup()`. Raises OSError if the port is taken."""
    runner = web.AppRunner(
        create_app(settings), max_line_size=MAX_LINE_BYTES, access_log=None, shutdown_timeout=SHUTDOWN_S
    )
    try:
        await runner.setup()
        await web.TCPSite(runner, settings.host, settings.port).start()
    except BaseException:
        await runner.cleanup()
        raise
    return runner


def _built(settings: Settings, clock: Clock) -> Node:
    key_ring = FileKeyRing.open(settings.path(settings.key_ring))
    signing_key = SigningKey.open(settings.path(settings.signing_key))
    database = Database(settings.database_url)
    trust = Trust(database, settings.path(settings.trust_list), settings.trust_root)
    return Node(
        settings=settings,
        database=database,
        clock=clock,
        key_ring=key_ring,
        data_keys=DataKeys(key_ring, settings.jurisdiction),
        passwords=Passwords(),
        calls=Rooms.embedded(settings),
        signing_key=signing_key,
        rules=licence_rules.load(settings.path(settings.licence_rules)),
        trust=trust,
        peers=Peers(trust, signing_key, clock),
    )


async def _database(app: web.Application) -> AsyncIterator[None]:
    database = app[NODE].database
    try:
        await schema.require_newest(database)
        yield
    finally:
        await database.close()


async def _calls(app: web.Application) -> AsyncIterator[None]:
    async with app[NODE].calls:
        yield


async def _loops(app: web.Application) -> AsyncIterator[None]:
    node, stopping = app[NODE], asyncio.Event()
    tasks = [asyncio.create_task(work, name=name) for name, work in loops.of(node, stopping)]
    yield
    # Each ends its turn: one that is cancelled within a transaction leaves its connection to nobody.
    stopping.set()
    node.outbox_wake.set()
    await node.peers.close()
    _, late = await asyncio.wait(tasks, timeout=SHUTDOWN_S)
    for task in late:
        task.cancel()
    await asyncio.gather(*late, return_exceptions=True)


def _media(settings: Settings) -> MediaServerSettings:
    return MediaServerSettings(
        keys={settings.media.key: settings.media.secret},
        rtc=RtcSettings(udp_port=settings.media.udp_port, node_ips=settings.node_ips),
        # Only the node opens rooms: otherwise two people with saved tokens could meet again after the visit.
        room=RoomSettings(auto_create=False),
        webhook=WebhookSettings(urls=(settings.inside("/webhooks/media"),)),
        allowed_origins=(settings.origin,),
        behind_proxy=settings.behind_proxy,
    )
