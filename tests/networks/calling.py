"""Test pages on both sides of a link, and what they see of each other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web
from playwright.async_api import Page, Playwright, async_playwright

from tests.conformance.conftest import CHROMIUM, CHROMIUM_OPTIONS, PAGE
from tests.networks.namespace import FarSide


@asynccontextmanager
async def two_pages(far_side: FarSide, folder: Path) -> AsyncIterator[tuple[Page, Page]]:
    """The test page in the namespace and outside, each in a Chromium of its own; `folder` takes a script."""
    app = web.Application()
    app.router.add_static("/", PAGE)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    # The page comes over the namespace's own loopback: it is the call that is tested, not the download, and a camera
    # needs a secure context.
    inside = far_side.listen()
    await web.SockSite(runner, inside).start()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    ports = [address[1] for address in runner.addresses]
    script = folder / "chromium"
    script.write_text(f'#!/bin/sh\nexec {" ".join(far_side.command(str(CHROMIUM)))} "$@"\n')
    script.chmod(0o755)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(runner.cleanup)
        playwright = await stack.enter_async_context(async_playwright())
        pages = [await _opened(stack, playwright, *where) for where in zip((script, CHROMIUM), ports, strict=True)]
        yield pages[0], pages[1]


async def _opened(stack: AsyncExitStack, playwright: Playwright, program: Path, port: int) -> Page:
    browser = await playwright.chromium.launch(executable_path=str(program), args=CHROMIUM_OPTIONS)
    stack.push_async_callback(browser.close)
    context = await browser.new_context(permissions=["camera", "microphone"])
    page = await context.new_page()
    await page.goto(f"http://127.0.0.1:{port}/index.html")
    return page


async def join(
    page: Page, name: str, url: str, token: str, options: dict[str, Any] | None = None, **connect: Any
) -> None:
    """Join a room with livekit-client; `connect` are its RoomConnectOptions. Raises playwright's Error."""
    await page.evaluate("([n, u, t, o, c]) => join(n, u, t, o, c)", [name, url, token, options or {}, connect])


async def received(page: Page, name: str) -> dict[str, dict[str, Any]]:
    """What has arrived of each remote track, by `identity/source`."""
    found: dict[str, dict[str, Any]] = await page.evaluate("name => received(name)", name)
    return found
