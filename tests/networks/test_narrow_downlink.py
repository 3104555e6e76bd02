"""A phone whose link is too narrow for the doctor's picture: the doctor's browser makes it smaller, and it comes."""

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


async def test_the_picture_comes_as_small_as_the_link_needs_it(tmp_path: Path) -> None:
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
        microphone = (await received(phone, "phone"))["desk/microphone"]
        assert microphone["concealedSamples"] < 0.1 * microphone["totalSamplesReceived"]
