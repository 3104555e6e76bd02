"""Transport-wide feedback: which packets arrived when (draft-holmer-rmcat-transport-wide-cc-01)."""

from __future__ import annotations

from bisect import bisect_left
from struct import pack
from typing import Final

from signaling.sfu.formats.rtp import Extender

TICK_SECONDS: Final = 0.000250
REFERENCE_SECONDS: Final = 0.064
TICKS_PER_REFERENCE: Final = 256
LOST: Final = -1e9
"""The time of arrival of a packet that did not arrive."""
MAX_ARRIVALS: Final = 1000
PACKETS_PER_FEEDBACK: Final = 200
MAX_STATUSES: Final = 2048
"""Packets one feedback may speak of; a real one covers 100 ms or so. A longer gap begins another feedback."""


def parse(body: bytes) -> tuple[int, list[float]]:
    """Read a feedback body: a 16-bit number, and when each packet from it on arrived, by the receiver's clock, or LOST.

    Raises ValueError when cut short.
    """
    try:
        base = body[0] << 8 | body[1]
        count = body[2] << 8 | body[3]
        if count > MAX_STATUSES:
            raise ValueError("feedback about too many packets")
        ticks = (body[4] << 16 | body[5] << 8 | body[6]) * TICKS_PER_REFERENCE
        statuses, at = _statuses(body, count)
        found: list[float] = []
        for status in statuses:
            if status == 1:
                ticks += body[at]
                at += 1
            elif status == 2:
                delta = body[at] << 8 | body[at + 1]
                ticks += delta - 0x10000 if delta & 0x8000 else delta
                at += 2
            else:
                found.append(LOST)
                continue
            found.append(ticks * TICK_SECONDS)
    except IndexError as problem:
        raise ValueError("transport feedback cut short") from problem
    return base, found


def _statuses(body: bytes, count: int) -> tuple[list[int], int]:
    statuses: list[int] = []
    at = 8
    while len(statuses) < count:
        chunk = body[at] << 8 | body[at + 1]
        at += 2
        if not chunk & 0x8000:
            statuses.extend([chunk >> 13] * min(chunk & 0x1FFF, count - len(statuses)))
            continue
        width = 2 if chunk & 0x4000 else 1
        statuses.extend([chunk >> shift & (1 << width) - 1 for shift in range(14 - width, -1, -width)])
    del statuses[count:]
    return statuses, at


class Arrivals:
    """What has arrived since the last feedback; bounded, whatever a client numbers its packets with."""

    def __init__(self) -> None:
        self._numbers = Extender()
        self._times: dict[int, float] = {}
        self._next = -1
        self._count = 0

    def note(self, value: bytes, now: float) -> None:
        """Take the two bytes of a packet's transport-wide number."""
        if len(value) == 2 and len(self._times) < MAX_ARRIVALS:
            number = self._numbers.extend(value[0] << 8 | value[1])
            if number not in self._times:
                self._times[number] = now

    def take(self) -> list[bytes]:
        """Feedback bodies about everything noted, which is then forgotten, and what was lost before it."""
        numbers, times = sorted(self._times), self._times
        self._times = {}
        bodies: list[bytes] = []
        at = 0
        while at < len(numbers):
            is_near = 0 <= self._next < numbers[at] < self._next + MAX_STATUSES
            base = self._next if is_near else numbers[at]
            # What comes late has a body of its own: of what follows it all was told before.
            reach = min(self._next, base + MAX_STATUSES) if numbers[at] < self._next else base + MAX_STATUSES
            end = bisect_left(numbers, reach, at, min(len(numbers), at + PACKETS_PER_FEEDBACK))
            bodies.append(build(base, numbers[at:end], times, self._count))
            self._next = max(self._next, numbers[end - 1] + 1)
            at = end
            self._count += 1
        return bodies


def build(base: int, numbers: list[int], times: dict[int, float], feedback_count: int) -> bytes:
    """Write a body about what came since `base`: extended sequence numbers, ascending and not none, and when they did.

    Times are in seconds.
    """
    reference = int(min([times[number] for number in numbers]) / REFERENCE_SECONDS)
    clock_ticks = round(reference * REFERENCE_SECONDS / TICK_SECONDS)
    statuses: list[int] = []
    deltas = b""
    for number in numbers:
        while len(statuses) < number - base:
            statuses.append(0)
        delta = round(times[number] / TICK_SECONDS) - clock_ticks
        delta = max(-32768, min(32767, delta))
        clock_ticks += delta
        if 0 <= delta <= 255:
            statuses.append(1)
            deltas += bytes((delta,))
        else:
            statuses.append(2)
            deltas += pack("!h", delta)
    head = pack("!HHI", base & 0xFFFF, len(statuses), (reference & 0xFFFFFF) << 8 | feedback_count & 0xFF)
    body = head + _chunks(statuses) + deltas
    return body + bytes(-len(body) % 4)


def _chunks(statuses: list[int]) -> bytes:
    chunks = b""
    at = 0
    while at < len(statuses):
        run = 1
        while at + run < len(statuses) and statuses[at + run] == statuses[at] and run < 0x1FFF:
            run += 1
        if run >= 7:
            chunks += pack("!H", statuses[at] << 13 | run)
            at += run
        else:
            symbols = [*statuses[at : at + 7], 0, 0, 0, 0, 0, 0][:7]
            word = 0xC000
            for index, status in enumerate(symbols):
                word |= status << 12 - 2 * index
            chunks += pack("!H", word)
            at += 7
    return chunks
