"""The troubles that livekit-client can ask the server for, and the way back from each."""

from __future__ import annotations

import pytest

from tests.conformance.conftest import ANOTHER, Opened, Server, eventually
from tests.conformance.test_browser import _join, _plays, _saw, _visit

SERVER_SHUTDOWN = 3
"""livekit-client's DisconnectReason."""


@pytest.mark.parametrize(
    "scenario",
    [
        "signal-reconnect",
        "disconnect-signal-on-resume",
        "disconnect-signal-on-resume-no-messages",
        "node-failure",
        "migration",
        pytest.param(
            "leave-full-reconnect", marks=pytest.mark.skipif(ANOTHER is not None, reason="LiveKit ignores it")
        ),
    ],
)
async def test_the_call_comes_back(server: Server, open_page: Opened, scenario: str) -> None:
    amina, li = await _visit(server, open_page)
    await amina.evaluate("scenario => { rooms.get('amina').simulateScenario(scenario); }", scenario)
    await eventually(lambda: _saw(amina, "amina", "reconnected"), 30)
    await eventually(lambda: _plays(amina, "amina", "li/camera"))
    await eventually(lambda: _plays(li, "li", "amina/camera"))


async def test_a_server_that_says_goodbye_is_not_called_again(server: Server, open_page: Opened) -> None:
    amina = await open_page()
    await _join(amina, server, "amina")
    await amina.evaluate("rooms.get('amina').simulateScenario('server-leave')")
    await eventually(lambda: _saw(amina, "amina", "disconnected"))
    assert await amina.evaluate("seen('amina', 'disconnected')") == [SERVER_SHUTDOWN]


async def test_whoever_asks_is_told_to_be_speaking(server: Server, open_page: Opened) -> None:
    amina = await open_page()
    await _join(amina, server, "amina")
    await amina.evaluate("rooms.get('amina').simulateScenario('speaker')")
    await eventually(lambda: _saw(amina, "amina", "activeSpeakersChanged"))


async def test_a_choice_of_tracks_outlives_a_resume(server: Server, open_page: Opened) -> None:
    amina, _ = await _visit(server, open_page)
    camera = "[...rooms.get('amina').remoteParticipants.values()][0].getTrackPublication('camera')"
    await amina.evaluate(f"{camera}.setSubscribed(false)")
    await eventually(lambda: _saw(amina, "amina", "trackUnsubscribed"))
    await amina.evaluate("rooms.get('amina').simulateScenario('signal-reconnect')")
    await eventually(lambda: _saw(amina, "amina", "reconnected"), 30)
    await eventually(lambda: _plays(amina, "amina", "li/microphone"))
    assert not await amina.evaluate(f"{camera}.isSubscribed")
    assert len(await amina.evaluate("seen('amina', 'trackSubscribed')")) == 2
    await amina.evaluate(f"{camera}.setSubscribed(true)")
    await eventually(lambda: _plays(amina, "amina", "li/camera"))
