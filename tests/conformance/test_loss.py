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
    usual = await _pictures(amina)
    relay.share = 0.05

    async def go_on() -> bool:
        return await _pictures(amina) > 0.6 * usual and relay.lost > 20

    # How many an encoder makes is the machine's affair; without repairs hardly any would be shown.
    await eventually(go_on, 40)
    relay.share = 0.0
    assert (await _received(amina, "amina"))["li/camera"]["nackCount"] > 0

    async def is_whole() -> bool:
        return await _pictures(amina) > 0.7 * usual

    await eventually(is_whole, 40)
    relay.close()


async def _pictures(page: Page) -> int:
    """How many are decoded in four seconds."""
    counts = []
    for pause_ms in (4000, 0):
        counts.append(int((await _received(page, "amina"))["li/camera"].get("framesDecoded") or 0))
        await page.wait_for_timeout(pause_ms)
    return counts[1] - counts[0]


async def test_a_call_goes_over_tcp_where_udp_is_blocked(server: Server, open_page: Opened) -> None:
    assert server.sessions is not None
    endpoint = server.sessions.endpoint
    endpoint.candidates = [candidate for candidate in endpoint.candidates if " tcp " in candidate]
    amina, _ = await _visit(server, open_page)
    pair = await amina.evaluate("candidatePair('amina')")
    assert pair["protocol"] == "tcp"
