"""Reliable data over trouble: each line arrives once and in order, whatever happened to the way."""

from __future__ import annotations

from contextlib import closing

import pytest
from playwright.async_api import Page

from signaling.sfu.network import ice
from tests.conformance.conftest import ANOTHER, Opened, Server, eventually
from tests.conformance.lossy import LossyRelay
from tests.conformance.test_browser import BOTH_PATHS, _join

pytestmark = pytest.mark.skipif(ANOTHER is not None, reason="the relay stands before our own port")

LINES = [str(number) for number in range(60)]


async def _send(page: Page, name: str, first: int, last: int, pause_ms: int = 0) -> None:
    script = """async ([name, first, last, pause]) => {
      for (let line = first; line < last; line += 1) {
        const data = new TextEncoder().encode(String(line));
        await rooms.get(name).localParticipant.publishData(data, { reliable: true });
        await new Promise((go) => setTimeout(go, pause));
      }
    }"""
    await page.evaluate(script, [name, first, last, pause_ms])


async def _lines(page: Page, name: str) -> list[str]:
    found: list[str] = await page.evaluate("name => seen(name, 'dataReceived')", name)
    return found


@BOTH_PATHS
async def test_data_sent_over_a_cut_arrives_after_the_resume(server: Server, open_page: Opened, single: bool) -> None:
    assert server.sessions is not None
    endpoint = server.sessions.endpoint
    with closing(LossyRelay(("127.0.0.1", endpoint.udp_port), 0.0)) as relay:
        endpoint.candidates = ice.candidates([("127.0.0.1", await relay.open())])
        pages = {"amina": await open_page(), "li": await open_page()}
        for name, page in pages.items():
            await _join(page, server, name, singlePeerConnection=single)

        async def have(count: int) -> bool:
            return all([await _lines(page, name) == LINES[:count] for name, page in pages.items()])

        for name, page in pages.items():
            await _send(page, name, 0, 20)
        await eventually(lambda: have(20))
        relay.is_cut = True
        for name, page in pages.items():
            await page.evaluate("name => rooms.get(name).engine.client.ws.close()", name)
            await _send(page, name, 20, 40)
        await pages["li"].wait_for_timeout(3000)
        assert await have(20)
        relay.is_cut = False
        for name, page in pages.items():
            await page.wait_for_function("name => seen(name, 'reconnected').length > 0", arg=name, timeout=20_000)
            await _send(page, name, 40, 60)
        await eventually(lambda: have(60), 20)


async def test_what_a_replaced_channel_lost_is_sent_again(server: Server, open_page: Opened) -> None:
    amina, li = await open_page(), await open_page()
    for page, name in ((amina, "amina"), (li, "li")):
        await _join(page, server, name)
    await _send(li, "li", 0, 20)
    await eventually(lambda: _arrived(amina, 20))
    # As livekit-client does after a resume in Safari, but while lines are under way.
    await amina.evaluate("setTimeout(() => rooms.get('amina').engine.createDataChannels(), 200)")
    await _send(li, "li", 20, 60, pause_ms=15)
    await eventually(lambda: _arrived(amina, 60))


async def _arrived(page: Page, count: int) -> bool:
    return await _lines(page, "amina") == LINES[:count]
