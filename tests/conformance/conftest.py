"""A server to test and clients to test it with; CONFORMANCE_URL names another server to run against."""

from __future__ import annotations

import asyncio
import fcntl
import os
import secrets
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from livekit import api, rtc
from playwright.async_api import BrowserContext, Page, async_playwright

from signaling.app import MAX_LINE_BYTES, SESSIONS, create_app
from signaling.clients.sessions import Sessions
from signaling.config import RtcSettings, Settings

CHROMIUM = Path("/usr/bin/chromium")
PAGE = Path(__file__).parent / "page"
KEY = os.environ.get("CONFORMANCE_KEY", "testkey")
SECRET = os.environ.get("CONFORMANCE_SECRET", "a-secret-of-more-than-thirty-two-characters")
ANOTHER = os.environ.get("CONFORMANCE_URL")
PREFIX = "/media"
CHROMIUM_OPTIONS = [
    "--no-sandbox",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--auto-select-desktop-capture-source=Entire screen",
    "--autoplay-policy=no-user-gesture-required",
]


@dataclass(frozen=True)
class Server:
    """Where the server under test is, and a room of the test's own; `sessions` only for our own server."""

    url: str
    sessions: Sessions | None
    room: str

    def token(self, identity: str, **grants: Any) -> str:
        """An access token; grants beyond joining by LiveKit's Python names."""
        video = api.VideoGrants(**{"room_join": True, "room": self.room, **grants})
        return api.AccessToken(KEY, SECRET).with_identity(identity).with_grants(video).to_jwt()


def new_room() -> str:
    """A name no other test has used, on a server that may outlive this one."""
    return f"room-{secrets.token_hex(6)}"


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    """Our server mounted under a path, as the application mounts it; or the one CONFORMANCE_URL names."""
    if ANOTHER:
        yield Server(ANOTHER, None, new_room())
        return
    app = create_app(Settings(keys={KEY: SECRET}, rtc=RtcSettings(tcp_port=0)))
    outer = web.Application()
    outer.add_subapp(PREFIX, app)
    runner = web.AppRunner(outer, max_line_size=MAX_LINE_BYTES, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield Server(f"ws://127.0.0.1:{runner.addresses[0][1]}{PREFIX}", app[SESSIONS], new_room())
    await runner.cleanup()


@pytest.fixture
async def admin(server: Server) -> AsyncIterator[api.LiveKitAPI]:
    """RoomService with every grant."""
    client = api.LiveKitAPI(server.url.replace("ws", "http", 1), KEY, SECRET)
    yield client
    await client.aclose()


Joined = Callable[..., Awaitable[rtc.Room]]
Opened = Callable[[], Awaitable[Page]]
OpenedBrowser = Callable[[], Awaitable[BrowserContext]]


@pytest.fixture
async def join(server: Server) -> AsyncIterator[Joined]:
    """Join the test's room with the Python SDK."""
    rooms: list[rtc.Room] = []

    async def joined(identity: str, *, options: rtc.RoomOptions | None = None, **grants: Any) -> rtc.Room:
        room = rtc.Room()
        await room.connect(server.url, server.token(identity, **grants), options or rtc.RoomOptions())
        rooms.append(room)
        return room

    yield joined
    await asyncio.gather(*(room.disconnect() for room in rooms), return_exceptions=True)


def build_page() -> Path:
    """Build the test page with livekit-client and return its folder. Raises subprocess.CalledProcessError."""
    source, built = PAGE / "page.js", PAGE / "dist" / "page.js"
    # Tests run side by side, and none may be shown a page that another is writing.
    with (PAGE / "package-lock.json").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (PAGE / "node_modules").exists():
            subprocess.run(["npm", "ci", "--silent"], cwd=PAGE, check=True)
        if not built.exists() or built.stat().st_mtime < source.stat().st_mtime:
            subprocess.run(["npm", "run", "--silent", "build"], cwd=PAGE, check=True)
    return PAGE


@pytest.fixture(scope="session")
def bundle() -> Path:
    """The test page, built once; without Chromium there is nothing to show it."""
    if not CHROMIUM.exists():
        pytest.skip("Chromium is not installed")
    return build_page()


@pytest.fixture
async def origin(bundle: Path) -> AsyncIterator[str]:
    """Where the test page is served."""
    app = web.Application()
    app.router.add_static("/", bundle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@pytest.fixture
async def open_browser(origin: str) -> AsyncIterator[OpenedBrowser]:
    """A Chromium with a fake camera and microphone."""
    async with async_playwright() as playwright, AsyncExitStack() as stack:

        async def opened() -> BrowserContext:
            browser = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=CHROMIUM_OPTIONS)
            stack.push_async_callback(browser.close)
            return await browser.new_context(permissions=["camera", "microphone"])

        yield opened


async def _show(context: BrowserContext, origin: str) -> Page:
    page = await context.new_page()
    await page.goto(f"{origin}/index.html")
    return page


@pytest.fixture
async def open_page(open_browser: OpenedBrowser, origin: str) -> Opened:
    """A fresh test page; all of them in one browser."""
    context = await open_browser()
    return lambda: _show(context, origin)


@pytest.fixture
def open_page_apart(open_browser: OpenedBrowser, origin: str) -> Opened:
    """A fresh test page in a Chromium of its own: pages that start one fake camera at the same time get no pictures."""

    async def opened() -> Page:
        return await _show(await open_browser(), origin)

    return opened


async def eventually(probe: Callable[[], Awaitable[object] | object], seconds: float = 20.0) -> None:
    """Wait until the probe is true; browsers, cameras and the server share the cores. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while True:
            found = probe()
            if isinstance(found, Awaitable):
                found = await found
            if found:
                return
            await asyncio.sleep(0.05)
