"""Who left a room lately (pure): whoever was away meanwhile must hear of it when it comes back."""

from __future__ import annotations

from collections import deque

from livekit.protocol.models import ParticipantInfo

MAX_DEPARTED = 500
"""Of more, those that left first are forgotten. LiveKit remembers 128 for each participant."""


class Departed:
    """Those who left, the latest last, each with the time of it on the monotonic clock."""

    def __init__(self) -> None:
        self._left: deque[tuple[float, ParticipantInfo]] = deque(maxlen=MAX_DEPARTED)

    def note(self, info: ParticipantInfo, now: float) -> None:
        """Remember somebody, with what a client needs to take it away: its tracks are gone anyway."""
        known = ParticipantInfo(
            sid=info.sid,
            identity=info.identity,
            state=info.state,
            version=info.version,
            disconnect_reason=info.disconnect_reason,
        )
        self._left.append((now, known))

    def since(self, time: float) -> list[ParticipantInfo]:
        """Those who left at this time or later, in that order."""
        return [info for left_at, info in self._left if left_at >= time]

    def forget(self, before: float) -> None:
        """Forget those who left before this time."""
        while self._left and self._left[0][0] < before:
            self._left.popleft()
