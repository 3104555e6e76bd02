"""Whether sound is held up on its way here, so that pictures on the same way should make room, or give way (pure).

Clients estimate their uplink themselves, but a browser never sends less than some 30 kbit/s of video: on a link of 60
or 20 kbit/s that is what delays and loses the voice, and only being told what there is room for, or to stop, helps.
"""

from __future__ import annotations

from collections import deque
from typing import Final, NamedTuple

from signaling.sfu.link.bandwidth import BASE_SECONDS, NO_LIMIT, Least

STANDING_SECONDS: Final = 1.0
CALM_SECONDS: Final = 0.1
FULL_SECONDS: Final = 0.2
"""A queue shorter than the one is no queue, and one longer than the other says what the link carries."""
HELD_UP_SECONDS: Final = 0.3
"""A queue longer than this in front of sound is heard; a sender's own estimate keeps it well below, if it can."""
LOST_SHARE: Final = 0.2
LOST_PACKETS: Final = 30
LOST_SECONDS: Final = 4.0
"""A queue that was full before the first word shows no delay beyond its own; then what it drops tells."""
SILENT_SECONDS: Final = 5.0
"""Who has no microphone any more has no sound to hold up; of a silence some packets come each second."""
PATIENCE_SECONDS: Final = 1.5
"""How long a sender may try on its own: a first estimate is often too high."""
LONG_SECONDS: Final = 0.8
SHORT_QUEUE_PATIENCE_SECONDS: Final = 4.0
"""How long a sender may try while the queue is shorter than this."""
DRAINED_SECONDS: Final = 0.05
"""A queue that has become shorter by so much is being drained, and patience begins anew: of 60 kbit/s not much is left
for that, because a browser makes no picture of less than some 30."""
LONGEST_PATIENCE_SECONDS: Final = 10.0
RATE_SECONDS: Final = 1.0
WIDE_BPS: Final = 100_000
WIDE_PATIENCE_SECONDS: Final = 8.0
WIDE_HELD_UP_SECONDS: Final = 1.0
"""So much arrives only on links that carry sound and a small picture. A browser finds that out within some seconds, and
then lets a queue of half a second stand; that is late sound, but not lost sound."""
FIRST_HOLD_SECONDS: Final = 30.0
LONGEST_HOLD_SECONDS: Final = 240.0
"""Each try costs some seconds of the voice, where not even the smallest picture fits beside it."""
CEILING_SHARE: Final = 0.75
"""What a publisher is told of what arrived while its link was full: not all of that was new, and headers count too."""
LEAST_BPS: Final = 8_000.0
"""After a tunnel little or nothing has arrived lately, which is no measure of the link."""
ENOUGH_BPS: Final = 28_000.0
SHORT_HOLD_SECONDS: Final = 10.0
"""A link of which this is the share carries a voice in long packets and the smallest picture: a try costs little."""
FAR_SECONDS: Final = 0.35
"""A round trip as on EDGE or GPRS, or by a satellite: only the last carries more than a voice and a small picture."""
VERY_FAR_SECONDS: Final = 0.9
"""A handshake's flight of a kilobyte takes so long on GPRS alone, whose 20 kbit/s are little more than a voice: there
even the first try costs ten seconds of it, so it comes as late as if one had failed already."""
NEARER_SECONDS: Final = 0.75
"""The handshake's last answer is short, and so is its way: on EDGE it takes 0.5 to 0.7 s, on GPRS 0.75 to 1.2."""
START_BPS: Final = 44_000.0
FIRST_GROWTH_PER_SECOND: Final = 0.3
NEAR_GROWTH_PER_SECOND: Final = 0.02
WIDER: Final = 1.25
WIDER_GROWTH_PER_SECOND: Final = 0.15
"""Where more arrives by this factor than when the link was full, it has widened."""
USED_SHARE: Final = 0.7
"""Less than this of what was told does not test it, unless as much arrives as no EDGE link carries."""
LIFTED_BPS: Final = 2 * WIDE_BPS
RELAPSE_SECONDS: Final = 60.0
"""Held up again this soon after pictures came back: they do not fit, and the next try waits twice as long."""
JUMP_SECONDS: Final = 10.0
"""A transit that differs by this much is of another clock: another track, or timestamps that wrapped."""


class _Verdict(NamedTuple):
    """What was decided of an uplink."""

    is_yielding: bool
    is_narrow: bool
    ceiling_bps: float
    full_bps: float
    until: float


class Strain:
    """The uplink of one connection, seen from its sound."""

    def __init__(self) -> None:
        self.is_yielding = False
        self.is_narrow = False
        """Whether pictures had to give way on little more than sound takes, and no more has got through since."""
        self.is_narrowest = False
        """Whether it carries hardly more than sound in the longest packets, and no more has got through since."""
        self.ceiling_bps = NO_LIMIT
        self._full_bps = 0.0
        self._judged_at = 0.0
        self._transit: float | None = None
        self._base = Least(BASE_SECONDS)
        self._standing = Least(STANDING_SECONDS)
        self._counts: deque[tuple[float, int, int]] = deque()
        self._octets: deque[tuple[float, int]] = deque()
        self._since: float | None = None
        self._drained_at = self._longest = 0.0
        self._until = 0.0
        self._before: _Verdict | None = None
        self._hold_seconds = FIRST_HOLD_SECONDS

    @property
    def may_be_narrow(self) -> bool:
        """Whether nothing has shown yet that it carries more than a voice and a small picture."""
        return self.ceiling_bps < NO_LIMIT

    def begin(self, round_trip_seconds: float, now: float) -> None:
        """Have a publisher that is far away begin with little, and one that is very far away with sound alone."""
        if round_trip_seconds > FAR_SECONDS:
            self.ceiling_bps = START_BPS
        if round_trip_seconds > VERY_FAR_SECONDS:
            self.is_narrowest = self.is_narrow = self.is_yielding = True
            self._hold_seconds = 2 * FIRST_HOLD_SECONDS
            self._until = now + self._hold_seconds

    def come_nearer(self, round_trip_seconds: float) -> None:
        """Take back what `begin` supposed, where the handshake's last answer shows that it was told too long a time."""
        if self.is_narrowest and round_trip_seconds <= NEARER_SECONDS:
            self.is_narrowest = self.is_narrow = self.is_yielding = False
            self._hold_seconds = FIRST_HOLD_SECONDS
            self._until = 0.0
        if self.ceiling_bps == START_BPS and round_trip_seconds <= FAR_SECONDS:
            self.ceiling_bps = NO_LIMIT

    def forget_path(self) -> None:
        """What comes from now on comes another way: how long it was under way before says nothing of it."""
        self._transit = None

    def forget_delay(self) -> None:
        """What seemed late was spoken later: nothing that was decided because of it stands."""
        if self._before is not None:
            self.is_yielding, self.is_narrow, self.ceiling_bps, self._full_bps, self._until = self._before
        self._transit = self._since = self._before = None

    def heard(self, transit: float, now: float, *, expected: int, received: int) -> None:
        """Take how many seconds a packet of sound was under way, give or take a constant, and all packets so far."""
        if self._transit is None or abs(transit - self._transit) > JUMP_SECONDS:
            self._base, self._standing = Least(BASE_SECONDS), Least(STANDING_SECONDS)
            self._counts.clear()
            self._since = self._before = None
        self._transit = transit
        self._base.add(now, transit)
        self._standing.add(now, transit)
        self._counts.append((now, expected, received))
        while self._counts[0][0] < now - LOST_SECONDS:
            self._counts.popleft()

    def _is_silent(self, now: float) -> bool:
        return bool(self._counts) and now > self._counts[-1][0] + SILENT_SECONDS

    def queue_seconds(self, now: float) -> float:
        """How much longer than it need be all sound is under way."""
        return 0.0 if self._transit is None or self._is_silent(now) else self._standing.value - self._base.value

    def _is_lost(self) -> bool:
        if not self._counts:
            return False
        before, after = self._counts[0], self._counts[-1]
        expected, received = after[1] - before[1], after[2] - before[2]
        return expected >= LOST_PACKETS and expected - received > LOST_SHARE * expected

    @property
    def arriving_bps(self) -> float:
        """All that arrived in the last second or so, sound or not."""
        if not self._octets:
            return 0.0
        (began_at, before), (ended_at, after) = self._octets[0], self._octets[-1]
        return 8 * (after - before) / (ended_at - began_at) if ended_at > began_at else 0.0

    def judge(self, now: float, octets: int, *, has_pictures: bool = True) -> None:
        """Decide whether pictures give way; to be called a few times a second, with all octets that came so far.

        Padding and packets that came before count too: a browser that begins with too much sends many of them.
        """
        self._octets.append((now, octets))
        while self._octets[0][0] < now - RATE_SECONDS:
            self._octets.popleft()
        elapsed, self._judged_at = min(1.0, now - self._judged_at), now
        queue_seconds, is_wide = self.queue_seconds(now), self.arriving_bps >= WIDE_BPS
        bearable_seconds = WIDE_HELD_UP_SECONDS if is_wide else HELD_UP_SECONDS
        is_strained = queue_seconds > bearable_seconds or (self._is_lost() and not self._is_silent(now))
        if is_strained:
            self._note_queue(queue_seconds, now, has_pictures=has_pictures)
            if not self.is_yielding and self._is_patience_over(queue_seconds, now, is_wide=is_wide):
                self._hold_seconds = self._next_hold_seconds(now)
                self.is_yielding = True
                self.is_narrow |= not is_wide
                self._until = now + self._hold_seconds
            return
        is_over = self.is_yielding and now >= self._until
        self.is_yielding = self.is_yielding and not is_over
        if is_over or self._since is not None:
            # It was a queue, for it went: what was decided stands.
            self._since, self._before = None, self._verdict()
        if queue_seconds < CALM_SECONDS:
            self._before = None
            self._raise_ceiling(elapsed)
        elif queue_seconds > FULL_SECONDS and self.may_be_narrow and self._before is None:
            self._measure(has_pictures=has_pictures)

    def _note_queue(self, queue_seconds: float, now: float, *, has_pictures: bool) -> None:
        """Take how late sound is while it is held up, and at the beginning what arrives, if that is not known."""
        if self._since is None:
            if self._before is None or self._before.ceiling_bps == self.ceiling_bps:
                self._measure(has_pictures=has_pictures)
            self._since, self._longest, self._drained_at = now, queue_seconds, now
        elif queue_seconds < self._longest - DRAINED_SECONDS:
            self._longest, self._drained_at = queue_seconds, now
        self._longest = max(self._longest, queue_seconds)

    def _is_patience_over(self, queue_seconds: float, now: float, *, is_wide: bool) -> bool:
        patience = WIDE_PATIENCE_SECONDS if is_wide else PATIENCE_SECONDS
        if queue_seconds <= LONG_SECONDS:
            patience = max(patience, SHORT_QUEUE_PATIENCE_SECONDS)
        since = now if self._since is None else self._since
        return now - self._drained_at >= patience or now - since >= LONGEST_PATIENCE_SECONDS

    def _verdict(self) -> _Verdict:
        return _Verdict(self.is_yielding, self.is_narrow, self.ceiling_bps, self._full_bps, self._until)

    def _measure(self, *, has_pictures: bool) -> None:
        """Take what arrives for what the link carries, if it can be that."""
        self._before = self._verdict()
        if has_pictures and LEAST_BPS < self.arriving_bps < WIDE_BPS and not self.is_yielding:
            self._full_bps = self.arriving_bps
            self.ceiling_bps = CEILING_SHARE * self._full_bps

    def _raise_ceiling(self, elapsed: float) -> None:
        if not self.is_yielding and self.arriving_bps > min(USED_SHARE * self.ceiling_bps, WIDE_BPS):
            self.ceiling_bps *= 1 + self._growth_per_second() * elapsed
            if self.ceiling_bps > LIFTED_BPS:
                self.ceiling_bps = NO_LIMIT
                self.is_narrow = self.is_narrowest = False

    def _growth_per_second(self) -> float:
        if not self._full_bps:
            return FIRST_GROWTH_PER_SECOND
        return WIDER_GROWTH_PER_SECOND if self.arriving_bps > WIDER * self._full_bps else NEAR_GROWTH_PER_SECOND

    def _next_hold_seconds(self, now: float) -> float:
        if self._until and now - self._until < RELAPSE_SECONDS:
            return min(LONGEST_HOLD_SECONDS, self._hold_seconds * 2)
        return SHORT_HOLD_SECONDS if self.ceiling_bps >= ENOUGH_BPS else FIRST_HOLD_SECONDS
