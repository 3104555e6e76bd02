"""The server's own checks, before media goes to a new address: browsers answer them, as a full ICE agent must."""

from __future__ import annotations

import pytest

from tests.conformance.conftest import ANOTHER, Opened, Server, eventually
from tests.conformance.test_browser import BOTH_PATHS, _plays, _visit

pytestmark = pytest.mark.skipif(ANOTHER is not None, reason="only our own server's choice can be undone")


@BOTH_PATHS
async def test_media_comes_back_once_a_browser_has_answered_a_check(
    server: Server, open_page: Opened, single: bool
) -> None:
    assert server.sessions is not None
    amina, li = await _visit(server, open_page, single=single)
    peers = [peer for peer in server.sessions.endpoint.peers if peer.selected is not None]
    assert peers
    for peer in peers:
        peer.selected = None
    await eventually(lambda: all(peer.selected is not None for peer in peers))
    await eventually(lambda: _plays(amina, "amina", "li/camera"))
    await eventually(lambda: _plays(li, "li", "amina/camera"))
