"""RoomService: what an application may ask of rooms, over Twirp (protobuf or JSON in a POST)."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import DecodeError, Message
from livekit.protocol import room as api
from livekit.protocol.models import DataPacket, DisconnectReason, ParticipantInfo, UserPacket
from livekit.protocol.models import Room as RoomInfo
from livekit.protocol.rtc import LeaveRequest, UpdateSubscription

from signaling import bounds
from signaling.clients import handlers
from signaling.clients.sessions import Sessions
from signaling.errors import (
    BadRouteError,
    FailedPreconditionError,
    InvalidArgumentError,
    LimitExceededError,
    MalformedError,
    NotFoundError,
    PermissionDeniedError,
)
from signaling.rooms.nonces import NONCE_BYTES
from signaling.rooms.participants import Participant
from signaling.rooms.room import Room, disconnect
from signaling.tokens import VideoGrant

logger = logging.getLogger(__name__)


class RoomService:
    """One method a Twirp method; each checks its grant first, then acts and returns the response."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._rooms = sessions.rooms
        self._methods: dict[str, tuple[type[Message], Callable[[VideoGrant, Any], Awaitable[Message]]]] = {
            "CreateRoom": (api.CreateRoomRequest, self._create),
            "ListRooms": (api.ListRoomsRequest, self._list),
            "DeleteRoom": (api.DeleteRoomRequest, self._delete),
            "ListParticipants": (api.ListParticipantsRequest, self._participants),
            "GetParticipant": (api.RoomParticipantIdentity, self._participant),
            "RemoveParticipant": (api.RoomParticipantIdentity, self._remove),
            "MutePublishedTrack": (api.MuteRoomTrackRequest, self._mute),
            "UpdateParticipant": (api.UpdateParticipantRequest, self._update),
            "UpdateSubscriptions": (api.UpdateSubscriptionsRequest, self._subscriptions),
            "SendData": (api.SendDataRequest, self._send_data),
            "UpdateRoomMetadata": (api.UpdateRoomMetadataRequest, self._metadata),
        }

    async def call(self, method: str, body: bytes, *, is_json: bool, grant: VideoGrant) -> bytes:
        """Run one method. Raises a SignalingError."""
        if method not in self._methods:
            raise BadRouteError("no such method")
        kind, work = self._methods[method]
        request = kind()
        try:
            if is_json:
                json_format.Parse(body, request, ignore_unknown_fields=True)
            else:
                request.ParseFromString(body)
        except (DecodeError, json_format.ParseError, UnicodeDecodeError) as problem:
            raise MalformedError("request body cannot be read") from problem
        response = await work(grant, request)
        if is_json:
            words = json_format.MessageToJson(
                response, preserving_proto_field_name=True, always_print_fields_with_no_presence=True, indent=None
            )
            return words.encode()
        return response.SerializeToString()

    @staticmethod
    def _check_admin(grant: VideoGrant, name: str) -> None:
        if not grant.room_admin or grant.room != name:
            raise PermissionDeniedError("token does not administer this room")

    def _administered(self, grant: VideoGrant, name: str) -> Room:
        self._check_admin(grant, name)
        return self._rooms.find(name)

    async def _create(self, grant: VideoGrant, request: api.CreateRoomRequest) -> RoomInfo:
        if not grant.room_create:
            raise PermissionDeniedError("token does not create rooms")
        if request.room_preset:
            raise InvalidArgumentError("no such room preset")
        bounds.check_names(self._sessions.settings, (request.name,))
        bounds.check_metadata(self._sessions.settings, request.metadata)
        if request.name not in self._rooms.by_name and len(self._rooms.by_name) >= self._sessions.settings.limits.rooms:
            raise LimitExceededError("too many rooms")
        return self._rooms.create(request.name, request).snapshot()

    async def _list(self, grant: VideoGrant, request: api.ListRoomsRequest) -> api.ListRoomsResponse:
        if not grant.room_list:
            raise PermissionDeniedError("token does not list rooms")
        names = set(request.names)
        rooms = [room for name, room in self._rooms.by_name.items() if not names or name in names]
        return api.ListRoomsResponse(rooms=[room.snapshot() for room in rooms])

    async def _delete(self, grant: VideoGrant, request: api.DeleteRoomRequest) -> api.DeleteRoomResponse:
        if not grant.room_create:
            raise PermissionDeniedError("token does not delete rooms")
        room = self._rooms.find(request.room)
        await self._rooms.end(room, DisconnectReason.ROOM_DELETED, LeaveRequest.DISCONNECT)
        return api.DeleteRoomResponse()

    async def _participants(
        self, grant: VideoGrant, request: api.ListParticipantsRequest
    ) -> api.ListParticipantsResponse:
        self._check_admin(grant, request.room)
        room = self._rooms.by_name.get(request.room)
        # As with LiveKit's server: an application asks who is there, and a room that has closed is an empty one.
        people = room.participants.values() if room is not None else ()
        return api.ListParticipantsResponse(participants=[participant.info() for participant in people])

    def _target(self, grant: VideoGrant, room: str, identity: str) -> Participant:
        return self._administered(grant, room).find(identity)

    async def _participant(self, grant: VideoGrant, request: api.RoomParticipantIdentity) -> ParticipantInfo:
        return self._target(grant, request.room, request.identity).info()

    async def _remove(self, grant: VideoGrant, request: api.RoomParticipantIdentity) -> api.RemoveParticipantResponse:
        participant = self._target(grant, request.room, request.identity)
        await disconnect(participant, DisconnectReason.PARTICIPANT_REMOVED, LeaveRequest.DISCONNECT)
        return api.RemoveParticipantResponse()

    async def _mute(self, grant: VideoGrant, request: api.MuteRoomTrackRequest) -> api.MuteRoomTrackResponse:
        participant = self._target(grant, request.room, request.identity)
        track = participant.tracks.get(request.track_sid)
        if track is None:
            raise NotFoundError("track is not published")
        if not request.muted and not self._sessions.settings.room.enable_remote_unmute:
            raise FailedPreconditionError("remote unmute is not enabled")
        info = participant.room.mute(track, muted=request.muted, by_admin=True)
        return api.MuteRoomTrackResponse(track=info)

    async def _update(self, grant: VideoGrant, request: api.UpdateParticipantRequest) -> ParticipantInfo:
        participant = self._target(grant, request.room, request.identity)
        changed = request.name or request.metadata or request.attributes
        if changed:
            participant.set_details(name=request.name, metadata=request.metadata, attributes=dict(request.attributes))
            participant.room.announce(participant)
        if request.HasField("permission"):
            participant.room.permit(participant, request.permission)
        if changed:
            participant.room.refresh_token(participant)
        return participant.info()

    async def _subscriptions(
        self, grant: VideoGrant, request: api.UpdateSubscriptionsRequest
    ) -> api.UpdateSubscriptionsResponse:
        participant = self._target(grant, request.room, request.identity)
        handlers.update_subscription(
            participant,
            UpdateSubscription(
                track_sids=request.track_sids,
                subscribe=request.subscribe,
                participant_tracks=request.participant_tracks,
            ),
        )
        return api.UpdateSubscriptionsResponse()

    async def _send_data(self, grant: VideoGrant, request: api.SendDataRequest) -> api.SendDataResponse:
        room = self._administered(grant, request.room)
        if len(request.data) > self._sessions.settings.limits.data_packet_bytes:
            raise InvalidArgumentError("data too large")
        if len(request.nonce) not in (0, NONCE_BYTES):
            raise InvalidArgumentError("nonce is not 16 bytes")
        identities = room.addressees(request.destination_identities, request.destination_sids)
        packet = DataPacket(
            kind=request.kind,
            destination_identities=identities,
            user=UserPacket(
                payload=request.data,
                topic=request.topic if request.HasField("topic") else None,
                destination_identities=identities,
                nonce=request.nonce,
            ),
        )
        room.send_data(packet, None, identities)
        return api.SendDataResponse()

    async def _metadata(self, grant: VideoGrant, request: api.UpdateRoomMetadataRequest) -> RoomInfo:
        room = self._administered(grant, request.room)
        bounds.check_metadata(self._sessions.settings, request.metadata)
        room.info.metadata = request.metadata
        room.announce_room()
        return room.snapshot()
