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

from signaling.allowance import Allowance
from signaling.config import LimitSettings

logger = logging.getLogger(__name__)

PING_INTERVAL_SECONDS = 5
PING_TIMEOUT_SECONDS = 15
PATIENCE_SECONDS = 4 * PING_TIMEOUT_SECONDS
"""Silence after which a WebSocket is taken for dead; clients ping far more often."""
BURST_SECONDS = 10.0
"""A burst of ten seconds' worth is normal at a join into a large room."""
CLOSE_SECONDS = 2.0


class SignalConnection:
    """One WebSocket of one participant. It ends when the client goes, falls behind, or `finish` is called.

    `abort` drops the connection below it: what a client that stopped reading has not taken would wait for ever.
    """

    def __init__(self, socket: web.WebSocketResponse, limits: LimitSettings, abort: Callable[[], None]) -> None:
        self._socket = socket
        self._limits = limits
        self._abort = abort
        self._queue: asyncio.Queue[bytes | str | None] = asyncio.Queue(limits.signal_queue)
        self._queued_bytes = 0
        self._json = False
        now = time.monotonic()
        messages, octets = limits.signal_messages_per_second, limits.signal_bytes_per_second
        self._messages = Allowance(messages, BURST_SECONDS * messages, messages, now)
        self._octets = Allowance(octets, BURST_SECONDS * octets, BURST_SECONDS * octets, now)
        self._overflown = asyncio.Event()

    def send(self, response: SignalResponse) -> None:
        """Queue a message; a client too far behind is disconnected instead."""
        payload = json_format.MessageToJson(response, indent=None) if self._json else response.SerializeToString()
        if self._queue.full() or self._queued_bytes + len(payload) > self._limits.signal_queue_bytes:
            self._overflown.set()
            return
        self._queued_bytes += len(payload)
        self._queue.put_nowait(payload)

    def finish(self) -> None:
        """Close once everything queued has been sent."""
        try:
            self._queue.put_nowait(None)
        except asyncio.QueueFull:
            self._overflown.set()

    async def run(
        self, on_request: Callable[[SignalRequest], None], on_greeted: Callable[[], None] = lambda: None
    ) -> None:
        """Serve until either side ends it; `on_greeted` is called once what was queued before is on its way."""
        tasks = [
            asyncio.create_task(self._write()),
            asyncio.create_task(self._read(on_request, on_greeted)),
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
            await self._close()

    async def _close(self) -> None:
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._socket.close(code=WSCloseCode.OK)
        except TimeoutError:
            self._abort()

    async def _write(self) -> None:
        # Named with each message, or aiohttp keeps a compressor of 256 KiB for as long as the WebSocket lives.
        window_bits = int(self._socket.compress) or None
        while (payload := await self._queue.get()) is not None:
            async with asyncio.timeout(self._limits.signal_send_seconds):
                if isinstance(payload, str):
                    await self._socket.send_str(payload, window_bits)
                else:
                    await self._socket.send_bytes(payload, window_bits)
            self._queued_bytes -= len(payload)

    async def _read(self, on_request: Callable[[SignalRequest], None], on_greeted: Callable[[], None]) -> None:
        # The writer has had its turn; after one more of the loop's rounds its bytes have left.
        await asyncio.sleep(0)
        on_greeted()
        while True:
            message = await self._socket.receive(timeout=PATIENCE_SECONDS)
            if message.type == WSMsgType.BINARY:
                request = _decode(message.data)
            elif message.type == WSMsgType.TEXT:
                self._json = True
                request = _decode_json(message.data)
            else:
                return
            now = time.monotonic()
            if not self._messages.take(1, now) or not self._octets.take(len(message.data), now):
                logger.info("client sends too much")
                return
            if request is not None:
                on_request(request)
            # A client's burst is handled without a pause otherwise, and what it sets off would overflow others' queues.
            await asyncio.sleep(0)


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
