"""The life of a session: join, comeback, goodbye."""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections.abc import Coroutine
from typing import Any

from livekit.protocol.models import DisconnectReason, ParticipantInfo
from livekit.protocol.rtc import LeaveRequest, SignalRequest, SignalResponse, SyncState

from signaling import bounds
from signaling.clients import greetings, handlers, scenarios
from signaling.clients.connection import PATIENCE_SECONDS, SignalConnection
from signaling.clients.failures import Failures
from signaling.clients.joining import Joining
from signaling.config import Settings
from signaling.errors import (
    InvalidArgumentError,
    LimitExceededError,
    NotFoundError,
    PermissionDeniedError,
    UnavailableError,
)
from signaling.memory import Memory
from signaling.negotiation import wiring
from signaling.operation.durations import JOIN_BOUNDS_SECONDS, Durations
from signaling.operation.webhooks import Webhooks
from signaling.rooms import dynacast, subscriptions, watch
from signaling.rooms.directory import Rooms
from signaling.rooms.participants import Participant
from signaling.rooms.room import Room, disconnect
from signaling.sfu.endpoint import Endpoint
from signaling.sfu.receiving import speakers
from signaling.tokens import Claims

logger = logging.getLogger(__name__)

SWEEP_SECONDS = speakers.INTERVAL_SECONDS
SLOW_SWEEPS = 10
"""Connection quality and how many are there are told every five seconds, as LiveKit does."""
REASONS_GIVEN = (DisconnectReason.USER_REJECTED, DisconnectReason.USER_UNAVAILABLE, DisconnectReason.AGENT_ERROR)
"""What a client may give as its reason to leave; everything else is the server's to say."""


class Sessions:
    """Everything one media server holds while it runs."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.webhooks = Webhooks(settings)
        self.rooms = Rooms(settings, self.webhooks)
        self._memory = Memory()
        self.endpoint = Endpoint(list(settings.rtc.node_ips), settings.rtc.udp_port, settings.rtc.tcp_port)
        self.server_info = greetings.new_server_info()
        self.join_times = Durations(JOIN_BOUNDS_SECONDS)
        self.failures = Failures(settings.limits.failed_joins_per_minute)
        self.is_draining = False
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Open sockets and begin the clock."""
        await self.endpoint.open()
        await self.webhooks.start()
        self.spawn(self._sweep())

    async def drain(self) -> None:
        """Admit nobody more and tell everyone to come back elsewhere or later."""
        self.is_draining = True
        ending = [
            self.rooms.end(room, DisconnectReason.SERVER_SHUTDOWN, LeaveRequest.RECONNECT)
            for room in self.rooms.by_name.values()
        ]
        await asyncio.gather(*ending, return_exceptions=True)

    async def close(self) -> None:
        """Close everything."""
        await self.drain()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.webhooks.close()
        await self.endpoint.close()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something to its end without waiting for it; `close` ends what is left."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            logger.error("background work failed", exc_info=task.exception())

    # Admission

    def admit(self, claims: Claims) -> str:
        """The room a token opens. Raises a SignalingError when it opens none now."""
        grant = claims.video
        if not grant.room_join:
            raise PermissionDeniedError("token does not allow joining a room")
        if not grant.room or not claims.identity:
            raise InvalidArgumentError("token names no room or nobody")
        if self.is_draining:
            raise UnavailableError("server is closing")
        bounds.check_names(self.settings, (grant.room, claims.identity, claims.name))
        room = self.rooms.by_name.get(grant.room)
        if room is None:
            if not self.settings.room.auto_create and not grant.room_create:
                raise NotFoundError("requested room does not exist")
            if len(self.rooms.by_name) >= self.settings.limits.rooms:
                raise LimitExceededError("too many rooms")
        elif claims.identity in room.participants:
            return grant.room
        elif 0 < room.info.max_participants <= len(room.participants):
            raise LimitExceededError("room is full")
        if sum(len(r.participants) for r in self.rooms.by_name.values()) >= self.settings.limits.participants:
            raise LimitExceededError("server is full")
        return grant.room

    def check(self, claims: Claims, joining: Joining) -> None:
        """What somebody brings along. Raises PermissionDeniedError, or InvalidArgumentError when it is too large."""
        if (joining.metadata or joining.attributes) and not claims.video.can_update_own_metadata:
            raise PermissionDeniedError("token does not allow metadata of one's own")
        bounds.check_client(joining.client)
        for metadata in (claims.metadata, joining.metadata):
            bounds.check_metadata(self.settings, metadata)
        bounds.check_attributes(self.settings, claims.attributes | joining.attributes)

    # Serving

    async def serve(self, connection: SignalConnection, claims: Claims, joining: Joining) -> None:
        """Serve one WebSocket to its end."""
        try:
            if joining.reconnect:
                participant = self._resume(connection, claims, joining)
            else:
                participant = await self._join(connection, claims, joining)
        except UnavailableError:
            await self._turn_away(connection, DisconnectReason.SERVER_SHUTDOWN)
            return
        if participant is None:
            await self._turn_away(connection, DisconnectReason.STATE_MISMATCH)
            return
        try:
            await connection.run(
                lambda request: self._handle(participant, request), on_greeted=lambda: self._begin(participant, joining)
            )
        finally:
            if participant.signal is connection:
                participant.signal = None
                participant.signal_lost_at = time.monotonic()

    async def _turn_away(self, connection: SignalConnection, reason: DisconnectReason) -> None:
        leave = LeaveRequest(reason=reason, action=LeaveRequest.RECONNECT, can_reconnect=True)
        connection.send(SignalResponse(leave=leave))
        connection.finish()
        await connection.run(lambda _: None)

    def _handle(self, participant: Participant, request: SignalRequest) -> None:
        participant.last_request_at = time.monotonic()
        if not participant.is_present:
            # Read before the WebSocket of somebody who has left was closed; nothing would undo what it does.
            return
        match request.WhichOneof("message"):
            case "leave":
                self.end(participant, _reason_given(request.leave))
            case "simulate":
                scenarios.play(participant, request.simulate, self.end)
            case "sync_state":
                self._sync(participant, request.sync_state)
            case _:
                handlers.handle(participant, request)

    def _active(self, participant: Participant) -> None:
        if participant.state == ParticipantInfo.JOINED:
            self.join_times.note(time.monotonic() - participant.began_at)
        participant.room.activate(participant)

    def _too_slow(self, participant: Participant) -> None:
        self.end(participant, DisconnectReason.STATE_MISMATCH, LeaveRequest.RECONNECT)

    def end(
        self,
        participant: Participant,
        reason: DisconnectReason,
        action: LeaveRequest.Action = LeaveRequest.DISCONNECT,
    ) -> None:
        """Take a participant out, with its connections, without waiting."""
        self.spawn(disconnect(participant, reason, action))

    async def _join(self, connection: SignalConnection, claims: Claims, joining: Joining) -> Participant:
        # While an older session is being closed another may come, or the room may end.
        while (older := self._room_of(claims).participants.get(claims.identity)) is not None:
            await disconnect(older, DisconnectReason.DUPLICATE_IDENTITY, LeaveRequest.DISCONNECT)
        room = self._room_of(claims)
        participant = Participant(room, claims, joining.client, auto_subscribe=joining.auto_subscribe)
        added = {key: value for key, value in joining.attributes.items() if value}
        participant.set_details(name="", metadata=joining.metadata, attributes=added)
        participant.signal = connection
        participant.signal_lost_at = None
        room.join(participant)
        wiring.connect(
            participant, self.endpoint, single=joining.single, on_active=self._active, on_slow=self._too_slow
        )
        if participant.offers is not None and joining.request is not None:
            participant.offers.expects_offer = joining.request.HasField("publisher_offer")
        greetings.greet(participant, self.server_info)
        room.refresh_token(participant)
        return participant

    def _room_of(self, claims: Claims) -> Room:
        """The room to join, made if need be. Raises UnavailableError when the server has begun to close meanwhile."""
        if self.is_draining:
            raise UnavailableError("server is closing")
        return self.rooms.create(claims.video.room, claims.room_config)

    def _begin(self, participant: Participant, joining: Joining) -> None:
        """Negotiate media at a join. By now the client works on its greeting, so both go on at once."""
        room = participant.room
        if joining.reconnect or not participant.is_present:
            return
        if joining.request is not None:
            for request in joining.request.add_track_requests:
                handlers.handle(participant, SignalRequest(add_track=request))
        subscriptions.reconcile(room, participant)
        if joining.request is not None and joining.request.HasField("publisher_offer"):
            handlers.handle(participant, SignalRequest(offer=joining.request.publisher_offer))
        if participant.subscriber is not None:
            participant.subscriber.start()
        room.announce(participant)

    def _resume(self, connection: SignalConnection, claims: Claims, joining: Joining) -> Participant | None:
        room = self.rooms.by_name.get(claims.video.room)
        participant = room.participants.get(claims.identity) if room is not None else None
        if room is None or participant is None:
            return None
        if joining.participant_sid and participant.sid != joining.participant_sid:
            return None
        if participant.comebacks_to_refuse:
            participant.comebacks_to_refuse -= 1
            connection.finish()
            return participant
        older, participant.signal = participant.signal, connection
        participant.signal_lost_at = None
        if older is not None:
            older.finish()
        greetings.welcome_back(participant, self.server_info)
        if participant.subscriber is not None:
            participant.subscriber.restart_ice()
        if participant.offers is not None:
            participant.offers.resume()
        for track in participant.tracks.values():
            dynacast.tell_again(track)
        room.refresh_token(participant)
        if joining.request is not None and joining.request.HasField("sync_state"):
            self._sync(participant, joining.request.sync_state)
        if participant.comebacks_to_cut:
            participant.comebacks_to_cut -= 1
            connection.finish()
        return participant

    def _sync(self, participant: Participant, state: SyncState) -> None:
        """Take up again what the client believes; one that publishes what we do not know must come anew.

        Its session ends, so that no comeback that is under way keeps a client from that. Of what was taken away from it
        meanwhile it is being told: it could come anew with its old token, and be allowed that again.
        """
        known = participant.tracks.keys() | {sid for sid, _ in participant.withdrawn}
        if all(published.track.sid in known for published in state.publish_tracks):
            handlers.sync_state(participant, state)
        else:
            self.end(participant, DisconnectReason.STATE_MISMATCH, LeaveRequest.RECONNECT)

    # Time

    async def _sweep(self) -> None:
        for sweep in itertools.count():
            await asyncio.sleep(SWEEP_SECONDS)
            now = time.monotonic()
            if self.rooms.close_idle(now):
                self._memory.give_back(now)
            for room in list(self.rooms.by_name.values()):
                try:
                    self._sweep_room(room, now, is_slow=sweep % SLOW_SWEEPS == 0)
                except Exception:
                    logger.exception("room %s could not be swept", room.info.sid)

    def _sweep_room(self, room: Room, now: float, *, is_slow: bool) -> None:
        room.update_ptime()
        room.departed.forget(now - self.settings.limits.resume_seconds - PATIENCE_SECONDS)
        watch.tell_speakers(room)
        if is_slow:
            watch.tell_quality(room)
            watch.tell_counts(room)
        for participant in list(room.participants.values()):
            self._sweep_participant(participant, now)

    def _sweep_participant(self, participant: Participant, now: float) -> None:
        limits = self.settings.limits
        lost_at = participant.signal_lost_at
        if lost_at is not None and now - lost_at > limits.resume_seconds:
            self.end(participant, DisconnectReason.SIGNAL_CLOSE)
        elif participant.state != ParticipantInfo.ACTIVE and now - participant.began_at > limits.join_seconds:
            self.end(participant, DisconnectReason.JOIN_FAILURE)
        else:
            if participant.is_changed:
                participant.room.announce(participant)
            if now > participant.refresh_at:
                participant.room.refresh_token(participant)
            for track in list(participant.tracks.values()):
                dynacast.update(track, now)


def _reason_given(leave: LeaveRequest) -> DisconnectReason:
    return leave.reason if leave.reason in REASONS_GIVEN else DisconnectReason.CLIENT_INITIATED
