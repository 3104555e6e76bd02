"""Metrics in Prometheus' format: read from what is counted anyway, at the moment somebody asks.

No label names a person, a room or an address; each has a handful of values that this file or the counters fix.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from signaling.clients.sessions import Sessions
from signaling.config import PrometheusSettings

_MOVED = {
    "packets_received": ("packets", "in"),
    "packets_sent": ("packets", "out"),
    "bytes_received": ("bytes", "in"),
    "bytes_sent": ("bytes", "out"),
    "nacks_received": ("nacks", "in"),
    "nacks_sent": ("nacks", "out"),
    "plis_received": ("plis", "in"),
    "plis_sent": ("plis", "out"),
}
"""What the counters count that is no loss: each by its family and direction, `in` from clients, `out` to them."""
_HELP = {
    "packets": "RTP packets of tracks",
    "bytes": "Bytes of RTP packets of tracks: in with headers, out payload alone",
    "nacks": "Packets asked for again",
    "plis": "Key frames asked for",
}


class ServerCollector(Collector):
    """One media server's metrics."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def collect(self) -> Iterable[Metric]:
        """Every family, as it is now."""
        yield from self._gauges()
        totals = self._sessions.endpoint.totals()
        totals["webhook"] += self._sessions.webhooks.dropped
        totals["failed_join"] += self._sessions.failures.refused
        yield from _moved(totals)
        dropped = CounterMetricFamily("media_dropped", "What was dropped, by cause", labels=["cause"])
        for cause in sorted(totals.keys() - _MOVED.keys()):
            dropped.add_metric([cause], totals[cause])
        yield dropped
        joins = self._sessions.join_times
        buckets = [("+Inf" if bound == float("inf") else str(bound), count) for bound, count in joins.cumulative()]
        yield HistogramMetricFamily(
            "media_join_seconds", "From a WebSocket to connected media", buckets=buckets, sum_value=joins.total_seconds
        )

    def _gauges(self) -> Iterable[Metric]:
        rooms = list(self._sessions.rooms.by_name.values())
        participants = [participant for room in rooms for participant in room.participants.values()]
        yield GaugeMetricFamily("media_rooms", "Open rooms", value=len(rooms))
        yield GaugeMetricFamily("media_participants", "People in them", value=len(participants))
        tracks = Counter(track.kind for participant in participants for track in participant.tracks.values())
        by_kind = GaugeMetricFamily("media_tracks", "Tracks announced", labels=["kind"])
        for kind in ("audio", "video"):
            by_kind.add_metric([kind], tracks[kind])
        yield by_kind
        yield GaugeMetricFamily(
            "media_subscriptions", "Tracks received", value=sum(len(p.subscriptions) for p in participants)
        )
        yield GaugeMetricFamily(
            "media_connections", "Peer connections, expected ones too", value=len(self._sessions.endpoint.peers)
        )
        yield GaugeMetricFamily("media_tasks", "Asyncio tasks, this answer's too", value=len(asyncio.all_tasks()))
        yield GaugeMetricFamily("media_draining", "1 once the server closes", value=self._sessions.is_draining)


def _moved(totals: Counter[str]) -> Iterable[Metric]:
    families = {
        name: CounterMetricFamily(f"media_{name}", words, labels=["direction"]) for name, words in _HELP.items()
    }
    for key, (name, direction) in _MOVED.items():
        families[name].add_metric([direction], totals[key])
    return families.values()


class MetricsServer:
    """`/metrics` on an address of its own: whoever can reach the media server cannot therefore read it."""

    def __init__(self, sessions: Sessions, settings: PrometheusSettings) -> None:
        self._settings = settings
        # A registry of its own: the package's global one would mix servers in one process.
        self._registry = CollectorRegistry()
        self._registry.register(ServerCollector(sessions))
        ProcessCollector(registry=self._registry)
        app = web.Application()
        app.router.add_get("/metrics", self._metrics)
        self._runner = web.AppRunner(app, access_log=None)

    async def start(self) -> None:
        """Listen. Raises OSError when the port is taken."""
        await self._runner.setup()
        await web.TCPSite(self._runner, self._settings.address, self._settings.port).start()

    async def close(self) -> None:
        """Stop listening."""
        await self._runner.cleanup()

    @property
    def port(self) -> int:
        """The port in use, once it listens."""
        return int(self._runner.addresses[0][1])

    async def _metrics(self, _: web.Request) -> web.Response:
        headers = {"Content-Type": CONTENT_TYPE_LATEST}
        return web.Response(body=generate_latest(self._registry), headers=headers)
