"""A client's WebSocket: messages in with a limit on size and rate, messages out through one bounded queue."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from aiohttp import WSCloseCode, WSMsgType, web
from google.protobuf import json_format
from google.protobuf.message import DecodeError
from livekit.protocol.rtc import SignalRequest, SignalResponse

from signaling.config import LimitSettings

logger = logging.getLogger(__name__)

SEND_SECONDS = 10.0
"""A client that has not taken one message in this time has stopped reading."""
PING_INTERVAL_SECONDS = 5
PING_TIMEOUT_SECONDS = 15
PATIENCE_SECONDS = 4 * PING_TIMEOUT_SECONDS
"""Silence after which a WebSocket is taken for dead; clients ping far more often."""


class SignalConnection:
    """One WebSocket of one participant. It ends when the client goes, falls behind, or `finish` is called."""

    def __init__(self, socket: web.WebSocketResponse, limits: LimitSettings) -> None:
        self._socket = socket
        self._limits = limits
        self._queue: asyncio.Queue[SignalResponse | None] = asyncio.Queue(limits.signal_queue)
        self._json = False
        self._allowance = float(limits.signal_messages_per_second)
        self._allowance_at = time.monotonic()
        self._overflown = asyncio.Event()

    def send(self, response: SignalResponse) -> None:
        """Queue a message; a client too far behind is disconnected instead."""
        try:
            self._queue.put_nowait(response)
        except asyncio.QueueFull:
            self._overflown.set()

    def finish(self) -> None:
        """Close once everything queued has been sent."""
        try:
            self._queue.put_nowait(None)
        except asyncio.QueueFull:
            self._overflown.set()

    async def run(self, on_request: Callable[[SignalRequest], None]) -> None:
        """Serve until either side ends it."""
        tasks = [
            asyncio.create_task(self._write()),
            asyncio.create_task(self._read(on_request)),
            asyncio.create_task(self._overflown.wait()),
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            for result in results:
                if isinstance(result, Exception) and not isinstance(result, ConnectionError | TimeoutError):
                    logger.error("signal connection failed", exc_info=result)
            await self._socket.close(code=WSCloseCode.OK)

    async def _write(self) -> None:
        while (response := await self._queue.get()) is not None:
            async with asyncio.timeout(SEND_SECONDS):
                if self._json:
                    await self._socket.send_str(json_format.MessageToJson(response, indent=None))
                else:
                    await self._socket.send_bytes(response.SerializeToString())

    async def _read(self, on_request: Callable[[SignalRequest], None]) -> None:
        while True:
            message = await self._socket.receive(timeout=PATIENCE_SECONDS)
            if message.type == WSMsgType.BINARY:
                request = _decode(message.data)
            elif message.type == WSMsgType.TEXT:
                self._json = True
                request = _decode_json(message.data)
            else:
                return
            if not self._take_allowance():
                logger.info("client sends too many messages")
                return
            if request is not None:
                on_request(request)

    def _take_allowance(self) -> bool:
        now = time.monotonic()
        rate = self._limits.signal_messages_per_second
        # A burst of ten seconds' worth is normal at a join into a large room.
        self._allowance = min(10.0 * rate, self._allowance + (now - self._allowance_at) * rate)
        self._allowance_at = now
        self._allowance -= 1
        return self._allowance >= 0


def _decode(data: bytes) -> SignalRequest | None:
    try:
        return SignalRequest.FromString(data)
    except DecodeError:
        return None


def _decode_json(text: str) -> SignalRequest | None:
    try:
        return json_format.Parse(text, SignalRequest(), ignore_unknown_fields=True)
    except json_format.ParseError:
        return None
