"""How much a subscriber's link carries (pure).

Delay tells first: packets that leave evenly and arrive later and later fill a queue somewhere. Then the limit is what
really arrived. It grows again slowly while it is used, and by probing when more is wanted than it allows.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from librt.vecs import vec
from mypy_extensions import i64

from signaling.sfu.formats.twcc import LOST, REFERENCE_SECONDS
from signaling.sfu.link.probing import FACTOR, FITTING_SHARE, MARGIN, Probe
from signaling.sfu.network.departures import Departures

HISTORY: Final = 4096
"""Sent packets and delays remembered at most, a power of two: some seconds of several videos."""
FIRST_HISTORY: Final = 512
"""As many as are enough while feedback comes in time."""
MOST_OVER: Final = 64
"""Delays that are over and not yet freed."""
NOT_SENT: Final = -1
CLOCK_SECONDS: Final = 2**24 * REFERENCE_SECONDS
"""After this long, twelve days, a receiver's clock begins anew."""
NEVER: Final = float("inf")
NO_LIMIT: Final = float("inf")
BASE_SECONDS: Final = 30.0
"""The least delay of this long stands for the empty link; clocks drift by a few milliseconds in it."""
RATE_SECONDS: Final = 0.5
MAX_FEEDBACKS: Final = 128
STANDING_SECONDS: Final = 0.4
"""A queue from which not one packet escaped for this long is congestion; radio jitter lets some through (RFC 8289)."""
QUEUE_SECONDS: Final = 0.080
DRAIN_SECONDS: Final = 1.0
"""How long after a limit was taken a queue may take to begin to shrink."""
LOSS_SHARE: Final = 0.15
LOSS_PACKETS: Final = 300
"""Radio loses in bursts: of fewer packets, a link that loses 5% seems to lose 15% every other minute."""
BACK_OFF: Final = 0.85
GROWTH_PER_SECOND: Final = 0.08
SLOW_GROWTH_PER_SECOND: Final = 0.02
NEAR = (0.9, 1.4)
"""Near what arrived at the last congestion, from the one to the other share of it, growth goes slowly."""
USED_SHARE: Final = 0.75
"""A limit of which less than this is used is not tested by what is sent: then only a probe raises it."""
FIRST_HOLD_SECONDS: Final = 2.0
LONGEST_HOLD_SECONDS: Final = 60.0
PROBE_PAUSE_FACTOR: Final = 1.5
LONGEST_PROBE_PAUSE_SECONDS: Final = 20.0
"""Each probe that finds no room makes the next wait longer, but not for long: it costs sound little (see probing)."""
TRIAL_SECONDS: Final = 30.0
"""Congestion before the limit has grown for this long: growing was wrong, and the next try waits twice as long."""
LEAST_BPS: Final = 30_000.0
UNLIMITED_BPS: Final = 20_000_000.0
"""A limit that has grown to this is no limit."""


class Least:
    """The least of the values added in the last `seconds`."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        # Rising values, and when each came; those before `first` are over.
        self._values: list[float] = []
        self._times: list[float] = []
        self._first = 0

    @property
    def value(self) -> float:
        """Infinity before the first."""
        return self._values[self._first] if self._values else NEVER

    def add(self, at: float, value: float) -> None:
        """Take a value; times do not go back."""
        while len(self._values) > self._first and self._values[-1] >= value:
            self._values.pop()
            self._times.pop()
        self._values.append(value)
        self._times.append(at)
        while self._times[self._first] < at - self._seconds:
            self._first += 1
        self._first = max(self._first, len(self._values) - HISTORY)
        if self._first >= MOST_OVER:
            del self._values[: self._first]
            del self._times[: self._first]
            self._first = 0


class LinkEstimate:
    """The limit of one peer's downlink, from transport-wide feedback; None while nothing shows a limit."""

    def __init__(self) -> None:
        self.limit_bps: float | None = None
        self.probe: Probe | None = None
        self._sent = vec[i64]([NOT_SENT] * FIRST_HISTORY)
        self._mask = FIRST_HISTORY - 1
        self._departures: Departures | None = None
        self._next_reported = NOT_SENT
        self._arrived: deque[tuple[float, int]] = deque(maxlen=MAX_FEEDBACKS)
        self._base = Least(BASE_SECONDS)
        self._standing = Least(STANDING_SECONDS)
        self._first_at: float | None = None
        self._received = self._lost = 0
        self._hold_until = 0.0
        self._hold_seconds = FIRST_HOLD_SECONDS
        self._grown_at = 0.0
        self._congested_bps = LEAST_BPS
        self._queue_noted = (0.0, 0.0)
        self._is_raised = False
        self._is_probed = False
        self._probe_after = self._probe_ended_at = 0.0
        self._probe_pause_seconds = FIRST_HOLD_SECONDS

    def forget_path(self) -> None:
        """What is sent from now on goes another way: what was measured of delays says nothing of it."""
        self._base, self._standing = Least(BASE_SECONDS), Least(STANDING_SECONDS)
        self._first_at = None
        # Else packets still under way would tell of the old way's.
        self._sent = vec[i64]([NOT_SENT] * len(self._sent))

    def sent(self, sequence: int, size: int, departures: Departures) -> None:
        """Note a packet of `size` bytes in a wire's present batch, under a 16-bit transport-wide number."""
        if departures is not self._departures:
            # Another wire counts its batches from another number.
            self._departures = departures
            self._sent = vec[i64]([NOT_SENT] * len(self._sent))
        # One number each, and not an object: there are many, and they are gone from all caches when read.
        self._sent[sequence & self._mask] = departures.batch << 32 | size << 16 | sequence

    def feedback(self, base: int, arrivals: list[float], now: float) -> None:
        """Take when packets from number `base` on arrived, by the receiver's clock, or LOST (see `twcc.parse`)."""
        departures = self._departures
        if departures is None:
            return
        is_too_short = False
        octets, newest, least = self._skipped_octets(base), LOST, NEVER
        ahead = self._clock_ahead(arrivals)
        self._next_reported = base + len(arrivals) & 0xFFFF
        for index in range(len(arrivals)):
            sequence = base + index & 0xFFFF
            slot = sequence & self._mask
            entry = self._sent[slot]
            if entry == NOT_SENT:
                continue
            if entry & 0xFFFF != sequence:
                is_too_short = True
                continue
            self._sent[slot] = NOT_SENT
            left_at = departures.left_at(entry >> 32)
            if left_at < 0.0:
                continue
            arrived = arrivals[index] if arrivals[index] == LOST else arrivals[index] + ahead
            if self.probe is not None:
                self.probe.heard(left_at, None if arrived == LOST else arrived - left_at)
            if arrived == LOST:
                self._lost += 1
                continue
            self._received += 1
            octets += entry >> 16 & 0xFFFF
            newest = max(newest, arrived)
            least = min(least, arrived - left_at)
        if is_too_short and len(self._sent) < HISTORY:
            self._lengthen()
        if least < NEVER:
            self._arrived.append((newest, octets))
            while self._arrived[0][0] < newest - 2 * RATE_SECONDS:
                self._arrived.popleft()
            self._base.add(newest, least)
            self._standing.add(newest, least)
            if self._first_at is None:
                self._first_at = newest
            self._judge(now)

    def _clock_ahead(self, arrivals: list[float]) -> float:
        """What is to be added to a receiver's times, so that they go on where its clock began anew."""
        if not self._arrived:
            return 0.0
        for arrived in arrivals:
            if arrived != LOST:
                ahead = self._arrived[-1][0] - arrived
                return 0.0 if abs(ahead) < CLOCK_SECONDS / 2 else CLOCK_SECONDS * round(ahead / CLOCK_SECONDS)
        return 0.0

    def _skipped_octets(self, base: int) -> int:
        """The size of what another feedback would have told of, had it not been lost: not to hear is not to lose."""
        octets = 0
        ahead = (base - self._next_reported & 0xFFFF) if self._next_reported != NOT_SENT else 0
        for sequence in range(self._next_reported, self._next_reported + (ahead if ahead < len(self._sent) else 0)):
            slot = sequence & self._mask
            entry = self._sent[slot]
            if entry != NOT_SENT and entry & 0xFFFF == sequence & 0xFFFF:
                self._sent[slot] = NOT_SENT
                octets += entry >> 16 & 0xFFFF
        return octets

    def _lengthen(self) -> None:
        """Remember twice as many: a packet was forgotten before feedback about it came."""
        entries = [entry for entry in self._sent if entry != NOT_SENT]
        self._sent = vec[i64]([NOT_SENT] * (2 * len(self._sent)))
        self._mask = len(self._sent) - 1
        for entry in entries:
            self._sent[entry & self._mask] = entry

    def try_more(self, wanted_bps: float, now: float, *, possible: bool) -> None:
        """Begin a probe when more is wanted than the limit, unless the last congestion or probe was a moment ago."""
        self._is_probed = possible
        limit = self.limit_bps
        if not possible or limit is None or wanted_bps <= limit or self.probe is not None or now <= self._probe_after:
            return
        self.probe = Probe(min(FACTOR * limit, MARGIN * wanted_bps), self.arrival_bps(), now)

    def judge_probe(self, now: float) -> None:
        """Take the result of a probe once it is there."""
        found = self.probe.measured_bps(now) if self.probe is not None else None
        if self.probe is None or found is None:
            return
        # Jitter alone can let a burst seem to fit a link that it does not, and what would follow it stays.
        limit = BACK_OFF * found
        is_room = found >= FITTING_SHARE * self.probe.target_bps and limit > (self.limit_bps or 0.0)
        self.probe, self._probe_ended_at = None, now
        # What a burst queued is no congestion, and drains soon.
        self._standing = Least(STANDING_SECONDS)
        self._first_at = None
        if is_room:
            self.limit_bps = limit
            self._is_raised = True
            self._probe_pause_seconds = FIRST_HOLD_SECONDS
        else:
            self._probe_after = now + self._probe_pause_seconds
            self._probe_pause_seconds = min(LONGEST_PROBE_PAUSE_SECONDS, self._probe_pause_seconds * PROBE_PAUSE_FACTOR)

    def _judge(self, now: float) -> None:
        if self._is_lossy():
            self._back_off(now)
        elif self.probe is None and self._is_queued():
            if self._is_draining(now):
                self._hold_until = self._probe_after = now + self._hold_seconds
            else:
                self._back_off(now)
        elif self.limit_bps is not None and now > self._hold_until and self._is_used(now):
            self._grow(now)
        self.judge_probe(now)

    def _is_queued(self) -> bool:
        if self._first_at is None or self._arrived[-1][0] - self._first_at < STANDING_SECONDS:
            return False
        return self._standing.value - self._base.value > QUEUE_SECONDS

    def _is_lossy(self) -> bool:
        total = self._received + self._lost
        if total < LOSS_PACKETS:
            return False
        share = self._lost / total
        self._received = self._lost = 0
        return share > LOSS_SHARE

    def _back_off(self, now: float) -> None:
        if now - self._hold_until > TRIAL_SECONDS:
            self._hold_seconds = FIRST_HOLD_SECONDS
        elif self._is_raised:
            self._hold_seconds = min(LONGEST_HOLD_SECONDS, self._hold_seconds * 2)
        self._hold_until = self._probe_after = now + self._hold_seconds
        self._probe_pause_seconds = FIRST_HOLD_SECONDS
        self._grown_at = 0.0
        self._is_raised = False
        self.probe = None
        self._congested_bps = max(LEAST_BPS, self.arrival_bps(), self.arrival_bps(2 * RATE_SECONDS))
        self.limit_bps = max(LEAST_BPS, BACK_OFF * self._congested_bps)

    def _is_draining(self, now: float) -> bool:
        """Whether the queue of the last congestion shrinks already: what comes out of it then is no measure."""
        queue_seconds = self._standing.value - self._base.value
        noted_at, noted_seconds = self._queue_noted
        if now < self._hold_until and now < noted_at + DRAIN_SECONDS and queue_seconds < noted_seconds + QUEUE_SECONDS:
            return True
        self._queue_noted = (now, queue_seconds)
        return now < self._hold_until and queue_seconds < noted_seconds

    def _is_used(self, now: float) -> bool:
        """Whether what is sent anyway tests the limit, or nothing else can."""
        if not self._is_probed:
            return True
        was_probed = self.probe is not None or now - self._probe_ended_at < 2 * RATE_SECONDS
        return not was_probed and self.arrival_bps() >= USED_SHARE * (self.limit_bps or 0.0)

    def _grow(self, now: float) -> None:
        if self.limit_bps is None:
            return
        if self._grown_at:
            is_near = NEAR[0] < self.limit_bps / self._congested_bps < NEAR[1]
            growth = SLOW_GROWTH_PER_SECOND if is_near else GROWTH_PER_SECOND
            self.limit_bps *= 1 + growth * min(1.0, now - self._grown_at)
            self._is_raised = True
        self._grown_at = now
        if self.limit_bps >= UNLIMITED_BPS:
            self.limit_bps = None

    def arrival_bps(self, seconds: float = RATE_SECONDS) -> float:
        """What arrived in about the last `seconds` of the receiver's time, at most 1."""
        if not self._arrived:
            return 0.0
        newest = self._arrived[-1][0]
        begin, size = newest - seconds, 0
        for arrived, octets in reversed(self._arrived):
            if arrived <= begin:
                # Of the feedback before this all had arrived by then.
                begin = arrived
                break
            size += octets
        return 8 * size / (newest - begin)
