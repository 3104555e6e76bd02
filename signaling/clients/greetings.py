"""What a client is told when it joins and when it comes back."""

from __future__ import annotations

import time
from typing import Final

from livekit.protocol.models import ClientConfiguration, ServerInfo
from livekit.protocol.rtc import (
    ICEServer,
    JoinResponse,
    MuteTrackRequest,
    ParticipantUpdate,
    ReconnectResponse,
    SignalResponse,
    TrackUnpublishedResponse,
)

from signaling import ids
from signaling.clients.connection import PING_INTERVAL_SECONDS, PING_TIMEOUT_SECONDS
from signaling.operation.turn import credentials
from signaling.rooms import watch, yielding
from signaling.rooms.participants import Participant

PROTOCOL: Final = 17
"""LiveKit 1.13.5's; the last step was packet trailers."""
VERSION: Final = "1.13.5"


def new_server_info() -> ServerInfo:
    """This server as clients see it, under a node id of its own."""
    return ServerInfo(version=VERSION, protocol=PROTOCOL, node_id=ids.new(ids.NODE), edition=ServerInfo.Standard)


def greet(participant: Participant, server_info: ServerInfo) -> None:
    """The first message of a session."""
    room = participant.room
    response = JoinResponse(
        room=room.snapshot(),
        participant=participant.info(),
        other_participants=[other.info() for other in room.others(participant) if not other.is_hidden],
        server_version=VERSION,
        server_info=server_info,
        ice_servers=_ice_servers(participant),
        subscriber_primary=participant.subscriber is not None and participant.claims.video.can_subscribe,
        client_configuration=ClientConfiguration(),
        ping_interval=PING_INTERVAL_SECONDS,
        ping_timeout=PING_TIMEOUT_SECONDS,
        enabled_publish_codecs=room.info.enabled_codecs,
        fast_publish=True,
    )
    participant.told_counts = room.counts()
    participant.send(SignalResponse(join=response))


def welcome_back(participant: Participant, server_info: ServerInfo) -> None:
    """The first messages after a comeback: all that may have changed meanwhile."""
    room = participant.room
    response = ReconnectResponse(
        ice_servers=_ice_servers(participant),
        client_configuration=ClientConfiguration(),
        server_info=server_info,
        last_message_seq=participant.data.last_sequence if participant.data is not None else 0,
    )
    participant.send(SignalResponse(reconnect=response))
    _tell_departed(participant)
    _tell_withdrawn(participant)
    _tell_mutes(participant)
    visible = [p.info() for p in room.participants.values() if p is participant or not p.is_hidden]
    participant.send(SignalResponse(update=ParticipantUpdate(participants=visible)))
    yielding.tell_again(participant)
    room.announce_room([participant])
    watch.tell_again(participant)


def _tell_departed(participant: Participant) -> None:
    """Who left since the participant was last heard: the goodbye may have gone to a WebSocket that was dead already.

    Not who is back: livekit-client takes people away by identity, and would lose the media of who was heard again.
    """
    room = participant.room
    present = {other.identity for other in room.participants.values() if not other.is_hidden}
    left = [info for info in room.departed.since(participant.last_request_at) if info.identity not in present]
    if left:
        participant.send(SignalResponse(update=ParticipantUpdate(participants=left)))


def _tell_withdrawn(participant: Participant) -> None:
    """Its own tracks that were taken away since the participant was last heard: it would go on showing them."""
    for sid, at in participant.withdrawn:
        if at >= participant.last_request_at:
            participant.send(SignalResponse(track_unpublished=TrackUnpublishedResponse(track_sid=sid)))


def _tell_mutes(participant: Participant) -> None:
    """What an administrator muted since the participant was last heard, before the list of tracks says so.

    livekit-client takes that for a mistake of the server's, and unmutes what it did not mute itself.
    """
    for track in participant.tracks.values():
        if track.silenced_at >= participant.last_request_at:
            participant.send(SignalResponse(mute=MuteTrackRequest(sid=track.sid, muted=track.info.muted)))


def _ice_servers(participant: Participant) -> list[ICEServer]:
    servers = participant.room.settings.turn_servers
    return [credentials(server, participant.sid, time.time()) for server in servers]
