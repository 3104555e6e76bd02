"""Longer packets for poor links, counted where they arrive. LiveKit has no such thing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from livekit import api
from playwright.async_api import Page

from tests.conformance.conftest import ANOTHER, Opened, Server, eventually
from tests.conformance.test_browser import BOTH_PATHS, _received, _visit

pytestmark = pytest.mark.skipif(ANOTHER is not None, reason="LiveKit leaves the packets' length to clients")

_RED_COMES_FIRST = r"""(() => {
  const { sdp } = rooms.get("amina").engine.pcManager.publisher.pc.remoteDescription;
  const red = sdp.match(/a=rtpmap:(\d+) red/)[1];
  return sdp.split("\r\n").some((line) => line.startsWith("m=audio") && line.split(" ")[3] === red);
})()"""
"""What of the answer makes a browser send sound twice; its statistics name Opus either way."""


@BOTH_PATHS
@pytest.mark.parametrize("length_ms", [60, 120])
async def test_packets_grow_for_whoever_asks_and_shrink_again(
    server: Server, open_page: Opened, admin: api.LiveKitAPI, single: bool, length_ms: int
) -> None:
    # Without DTX, which sends less in silence, packets arrive at a constant rate.
    amina, li = await _visit(server, open_page, single=single, publishDefaults={"dtx": False})
    assert await amina.evaluate(_RED_COMES_FIRST)
    await eventually(_packets_are(li, "li", "amina", 20))
    await admin.room.update_participant(_wish(server.room, str(length_ms)))
    await eventually(_packets_are(li, "li", "amina", length_ms))
    assert not await amina.evaluate(_RED_COMES_FIRST)
    await eventually(_packets_are(amina, "amina", "li", length_ms))
    await admin.room.update_participant(_wish(server.room, ""))
    await eventually(_packets_are(li, "li", "amina", 20))


def _wish(room: str, value: str) -> api.UpdateParticipantRequest:
    return api.UpdateParticipantRequest(room=room, identity="amina", attributes={"audio.ptime": value})


def _packets_are(page: Page, viewer: str, speaker: str, length_ms: int) -> Callable[[], Awaitable[bool]]:
    """Whether the sound of each packet that arrives lasts so long."""

    async def measured() -> bool:
        source = f"{speaker}/microphone"
        before = (await _received(page, viewer))[source]
        await page.wait_for_timeout(1500)
        after = (await _received(page, viewer))[source]
        expected = (after["timestamp"] - before["timestamp"]) / length_ms
        return bool(abs(after["packetsReceived"] - before["packetsReceived"] - expected) < 0.2 * expected)

    return measured
