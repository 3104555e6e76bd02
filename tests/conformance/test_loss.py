"""A link that loses packets: pictures keep coming, because both ways ask again."""

from __future__ import annotations

import pytest
from playwright.async_api import Page

from signaling.sfu.network import ice
from tests.conformance.conftest import ANOTHER, Opened, Server, eventually
from tests.conformance.lossy import LossyRelay
from tests.conformance.test_browser import _received, _visit

pytestmark = pytest.mark.skipif(ANOTHER is not None, reason="the relay stands before our own port")


async def test_pictures_keep_coming_over_a_lossy_link(server: Server, open_page: Opened) -> None:
    assert server.sessions is not None
    endpoint = server.sessions.endpoint
    relay = LossyRelay(("127.0.0.1", endpoint.udp_port), 0.0)
    endpoint.candidates = ice.candidates([("127.0.0.1", await relay.open())])
    amina, _ = await _visit(server, open_page)
    relay.share = 0.05
    before = await _frames(amina)
    await amina.wait_for_timeout(4000)
    seen = await _frames(amina) - before
    relay.share = 0.0
    camera = (await _received(amina, "amina"))["li/camera"]
    assert relay.lost > 20
    assert camera["nackCount"] > 0
    assert seen > 4 * 20 * 0.6, f"{seen} frames in four seconds"

    async def is_whole() -> bool:
        return (await _frames(amina)) > before + seen + 20

    await eventually(is_whole)
    relay.close()


async def _frames(page: Page) -> int:
    return int((await _received(page, "amina"))["li/camera"].get("framesDecoded") or 0)


async def test_a_call_goes_over_tcp_where_udp_is_blocked(server: Server, open_page: Opened) -> None:
    assert server.sessions is not None
    endpoint = server.sessions.endpoint
    endpoint.candidates = [candidate for candidate in endpoint.candidates if " tcp " in candidate]
    amina, _ = await _visit(server, open_page)
    pair = await amina.evaluate("candidatePair('amina')")
    assert pair["protocol"] == "tcp"
