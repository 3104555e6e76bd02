"""A participant: identity and grants, tracks, and the two directions of media."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from livekit.protocol.models import (
    ClientInfo,
    DisconnectReason,
    ParticipantInfo,
    ParticipantPermission,
    TrackInfo,
)
from livekit.protocol.rtc import SignalResponse

from signaling import bounds, ids, tokens
from signaling.allowance import Allowance
from signaling.rooms.audience import Audience
from signaling.rooms.tracks import Subscription, Track, Wishes
from signaling.tokens import Claims

if TYPE_CHECKING:
    from signaling.negotiation.offers import ClientOffers
    from signaling.negotiation.subscriber import ServerOffers
    from signaling.rooms.data import DataChannels
    from signaling.rooms.room import Room
    from signaling.sfu.receiving.uplink import Uplink

Send = Callable[[SignalResponse], None]

BURST_SECONDS = 5.0
"""Someone who joins publishes, mutes and names things all at once."""
MAX_REFUSED = 64
"""Ids of tracks that were refused, and of those that were taken away, that are remembered of one participant."""

_KINDS = {name.lower(): kind for name, kind in ParticipantInfo.Kind.items()}


class Participant:
    """Someone in a room. The session behind it may lose and regain its WebSocket."""

    def __init__(self, room: Room, claims: Claims, client: ClientInfo, *, auto_subscribe: bool) -> None:
        self.room = room
        self.claims = claims
        self.client = client
        self.sid = ids.new(ids.PARTICIPANT)
        self.identity = claims.identity
        self.name = claims.name
        self.metadata = claims.metadata
        self.attributes = dict(claims.attributes)
        self.auto_subscribe = auto_subscribe
        self.state: int = ParticipantInfo.JOINING
        self.joined_at, self.began_at = time.time(), time.monotonic()
        self.version = 0
        rate = room.settings.limits.announcements_per_second
        self.announcements = Allowance(rate, BURST_SECONDS * rate, BURST_SECONDS * rate, time.monotonic())
        self.is_changed = False
        self.told_counts = (0, 0)
        self.told_levels: dict[str, float] = {}
        self.told_quality: dict[str, int] = {}
        self.disconnect_reason: int = DisconnectReason.UNKNOWN_REASON
        self.tracks: dict[str, Track] = {}
        self.unclaimed: dict[Uplink, str] = {}
        """Media that was offered and that no track was announced for, with the id that it was offered under."""
        self.refused: deque[str] = deque(maxlen=MAX_REFUSED)
        """Ids of tracks that may not be published, although their media may be offered."""
        self.withdrawn: deque[tuple[str, float]] = deque(maxlen=MAX_REFUSED)
        """Sids of tracks that were taken away against the client's wish, each with the time of it."""
        self.audience = Audience()
        self.denied: set[str] = set()
        self.subscriptions: dict[str, Subscription] = {}
        self.explicit: dict[str, bool] = {}
        self.wishes: dict[str, Wishes] = {}
        self.offers: ClientOffers | None = None
        self.subscriber: ServerOffers | None = None
        self.data: DataChannels | None = None
        self.signal: Any = None
        self.signal_lost_at: float | None = None
        self.last_request_at = time.monotonic()
        self.comebacks_to_cut = 0
        self.comebacks_to_refuse = 0
        self.refresh_at = 0.0
        self.ptime_ms: int = room.settings.room.audio_ptime_ms
        self.ping_rtt_ms = 0

    @property
    def receiver(self) -> ClientOffers | ServerOffers | None:
        """The connection on which this participant receives media."""
        return self.subscriber or self.offers

    @property
    def has_narrow_link(self) -> bool:
        """Whether sound in short packets takes too much of the link, one way or the other.

        Who is far away is given the benefit of the doubt only while there is nothing to send.
        """
        sides = [side.peer for side in (self.offers, self.subscriber) if side is not None]
        return any(peer.is_narrow or (self.tracks and peer.reception.strain.may_be_narrow) for peer in sides)

    @property
    def has_narrowest_link(self) -> bool:
        """Whether what this participant sends is hardly more than sound can be."""
        return self.offers is not None and self.offers.peer.reception.strain.is_narrowest

    @property
    def sends_opaque_sound(self) -> bool:
        """Whether what this participant says can be joined to longer packets by nobody between."""
        return any(track.kind == "audio" and track.is_opaque for track in self.tracks.values())

    def receive_packets(self, milliseconds: int) -> None:
        """Get sound in packets of this length; 0 for as they come."""
        if self.receiver is not None:
            self.receiver.peer.packet_ms = milliseconds

    def send_packets(self, milliseconds: int) -> None:
        """Ask this participant for sound in packets of this length, in another offer if it has sound already."""
        if milliseconds != self.ptime_ms:
            self.ptime_ms = milliseconds
            if self.offers is not None and any(track.kind == "audio" for track in self.tracks.values()):
                self.offers.renew()

    @property
    def is_hidden(self) -> bool:
        """Whether others must not see this participant."""
        return self.claims.video.hidden

    @property
    def is_present(self) -> bool:
        """Whether this one is in the room: neither gone nor replaced by a newer session of the same identity."""
        return self.room.participants.get(self.identity) is self

    @property
    def is_publisher(self) -> bool:
        """Whether anything is published."""
        return any(track.is_published for track in self.tracks.values())

    def send(self, response: SignalResponse) -> None:
        """Queue a message; without a WebSocket it is dropped, a resume sends the whole state again."""
        if self.signal is not None:
            self.signal.send(response)

    def info(self) -> ParticipantInfo:
        """What others are shown."""
        return ParticipantInfo(
            sid=self.sid,
            identity=self.identity,
            state=self.state,  # type: ignore[arg-type]
            tracks=[track.info for track in self.tracks.values() if track.is_published],
            metadata=self.metadata,
            joined_at=int(self.joined_at),
            joined_at_ms=int(self.joined_at * 1000),
            name=self.name,
            version=self.version,
            permission=tokens.permission(self.claims.video),
            is_publisher=self.is_publisher,
            kind=_KINDS.get(self.claims.kind.lower(), ParticipantInfo.STANDARD),  # type: ignore[arg-type]
            attributes=self.attributes,
            disconnect_reason=self.disconnect_reason,  # type: ignore[arg-type]
            client_protocol=self.client.client_protocol,
            capabilities=self.client.capabilities,
        )

    def set_permission(self, wanted: ParticipantPermission) -> bool:
        """Take new permissions. False when nothing changes."""
        claims = tokens.with_permission(self.claims, wanted)
        if claims == self.claims:
            return False
        self.claims = claims
        return True

    def set_details(self, *, name: str, metadata: str, attributes: dict[str, str]) -> None:
        """Take a new name and metadata where given; an attribute set to nothing is removed.

        Raises InvalidArgumentError, and changes nothing, when one of them is too large.
        """
        merged = {key: value for key, value in (self.attributes | attributes).items() if value}
        bounds.check_names(self.room.settings, (name,))
        bounds.check_metadata(self.room.settings, metadata)
        bounds.check_attributes(self.room.settings, merged)
        self.name = name or self.name
        self.metadata = metadata or self.metadata
        self.attributes = merged
        self.claims = replace(self.claims, name=self.name, metadata=self.metadata, attributes=dict(self.attributes))

    def track_of(self, cid: str) -> Track | None:
        """The track announced under a client's own id; of two, the one that is not published yet."""
        named = [track for track in self.tracks.values() if cid in track.cids]
        return min(named, key=lambda track: track.is_published, default=None)

    def claim(self, track: Track, cid: str) -> Uplink | None:
        """The media of a track that is announced after it was offered: under its id, else what nobody announced yet.

        A client that comes back sends its offers at once, while its announcements wait in a queue.
        """
        named = self.offers.uplink_of(cid) if self.offers is not None else None
        if named is not None and any(named in (known.uplink, known.backup) for known in self.tracks.values()):
            named = None
        fitting = (
            (uplink, offered)
            for uplink, offered in self.unclaimed.items()
            if uplink.kind == track.kind and offered not in self.refused and not track.is_published
        )
        found, offered = (named, cid) if named is not None else next(fitting, (None, ""))
        if found is not None:
            self.unclaimed.pop(found, None)
            track.cids.setdefault(offered, track.first_codec)
        return found

    def awaits(self, cid: str) -> bool:
        """Whether a track was announced under this id that has no media yet."""
        track = self.track_of(cid)
        return track is not None and not track.is_published

    def track_for(self, cid: str, kind: str) -> Track | None:
        """The track whose media is described under this id.

        A track that is published again gets another id from libwebrtc than it was announced under; then it is the first
        of this kind that waits for its media, as with LiveKit's server. What was refused is nobody's.
        """
        waiting = (track for track in self.tracks.values() if track.kind == kind and not track.is_published)
        return self.track_of(cid) or (None if cid in self.refused else next(waiting, None))

    def add_track(self, info: TrackInfo, cid: str) -> Track:
        """Announce a track; it is published once its media is negotiated."""
        track = Track(self, info, cid)
        self.tracks[info.sid] = track
        return track
