"""The way of a handshake's datagrams: in through a bounded queue, out once there is an address, and again when lost."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable

MAX_WAITING_DATAGRAMS = 512
"""DTLS datagrams of one peer not yet read; data channels ride on them, so a burst is normal."""
FIRST_PATIENCE_SECONDS = 0.2
"""How long our first flight waits for its answer before it is sent again; OpenSSL itself waits a second."""
LEAST_PATIENCE_SECONDS = 0.1
MAX_REPEATS = 3
"""Of one flight; after them OpenSSL's own timer has begun to repeat it."""
MAX_FLIGHT = 8
"""Datagrams of one flight; ours have two at most."""
MAX_HEARD = 64
"""Parts of the far side's flights that are remembered; a browser sends some six."""
_HANDSHAKE = 22


class Datagrams:
    """What RTCDtlsTransport needs of an ICE transport.

    OpenSSL takes no notice when the far side repeats a flight because ours was lost, and repeats ours after a second.
    So what was sent since something was last awaited is sent again when a repetition comes, or when nothing comes
    for twice the time that the answer before took.
    """

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self.role = "controlled"
        self.is_closed = False
        self.round_trip_seconds: float | None = None
        """How long the far side took to answer a flight of ours: at least a round trip, more after a loss."""
        self._sink = send
        self._waiting: deque[bytes] = deque()
        self._arrived = asyncio.Event()
        self._reachable = asyncio.Event()
        self._is_shaking = True
        self._flight: list[bytes] = []
        self._is_flight_over = True
        self._is_answered = True
        self._repeats = 0
        self.is_repeated = False
        """Whether our last flight had to be sent again."""
        self._sent_at = 0.0
        self._patience = FIRST_PATIENCE_SECONDS
        self._heard: set[bytes] = set()

    @property
    def waiting(self) -> int:
        """Datagrams not yet read."""
        return len(self._waiting)

    def reach(self) -> None:
        """From now on there is somewhere to send to."""
        self._reachable.set()

    def settle(self, *, is_answered: bool) -> None:
        """The handshake is over, by an answer to our last flight or by that flight itself."""
        if is_answered and not self._is_answered:
            self._time_answer()
        self._is_shaking = False
        self._is_answered = True
        self._flight.clear()
        self._heard.clear()

    def put(self, data: bytes) -> bool:
        """Take a datagram that arrived; False when too many wait."""
        if self.is_closed or len(self._waiting) >= MAX_WAITING_DATAGRAMS:
            return False
        self._waiting.append(data)
        self._arrived.set()
        return True

    def close(self) -> None:
        """Take nothing more, and let whoever waits know."""
        self.is_closed = True
        self._waiting.clear()
        self._arrived.set()
        self._reachable.set()

    async def _recv(self) -> bytes:
        self._is_flight_over = True
        while not self._waiting:
            if self.is_closed:
                raise ConnectionError
            self._arrived.clear()
            await self._arrival()
        data = self._waiting.popleft()
        if self._is_shaking:
            self._hear(data)
        return data

    async def _arrival(self) -> None:
        if self._is_answered or self._repeats >= MAX_REPEATS:
            await self._arrived.wait()
            return
        try:
            async with asyncio.timeout(self._patience):
                await self._arrived.wait()
        except TimeoutError:
            self._patience *= 2
            self._repeat()

    def _hear(self, data: bytes) -> None:
        # A repetition has new record numbers; message number and offset of its first part stay (RFC 6347 §4.2.2).
        if len(data) < 22 or data[0] != _HANDSHAKE or data[3:5] != b"\0\0":
            return
        part = data[17:22]
        if part in self._heard:
            self._repeat()
        elif len(self._heard) < MAX_HEARD:
            self._heard.add(part)
            if not self._is_answered:
                self._is_answered = True
                self._patience = max(LEAST_PATIENCE_SECONDS, 2 * self._time_answer())

    def _time_answer(self) -> float:
        """How long the answer took that came now; of several the one that took least, for none of it was lost."""
        took = time.monotonic() - self._sent_at
        self.round_trip_seconds = min(took, self.round_trip_seconds or took)
        return took

    def _repeat(self) -> None:
        if self._repeats < MAX_REPEATS:
            self._repeats += 1
            self.is_repeated = True
            for data in self._flight:
                self._sink(data)

    async def _send(self, data: bytes) -> None:
        await self._reachable.wait()
        if self._is_shaking:
            self._note(data)
        self._sink(data)

    def _note(self, data: bytes) -> None:
        if self._is_flight_over:
            # What is not answered is not followed by another flight: this is OpenSSL's own repetition.
            self.is_repeated = not self._is_answered
            if not self.is_repeated:
                self._sent_at = time.monotonic()
            self._is_flight_over = self._is_answered = False
            self._flight.clear()
            self._repeats = 0
        if len(self._flight) < MAX_FLIGHT:
            self._flight.append(data)
