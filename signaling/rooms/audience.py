"""Whom a publisher lets subscribe to which of its tracks, those published later included (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from livekit.protocol.rtc import SubscriptionPermission


@dataclass(frozen=True, slots=True)
class Audience:
    """Everyone may have everything, or each identity what is listed for it: the sids of tracks, or None for all."""

    everyone: bool = True
    listed: Mapping[str, frozenset[str] | None] = field(default_factory=dict)

    def permits(self, identity: str, track_sid: str) -> bool:
        """Whether that participant may subscribe to that track."""
        if self.everyone:
            return True
        if identity not in self.listed:
            return False
        sids = self.listed[identity]
        return sids is None or track_sid in sids


def read(request: SubscriptionPermission, identities: Mapping[str, str]) -> Audience:
    """What a request allows; `identities` finds the identity of a participant named by sid."""
    listed: dict[str, frozenset[str] | None] = {}
    for entry in request.track_permissions:
        identity = entry.participant_identity or identities.get(entry.participant_sid, "")
        if identity:
            listed[identity] = None if entry.all_tracks else frozenset(entry.track_sids)
    return Audience(everyone=request.all_participants, listed=listed)
