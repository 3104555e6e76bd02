"""livekit-client in Chromium against the server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from playwright.async_api import Page

from tests.conformance.conftest import Server, eventually

Opened = Callable[[], Awaitable[Page]]

BOTH_PATHS = pytest.mark.parametrize("single", [True, False], ids=["v1", "v0"])


async def _join(page: Page, server: Server, name: str, room: str, **options: Any) -> None:
    token = server.token(name, room)
    await page.evaluate("([n, u, t, o]) => join(n, u, t, o)", [name, server.url, token, options])


async def _publish(page: Page, name: str) -> None:
    await page.evaluate("name => rooms.get(name).localParticipant.enableCameraAndMicrophone()", name)


async def _received(page: Page, name: str) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = await page.evaluate("name => received(name)", name)
    return found


@BOTH_PATHS
async def test_two_pages_see_and_hear_each_other(server: Server, open_page: Opened, single: bool) -> None:
    pages = {"amina": await open_page(), "li": await open_page()}
    for name, page in pages.items():
        await _join(page, server, name, "visit", singlePeerConnection=single)
        await _publish(page, name)
    for name, page in pages.items():
        other = "li" if name == "amina" else "amina"

        async def plays(page: Page = page, name: str = name, other: str = other) -> bool:
            found = await _received(page, name)
            camera, microphone = found.get(f"{other}/camera", {}), found.get(f"{other}/microphone", {})
            return (camera.get("framesDecoded") or 0) > 10 and (microphone.get("totalAudioEnergy") or 0) > 0

        await eventually(plays, 15)
    if server.sessions is not None:
        pair = await pages["amina"].evaluate("candidatePair('amina')")
        assert pair == {"port": server.sessions.endpoint.udp_port, "protocol": "udp"}
