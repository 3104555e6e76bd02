"""A phone whose uplink is too narrow for its voice and its camera: the camera makes room."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance.conftest import Server, eventually, new_room
from tests.networks.calling import join, two_pages
from tests.networks.namespace import behind
from tests.networks.servers import ours

pytestmark = pytest.mark.usefixtures("namespaces", "bundle")

ACTIVE = """rooms.get("phone").localParticipant.getTrackPublication("camera").track.sender.getParameters().encodings
    .filter((encoding) => encoding.active).length"""
SAW_A_PAUSE = "seen('desk', 'trackStreamStateChanged').length > 0"


async def test_the_camera_stops_and_the_other_side_is_told(tmp_path: Path) -> None:
    async with behind("edge") as link, ours(link.here, tmp_path) as url, two_pages(link, tmp_path) as (phone, desk):
        server = Server(url, None, new_room())
        await join(desk, "desk", url, server.token("desk"))
        patience = {"peerConnectionTimeout": 30_000, "websocketTimeout": 30_000}
        await join(phone, "phone", url, server.token("phone"), {"dynacast": True}, **patience)
        await phone.evaluate("rooms.get('phone').localParticipant.enableCameraAndMicrophone()")
        assert await phone.evaluate(ACTIVE) > 0

        async def has_stopped() -> bool:
            return int(await phone.evaluate(ACTIVE)) == 0

        await eventually(has_stopped, 30)
        await eventually(lambda: desk.evaluate(SAW_A_PAUSE), 5)
