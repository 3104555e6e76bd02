"""Metrics as Prometheus reads them: whole, rising, and about nobody."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web
from livekit.protocol.models import TrackType
from livekit.protocol.rtc import AddTrackRequest, SignalRequest
from prometheus_client.parser import text_string_to_metric_families

from signaling.app import METRICS, SESSIONS, create_app
from signaling.clients.sessions import Sessions
from signaling.config import PrometheusSettings, Settings
from signaling.operation.durations import Durations
from signaling.sfu.formats import rtp
from signaling.sfu.formats.sdp import Codec
from signaling.sfu.receiving.uplink import Uplink
from tests.signaling.conftest import KEY, SECRET, Started, token, until
from tests.signaling.media_client import Client, check_of

OPUS = Codec(111, "opus", 48000, 2)
Served = tuple[str, str, Sessions]


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    """Where clients go, where metrics are, and the server."""
    app = create_app(Settings(keys={KEY: SECRET}, prometheus=PrometheusSettings(port=0)))
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    yield f"http://127.0.0.1:{port}", f"http://127.0.0.1:{app[METRICS].port}/metrics", app[SESSIONS]
    await runner.cleanup()


async def _read(http: aiohttp.ClientSession, url: str) -> tuple[str, dict[str, float]]:
    async with http.get(url) as response:
        assert response.status == 200
        assert response.content_type == "text/plain"
        text = await response.text()
    values = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sample.labels.items())
            values[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return text, values


async def test_people_rooms_and_tracks_are_counted_and_not_named(served: Served, http: aiohttp.ClientSession) -> None:
    url, metrics, _ = served
    access = token(room="canary-room", identity="canary-identity")
    socket = await http.ws_connect(f"{url}/rtc", params={"access_token": access})
    sid = (await until(socket, "join")).join.participant.sid
    request = SignalRequest(add_track=AddTrackRequest(cid="c", type=TrackType.VIDEO, name="canary-track"))
    await socket.send_bytes(request.SerializeToString())
    await until(socket, "track_published")
    text, values = await _read(http, metrics)
    assert values["media_rooms"] == 1
    assert values["media_participants"] == 1
    assert values["media_tracks{kind=video}"] == 1
    assert values["media_connections"] == 2
    assert values["process_resident_memory_bytes"] > 0
    for word in ("canary", sid, "127.0.0.1"):
        assert word not in text
    await socket.close()


async def test_a_task_that_nobody_ends_is_counted(served: Served, http: aiohttp.ClientSession) -> None:
    _, metrics, _ = served
    _, before = await _read(http, metrics)
    forgotten = asyncio.create_task(asyncio.Event().wait())
    _, during = await _read(http, metrics)
    assert during["media_tasks"] == before["media_tasks"] + 1
    forgotten.cancel()


async def test_what_a_peer_counted_outlives_it(served: Served, http: aiohttp.ClientSession) -> None:
    _, metrics, sessions = served
    async with Client(sessions.endpoint) as client:
        uplink = Uplink(client.peer, "0", "audio", OPUS, {111: OPUS}, {})
        client.peer.reception.expect(uplink, [7], {})
        for number in range(5):
            head = rtp.header(marker=False, payload_type=111, sequence=number, timestamp=0, ssrc=7)
            client.send(head + b"sound")
        head = rtp.header(marker=False, payload_type=111, sequence=1, timestamp=0, ssrc=9)
        client.send(head + b"sound")
        client.places[0].udp.sendto(check_of(client.peer, pwd="guessed"))
        client.places[0].udp.sendto(check_of(client.peer))
        await client.places[0].next_stun()
        _, during = await _read(http, metrics)
        client.peer.reception.drop(uplink)
        _, removed = await _read(http, metrics)
    _, after = await _read(http, metrics)
    for values in (during, removed, after):
        assert values["media_packets_total{direction=in}"] == 5
        assert values["media_bytes_total{direction=in}"] == 5 * (12 + len(b"sound"))
        assert values["media_dropped_total{cause=unknown_stream}"] == 1
        assert values["media_dropped_total{cause=stun_refused}"] == 1


async def test_metrics_are_nowhere_unless_asked_for(start: Started, http: aiohttp.ClientSession) -> None:
    url, _ = await start()
    async with http.get(f"{url}/metrics") as response:
        assert response.status == 404


async def test_the_address_for_clients_shows_none(served: Served, http: aiohttp.ClientSession) -> None:
    url, metrics, _ = served
    async with http.get(f"{url}/metrics") as response:
        assert response.status == 404
    async with http.get(metrics.replace("/metrics", "/rtc")) as response:
        assert response.status == 404


def test_durations_are_counted_up_to_each_bound() -> None:
    durations = Durations((1.0, 2.0))
    for seconds in (0.5, 1.0, 1.5, 7.0):
        durations.note(seconds)
    assert list(durations.cumulative()) == [(1.0, 2), (2.0, 3), (float("inf"), 4)]
    assert durations.total_seconds == 10.0
