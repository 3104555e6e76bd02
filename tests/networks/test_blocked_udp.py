"""A network that lets no UDP through: the call goes over TCP, straight to the media port or through a TURN server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from playwright.async_api import Error, Page

from signaling.app import MAX_LINE_BYTES, create_app
from signaling.config import RtcSettings, Settings, TurnServer
from tests.conformance.conftest import KEY, SECRET, Server, eventually, new_room
from tests.networks import coturn
from tests.networks.calling import join, received, two_pages
from tests.networks.namespace import FarSide, behind

pytestmark = pytest.mark.usefixtures("namespaces", "bundle")

TURN_SECRET = "known to the media server and to coturn alone"
GIVE_UP_MS = 4000


@pytest.fixture
async def blocked() -> AsyncIterator[FarSide]:
    """A namespace from which no UDP gets out."""
    async with behind("5g", blocks_udp=True) as far_side:
        yield far_side
    assert far_side.counts["up"]["blocked"] > 0, "nobody even tried UDP"


@asynccontextmanager
async def serving(far_side: FarSide, *, tcp_port: int, turn: tuple[TurnServer, ...] = ()) -> AsyncIterator[Server]:
    settings = Settings(
        keys={KEY: SECRET}, rtc=RtcSettings(tcp_port=tcp_port, node_ips=(far_side.here,)), turn_servers=turn
    )
    runner = web.AppRunner(create_app(settings), max_line_size=MAX_LINE_BYTES, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, far_side.here, 0).start()
    try:
        yield Server(f"ws://{far_side.here}:{runner.addresses[0][1]}", None, new_room())
    finally:
        await runner.cleanup()


async def see_each_other(server: Server, amina: Page, li: Page) -> None:
    for page, name in ((amina, "amina"), (li, "li")):
        await join(page, name, server.url, server.token(name))
        await page.evaluate("name => rooms.get(name).localParticipant.enableCameraAndMicrophone()", name)
    for page, name, other in ((amina, "amina", "li"), (li, "li", "amina")):

        async def sees(page: Page = page, name: str = name, other: str = other) -> bool:
            camera = (await received(page, name)).get(f"{other}/camera", {})
            return (camera.get("framesDecoded") or 0) > 10

        await eventually(sees, 15)


async def test_ice_over_tcp(blocked: FarSide, tmp_path: Path) -> None:
    async with serving(blocked, tcp_port=0) as server, two_pages(blocked, tmp_path) as (amina, li):
        await see_each_other(server, amina, li)
        pair = await amina.evaluate("candidatePair('amina')")
        assert pair["protocol"] == "tcp"


@pytest.mark.skipif(coturn.program() is None, reason="needs coturn")
class TestTurn:
    """ICE over TCP is off, so that the TURN server is the only way."""

    async def test_a_call_goes_through_the_turn_server_over_tcp(self, blocked: FarSide, tmp_path: Path) -> None:
        async with coturn.coturn(blocked.here, TURN_SECRET, tmp_path) as url:
            turn = TurnServer(urls=(url,), secret=TURN_SECRET)
            async with (
                serving(blocked, tcp_port=-1, turn=(turn,)) as server,
                two_pages(blocked, tmp_path) as (amina, li),
            ):
                await see_each_other(server, amina, li)
                pair = await amina.evaluate("candidatePair('amina')")
                assert (pair["protocol"], pair["type"], pair["relay"]) == ("udp", "relay", "tcp")

    async def test_wrong_or_expired_credentials_do_not_get_through(self, blocked: FarSide, tmp_path: Path) -> None:
        async with (
            coturn.coturn(blocked.here, TURN_SECRET, tmp_path) as url,
            two_pages(blocked, tmp_path) as (amina, _),
        ):
            for turn in (
                TurnServer(urls=(url,), secret="not what coturn knows"),
                TurnServer(urls=(url,), secret=TURN_SECRET, ttl_seconds=-1),
            ):
                async with serving(blocked, tcp_port=-1, turn=(turn,)) as server:
                    with pytest.raises(Error, match="could not establish pc connection"):
                        await join(
                            amina,
                            "amina",
                            server.url,
                            server.token("amina"),
                            peerConnectionTimeout=GIVE_UP_MS,
                            maxRetries=0,
                        )
