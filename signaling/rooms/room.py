"""Rooms: who is in, what they publish, who receives it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable

from livekit.protocol.models import (
    Codec,
    DataPacket,
    ParticipantInfo,
    ParticipantPermission,
    TrackInfo,
)
from livekit.protocol.models import Room as RoomInfo
from livekit.protocol.room import CreateRoomRequest, RoomConfiguration
from livekit.protocol.rtc import (
    LeaveRequest,
    MuteTrackRequest,
    ParticipantUpdate,
    RoomUpdate,
    SignalResponse,
    TrackUnpublishedResponse,
)

from signaling import ids, tokens
from signaling.config import Settings
from signaling.errors import NotFoundError
from signaling.operation.webhooks import Webhooks
from signaling.rooms import backup, packet_length, subscriptions
from signaling.rooms.departed import Departed
from signaling.rooms.nonces import Nonces
from signaling.rooms.participants import Participant
from signaling.rooms.tracks import Track
from signaling.sfu.receiving.uplink import Uplink

logger = logging.getLogger(__name__)

ENABLED_CODECS = ("audio/opus", "audio/red", "video/VP8", "video/H264", "video/VP9", "video/AV1", "video/rtx")
TOKEN_REFRESH_SECONDS = 300.0


class Room:
    """One room and the rules of who sees and hears whom."""

    def __init__(self, name: str, settings: Settings, webhooks: Webhooks) -> None:
        self.settings = settings
        self.webhooks = webhooks
        self.info = RoomInfo(
            sid=ids.new(ids.ROOM),
            name=name,
            empty_timeout=settings.room.empty_timeout,
            departure_timeout=settings.room.departure_timeout,
            max_participants=settings.room.max_participants,
            creation_time=int(time.time()),
            creation_time_ms=int(time.time() * 1000),
            enabled_codecs=[Codec(mime=mime) for mime in ENABLED_CODECS],
        )
        self.participants: dict[str, Participant] = {}
        self.idle_since = time.monotonic()
        self.was_joined = False
        self.departed = Departed()
        self.nonces = Nonces()

    @property
    def name(self) -> str:
        """The room's name."""
        return self.info.name

    def configure(self, wanted: RoomConfiguration | CreateRoomRequest) -> None:
        """Take timeouts, size and metadata where they are given."""
        self.info.empty_timeout = wanted.empty_timeout or self.info.empty_timeout
        self.info.departure_timeout = wanted.departure_timeout or self.info.departure_timeout
        self.info.max_participants = wanted.max_participants or self.info.max_participants
        self.info.metadata = wanted.metadata or self.info.metadata

    def snapshot(self) -> RoomInfo:
        """The room as clients and administrators see it now."""
        self.info.num_participants, self.info.num_publishers = self.counts()
        return self.info

    def counts(self) -> tuple[int, int]:
        """How many people and how many publishers there are to be seen."""
        visible = [p for p in self.participants.values() if not p.is_hidden]
        return len(visible), sum(p.is_publisher for p in visible)

    def find(self, identity: str) -> Participant:
        """The participant of that identity. Raises NotFoundError."""
        participant = self.participants.get(identity)
        if participant is None:
            raise NotFoundError("participant does not exist")
        return participant

    def others(self, participant: Participant) -> list[Participant]:
        """Everyone else."""
        return [p for p in self.participants.values() if p is not participant]

    def update_ptime(self) -> None:
        """Have sound packed as each link here needs it, and what cannot be joined as the poorest does.

        At a join, before something is published, and by the clock: who changes its mind all the time must not have
        anybody offer each time.
        """
        wanted = [(participant, self._packets_of(participant)) for participant in self.participants.values()]
        longest_ms = max((milliseconds for _, milliseconds in wanted), default=0)
        for participant, milliseconds in wanted:
            participant.receive_packets(milliseconds)
            participant.send_packets(longest_ms if participant.sends_opaque_sound else milliseconds)

    def _packets_of(self, participant: Participant) -> int:
        """How much sound a packet should carry to and from somebody, in milliseconds."""
        settings = self.settings.room
        asked_ms = packet_length.wanted_ms(settings.audio_ptime_ms, participant.attributes)
        if not participant.has_narrow_link:
            return asked_ms
        is_narrowest = participant.has_narrowest_link
        return max(asked_ms, packet_length.narrow_ms(settings.audio_ptime_narrow_ms, is_narrowest=is_narrowest))

    # Coming and going

    def join(self, participant: Participant) -> None:
        """Let someone in; the caller has made sure of room and identity."""
        self.participants[participant.identity] = participant
        self.was_joined = True
        participant.state = ParticipantInfo.JOINED
        self.update_ptime()

    def activate(self, participant: Participant) -> None:
        """The participant's media is connected."""
        if participant.state == ParticipantInfo.ACTIVE or not participant.is_present:
            return
        participant.state = ParticipantInfo.ACTIVE
        self.announce(participant)
        self.webhooks.tell("participant_joined", self.snapshot(), participant.info())
        for track in participant.tracks.values():
            if track.is_published:
                self._report("track_published", track)

    def leave(self, participant: Participant, reason: int) -> None:
        """Take someone out and tell the others. Connections are the caller's to close."""
        if not participant.is_present:
            return
        del self.participants[participant.identity]
        participant.disconnect_reason = reason
        for track in list(participant.tracks.values()):
            self.unpublish(track, tell=False)
        for subscription in list(participant.subscriptions.values()):
            subscriptions.unsubscribe(subscription)
        was_active = participant.state == ParticipantInfo.ACTIVE
        participant.state = ParticipantInfo.DISCONNECTED
        self.announce(participant)
        if not participant.is_hidden:
            self.departed.note(participant.info(), time.monotonic())
        event = "participant_left" if was_active else "participant_connection_aborted"
        self.webhooks.tell(event, self.snapshot(), participant.info())
        if not self.participants:
            self.idle_since = time.monotonic()

    # Telling

    def announce(self, participant: Participant) -> None:
        """Send a participant's new state to whoever may see it, the participant included.

        Someone who changes all the time is announced by the clock instead: a flood would cut others off.
        """
        is_gone = participant.state == ParticipantInfo.DISCONNECTED
        participant.is_changed = not is_gone and not participant.announcements.take(1, time.monotonic())
        if participant.is_changed:
            return
        participant.version += 1
        update = SignalResponse(update=ParticipantUpdate(participants=[participant.info()]))
        for other in list(self.participants.values()):
            if other is participant or not participant.is_hidden:
                other.send(update)

    def announce_room(self, to: Iterable[Participant] | None = None) -> None:
        """Send the room's new state to everyone, or to those named."""
        update = SignalResponse(room_update=RoomUpdate(room=self.snapshot()))
        counts = self.counts()
        for participant in list(self.participants.values() if to is None else to):
            participant.told_counts = counts
            participant.send(update)

    def addressees(self, identities: Iterable[str], sids: Iterable[str]) -> list[str]:
        """The identities meant; a sid that nobody has stands for nobody rather than for everyone."""
        by_sid = {participant.sid: participant.identity for participant in self.participants.values()}
        return [*identities, *(by_sid.get(sid, "") for sid in sids)]

    def send_data(self, packet: DataPacket, sender: Participant | None, identities: Iterable[str]) -> None:
        """Hand a data packet to those named, or to everyone but its sender; one sent before is left out."""
        if self.nonces.is_repeated(packet.user.nonce):
            return
        named = set(identities)
        payload = packet.SerializeToString()
        for participant in list(self.participants.values()):
            if participant is sender or participant.data is None:
                continue
            if not named or participant.identity in named:
                participant.data.send(packet, payload)

    # Tracks

    def take_media(self, track: Track, cid: str, uplink: Uplink) -> None:
        """Media is negotiated under one of a track's ids: it is published, or has its second codec."""
        if not track.is_published:
            self.publish(track, uplink)
        elif track.backup is None and track.cids.get(cid) == track.backup_codec != "":
            backup.begin(track, uplink)

    def publish(self, track: Track, uplink: Uplink) -> None:
        """A track's media is negotiated: let others have it."""
        track.uplink = uplink
        uplink.set_muted(track.info.muted)
        uplink.is_opaque = track.is_opaque
        track.info.mid = uplink.mid
        for codec in track.info.codecs[:1]:
            codec.mid = uplink.mid
        if not track.info.mime_type:
            track.info.mime_type = f"{uplink.kind}/{uplink.codec.name}"
        self.announce(track.publisher)
        self._report("track_published", track)
        for participant in self.others(track.publisher):
            subscriptions.reconcile(self, participant)

    def unpublish(self, track: Track, *, tell: bool) -> None:
        """Take a track away from everyone; `tell` its publisher when it was not the publisher's own wish."""
        publisher = track.publisher
        publisher.tracks.pop(track.sid, None)
        for participant in self.participants.values():
            participant.explicit.pop(track.sid, None)
            participant.wishes.pop(track.sid, None)
        for subscription in list(track.subscriptions.values()):
            subscriptions.unsubscribe(subscription)
        if track.uplink is None:
            return
        track.set_muted(muted=True)
        if tell:
            publisher.withdrawn.append((track.sid, time.monotonic()))
            publisher.send(SignalResponse(track_unpublished=TrackUnpublishedResponse(track_sid=track.sid)))
        self._report("track_unpublished", track)
        if publisher.identity in self.participants:
            self.announce(publisher)

    def _report(self, event: str, track: Track) -> None:
        """Tell applications of a track; those of whom they have not heard that they joined have none yet."""
        if track.publisher.state == ParticipantInfo.ACTIVE:
            self.webhooks.tell(event, self.snapshot(), track.publisher.info(), track.info)

    def mute(self, track: Track, *, muted: bool, by_admin: bool) -> TrackInfo:
        """Stop or go on forwarding a track and let everyone know."""
        track.info.muted = muted
        track.set_muted(muted=muted)
        if by_admin:
            track.silenced_at = time.monotonic()
            track.publisher.send(SignalResponse(mute=MuteTrackRequest(sid=track.sid, muted=muted)))
        self.announce(track.publisher)
        return track.info

    # Permissions

    def permit(self, participant: Participant, wanted: ParticipantPermission) -> None:
        """Change what a participant may do, at once and in both directions."""
        if not participant.set_permission(wanted):
            return
        for track in list(participant.tracks.values()):
            if not tokens.may_publish(participant.claims.video, track.info.source):
                self.unpublish(track, tell=True)
        subscriptions.reconcile(self, participant)
        self.announce(participant)
        self.refresh_token(participant)

    def refresh_token(self, participant: Participant) -> None:
        """Hand out a token of the present grants, good for coming back."""
        participant.refresh_at = time.monotonic() + TOKEN_REFRESH_SECONDS
        token = tokens.refresh(participant.claims, self.settings.keys, time.time())
        participant.send(SignalResponse(refresh_token=token))


async def disconnect(participant: Participant, reason: int, action: LeaveRequest.Action) -> None:
    """Say goodbye to a participant and close its connections."""
    participant.room.leave(participant, reason)
    leave = LeaveRequest(
        reason=reason,  # type: ignore[arg-type]
        action=action,
        can_reconnect=action != LeaveRequest.DISCONNECT,
    )
    participant.send(SignalResponse(leave=leave))
    signal, participant.signal = participant.signal, None
    if signal is not None:
        signal.finish()
    peers = [side.peer for side in (participant.offers, participant.subscriber) if side is not None]
    await asyncio.gather(*(peer.close() for peer in peers))
