"""The composition root: one node as an aiohttp application, its media server mounted under /media."""

from collections.abc import AsyncIterator
from importlib.metadata import version

from aiohttp import web

from signaling.app import MAX_LINE_BYTES
from signaling.app import create_app as create_media_app
from signaling.config import RoomSettings, RtcSettings
from signaling.config import Settings as MediaServerSettings
from telemed import schema
from telemed.accounts.passwords import Passwords
from telemed.api import map as api_map
from telemed.api.problems import problems
from telemed.calls.rooms import Rooms
from telemed.clock import Clock, system_clock
from telemed.config import Settings
from telemed.crypto.data_keys import DataKeys
from telemed.crypto.keyring import FileKeyRing
from telemed.db import Database
from telemed.node import NODE, Node

SETTINGS = web.AppKey("settings", Settings)
SHUTDOWN_S = 2.0
"""How long open requests may take to end when the node stops."""


def create_app(settings: Settings, clock: Clock = system_clock) -> web.Application:
    """Build the application.

    Raises:
        KeyRingUnusable: there is no key ring, or it cannot be read. SchemaBehind follows when it starts.
    """
    app = web.Application(middlewares=[problems])
    app[SETTINGS] = settings
    app[NODE] = _built(settings, clock)
    app.cleanup_ctx.append(_database)
    app.cleanup_ctx.append(_calls)
    api_map.add_all(app)
    app.router.add_get("/healthz", _health)
    app.router.add_get("/api/v1/node", _node)
    app.add_subapp("/media", create_media_app(_media(settings)))
    return app


async def start(settings: Settings) -> web.AppRunner:
    """Start the node on its host and port; the caller awaits `cleanup()`. Raises OSError if the port is taken."""
    runner = web.AppRunner(
        create_app(settings), max_line_size=MAX_LINE_BYTES, access_log=None, shutdown_timeout=SHUTDOWN_S
    )
    await runner.setup()
    await web.TCPSite(runner, settings.host, settings.port).start()
    return runner


def _built(settings: Settings, clock: Clock) -> Node:
    key_ring = FileKeyRing.open(settings.path(settings.key_ring))
    return Node(
        settings=settings,
        database=Database(settings.database_url),
        clock=clock,
        key_ring=key_ring,
        data_keys=DataKeys(key_ring, settings.jurisdiction),
        passwords=Passwords(),
        calls=Rooms.embedded(settings),
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


def _media(settings: Settings) -> MediaServerSettings:
    return MediaServerSettings(
        keys={settings.media.key: settings.media.secret},
        rtc=RtcSettings(udp_port=settings.media.udp_port, node_ips=(settings.host,)),
        # Only the node opens rooms: otherwise two people with saved tokens could meet again after the visit.
        room=RoomSettings(auto_create=False),
        allowed_origins=(settings.origin,),
    )


async def _health(request: web.Request) -> web.Response:
    return web.json_response({"status": "ok", "node": request.app[SETTINGS].node, "version": version("telemed")})


async def _node(request: web.Request) -> web.Response:
    settings = request.app[SETTINGS]
    shown = settings.model_dump(include={"jurisdiction", "name", "origin", "sample"})
    return web.json_response({"id": settings.node, **shown})
