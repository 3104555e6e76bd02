"""A link that is narrow for a while: the picture is back soon after, in full."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.conformance.conftest import Server, eventually, new_room
from tests.networks.calling import join, received, two_pages
from tests.networks.measure import PUBLISHING
from tests.networks.namespace import behind
from tests.networks.servers import ours

pytestmark = pytest.mark.usefixtures("namespaces", "bundle")

NARROW_SECONDS = 20.0
FULL_WIDTH = 640
HALF_RATE = 10
BACK_SECONDS = 15.0
"""Ten are the aim; the page's own start of a picture and a busy machine take some."""


async def test_the_picture_is_back_in_full_soon_after_the_link(tmp_path: Path) -> None:
    async with behind("wide") as link, ours(link.here, tmp_path) as url, two_pages(link, tmp_path) as (phone, desk):
        server = Server(url, None, new_room())
        for page, name in ((desk, "desk"), (phone, "phone")):
            await join(page, name, url, server.token(name), PUBLISHING["3g"])
        await desk.evaluate("rooms.get('desk').localParticipant.enableCameraAndMicrophone()")

        async def frames_and_width() -> tuple[int, int]:
            found = (await received(phone, "phone")).get("desk/camera", {})
            return found.get("framesDecoded") or 0, found.get("frameWidth") or 0

        seen = -1

        async def has_full_picture() -> bool:
            nonlocal seen
            before, (seen, width) = seen, await frames_and_width()
            return 0 <= before < seen and width == FULL_WIDTH

        await eventually(has_full_picture, 20)
        link.change("dip")
        # Time itself is what is tested: the longer a link was narrow, the longer the server waits between two tries.
        await asyncio.sleep(NARROW_SECONDS / 2)
        early, _ = await frames_and_width()
        await asyncio.sleep(NARROW_SECONDS / 2)
        late, width = await frames_and_width()
        assert late - early < HALF_RATE * NARROW_SECONDS / 2 or width < FULL_WIDTH
        link.change("wide")
        await eventually(has_full_picture, BACK_SECONDS)
