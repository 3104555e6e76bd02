"""The node and its own media server reach each other at whatever address the node listens."""

import asyncio
from pathlib import Path

import pytest

from signaling.app import SESSIONS
from telemed.app import start
from telemed.config import MediaSettings, Settings
from telemed.crypto.keyring import FileKeyRing
from telemed.federation.keys import SigningKey
from telemed.node import NODE
from tests.migrated import new_sqlite
from tests.nodes import free_port


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "0.0.0.0"])
async def test_a_room_that_no_visit_has_is_made_reported_and_closed(tmp_path: Path, host: str) -> None:
    media = MediaSettings(udp_port=0, node_ips=("127.0.0.1",), key="ke-media", secret="s" * 32)
    settings = Settings(
        node="KE",
        jurisdiction="KE",
        name="Kenya",
        origin="http://ke.localhost:8441",
        host=host,
        port=free_port(),
        media=media,
        folder=tmp_path,
    )
    FileKeyRing.create(settings.path(settings.key_ring))
    SigningKey.create(settings.path(settings.signing_key))
    await new_sqlite(tmp_path / "node.sqlite")
    runner = await start(settings)
    try:
        rooms = runner.app._subapps[0][SESSIONS].rooms
        await runner.app[NODE].calls.create_room("no visit's")
        assert rooms.by_name
        async with asyncio.timeout(10):
            while rooms.by_name:  # noqa: ASYNC110 - the media server has no event for it
                await asyncio.sleep(0.02)
    finally:
        await runner.cleanup()
