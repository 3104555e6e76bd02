"""Webhooks: telling the application what happens, signed as LiveKit signs."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import logging
import time

import aiohttp
from google.protobuf import json_format
from livekit.protocol.models import ParticipantInfo, Room, TrackInfo
from livekit.protocol.webhook import WebhookEvent

from signaling import ids, tokens
from signaling.config import Settings

logger = logging.getLogger(__name__)

MAX_WAITING = 1000
MAX_TRIES = 5
FIRST_RETRY_SECONDS = 0.5
TOKEN_SECONDS = 300
REQUEST_SECONDS = 5.0


class Webhooks:
    """A bounded queue per address, each served in order by its own task: a dead one delays no other."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._queues: dict[str, asyncio.Queue[WebhookEvent]] = {
            url: asyncio.Queue(MAX_WAITING) for url in settings.webhook.urls
        }
        self._tasks: list[asyncio.Task[None]] = []
        self._session: aiohttp.ClientSession | None = None
        self.dropped = 0

    async def start(self) -> None:
        """Begin sending."""
        if self._queues:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=REQUEST_SECONDS))
            self._tasks = [asyncio.create_task(self._serve(url)) for url in self._queues]

    async def close(self, drain_seconds: float = 2.0) -> None:
        """Give what waits a moment to leave, then stop."""
        if not self._tasks:
            return
        waiting = [asyncio.create_task(queue.join()) for queue in self._queues.values()]
        await asyncio.wait(waiting, timeout=drain_seconds)
        for task in (*waiting, *self._tasks):
            task.cancel()
        await asyncio.gather(*waiting, *self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    def tell(
        self,
        event: str,
        room: Room,
        participant: ParticipantInfo | None = None,
        track: TrackInfo | None = None,
    ) -> None:
        """Queue an event; when a receiver is hopelessly behind, it is dropped and counted."""
        if not self._queues:
            return
        message = WebhookEvent(
            event=event,
            room=room,
            participant=participant,
            track=track,
            id=ids.new(ids.EVENT),
            created_at=int(time.time()),
        )
        for queue in self._queues.values():
            if queue.full():
                self.dropped += 1
            else:
                queue.put_nowait(message)

    async def _serve(self, url: str) -> None:
        queue = self._queues[url]
        while True:
            message = await queue.get()
            try:
                await self._deliver(url, message)
            except Exception:
                logger.exception("webhook could not be sent")
            queue.task_done()

    async def _deliver(self, url: str, message: WebhookEvent) -> None:
        if self._session is None:
            return
        body = json_format.MessageToJson(message, indent=None).encode()
        pause = FIRST_RETRY_SECONDS
        for attempt in range(MAX_TRIES):
            headers = {"Authorization": self._sign(body), "Content-Type": "application/webhook+json"}
            try:
                async with self._session.post(url, data=body, headers=headers) as response:
                    if response.status < 400:
                        return
                    status = str(response.status)
            except (aiohttp.ClientError, TimeoutError) as problem:
                status = type(problem).__name__
            if attempt + 1 < MAX_TRIES:
                await asyncio.sleep(pause)
                pause *= 2
        self.dropped += 1
        logger.warning("webhook %s given up: %s", message.event, status)

    def _sign(self, body: bytes) -> str:
        key = self._settings.webhook.api_key or next(iter(self._settings.keys))
        now = int(time.time())
        digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
        payload = {"iss": key, "nbf": now, "exp": now + TOKEN_SECONDS, "sha256": digest}
        return tokens.sign(payload, self._settings.keys[key])
