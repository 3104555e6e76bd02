"""Running nodes with sample people, and browsers whose profiles are kept in a folder that a test can search."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from playwright.async_api import BrowserContext, Playwright, ViewportSize, async_playwright, expect

from tests.conformance.conftest import CHROMIUM
from tests.journey.processes import Federation

PHONE = ViewportSize(width=390, height=844)
DESKTOP = ViewportSize(width=1280, height=860)
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--auto-select-desktop-capture-source=Entire screen",
]

PATIENCE_MS = 20_000
"""How long a page may take to show what it will: nodes, browsers and cameras share the cores here."""

expect.set_options(timeout=PATIENCE_MS)

Opened = Callable[..., Awaitable[BrowserContext]]


@pytest.fixture
async def nodes(tmp_path: Path) -> AsyncIterator[Federation]:
    """KE, CN and IT, seeded and running."""
    federation = Federation(tmp_path / "var")
    try:
        await federation.start_all()
        yield federation
    finally:
        await federation.stop_all()


@pytest.fixture
async def two_nodes(tmp_path: Path) -> AsyncIterator[Federation]:
    """KE and CN, seeded and running."""
    federation = Federation(tmp_path / "var", ("KE", "CN"))
    try:
        await federation.start_all()
        yield federation
    finally:
        await federation.stop_all()


@pytest.fixture
async def playwright() -> AsyncIterator[Playwright]:
    """The driver of the browsers."""
    if not CHROMIUM.exists():
        pytest.skip("Chromium is not installed")
    async with async_playwright() as running:
        yield running


@pytest.fixture
async def browser_of(playwright: Playwright, tmp_path: Path) -> AsyncIterator[Opened]:
    """Opens a browser with a profile of its own: `await browser_of("amina", PHONE)`."""
    contexts: list[BrowserContext] = []

    async def opened(name: str, viewport: ViewportSize = DESKTOP) -> BrowserContext:
        context = await playwright.chromium.launch_persistent_context(
            tmp_path / f"profile-{name}",
            executable_path=str(CHROMIUM),
            args=FLAGS,
            viewport=viewport,
            locale="en-GB",
        )
        context.set_default_timeout(PATIENCE_MS)
        contexts.append(context)
        return context

    yield opened
    for context in contexts:
        await context.close()
