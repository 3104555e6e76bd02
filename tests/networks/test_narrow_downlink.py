"""A phone whose link is too narrow for the doctor's picture and voice as they are sent: it gets both smaller."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance.conftest import Server, eventually, new_room
from tests.networks.calling import join, received, two_pages
from tests.networks.measure import PATIENCE_MS, PUBLISHING
from tests.networks.namespace import behind
from tests.networks.servers import ours

pytestmark = pytest.mark.usefixtures("namespaces", "bundle")

FRAMES = 100
"""A key frame now and then would take minutes to make as many."""
PACKETS = 50
LENGTH_MS = 40
"""Of 60, of which some are late."""
SAMPLES_PER_MS = 48


async def test_pictures_and_sound_come_as_the_link_needs_them(tmp_path: Path) -> None:
    async with behind("edge") as link, ours(link.here, tmp_path) as url, two_pages(link, tmp_path) as (phone, desk):
        server = Server(url, None, new_room())
        await join(desk, "desk", url, server.token("desk"), PUBLISHING["edge"])
        patience = {"peerConnectionTimeout": PATIENCE_MS, "websocketTimeout": PATIENCE_MS}
        await join(phone, "phone", url, server.token("phone"), PUBLISHING["edge"], **patience)
        await desk.evaluate("rooms.get('desk').localParticipant.enableCameraAndMicrophone()")

        async def has_pictures() -> bool:
            found = await received(phone, "phone")
            return (found.get("desk/camera", {}).get("framesDecoded") or 0) >= FRAMES

        await eventually(has_pictures, 60)
        before = (await received(phone, "phone"))["desk/microphone"]
        assert before["concealedSamples"] < 0.1 * before["totalSamplesReceived"]

        async def has_long_packets() -> bool:
            nonlocal before
            after = (await received(phone, "phone"))["desk/microphone"]
            packets = after["packetsReceived"] - before["packetsReceived"]
            if packets < PACKETS:
                return False
            samples = after["totalSamplesReceived"] - before["totalSamplesReceived"]
            before = after
            return bool(samples > LENGTH_MS * SAMPLES_PER_MS * packets)

        await eventually(has_long_packets, 30)
        answer = await desk.evaluate("rooms.get('desk').engine.pcManager.publisher.pc.currentRemoteDescription.sdp")
        assert "opus" in answer
        assert "a=ptime" not in answer
