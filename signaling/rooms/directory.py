"""All rooms of this server by name, and the clock that closes idle ones."""

from __future__ import annotations

import asyncio

from livekit.protocol.models import DisconnectReason
from livekit.protocol.room import CreateRoomRequest, RoomConfiguration
from livekit.protocol.rtc import LeaveRequest

from signaling.config import Settings
from signaling.errors import NotFoundError
from signaling.operation.webhooks import Webhooks
from signaling.rooms.room import Room, disconnect


class Rooms:
    """All rooms of this server, and the clock that closes idle ones."""

    def __init__(self, settings: Settings, webhooks: Webhooks) -> None:
        self.settings = settings
        self.webhooks = webhooks
        self.by_name: dict[str, Room] = {}

    def find(self, name: str) -> Room:
        """The room of that name. Raises NotFoundError."""
        room = self.by_name.get(name)
        if room is None:
            raise NotFoundError("requested room does not exist")
        return room

    def create(self, name: str, wanted: RoomConfiguration | CreateRoomRequest | None = None) -> Room:
        """The room of that name, made if need be; `wanted` is for a new one."""
        room = self.by_name.get(name)
        if room is None:
            room = self.by_name[name] = Room(name, self.settings, self.webhooks)
            if wanted is not None:
                room.configure(wanted)
            self.webhooks.tell("room_started", room.snapshot())
        return room

    def close(self, room: Room) -> None:
        """Forget an empty room. Raises RuntimeError when somebody is in it."""
        if room.participants:
            raise RuntimeError("somebody is in the room")
        if self._forget(room):
            self.webhooks.tell("room_finished", room.snapshot())

    async def end(self, room: Room, reason: DisconnectReason, action: LeaveRequest.Action) -> None:
        """Send everyone in a room away and close it; who comes meanwhile gets a new one."""
        if not self._forget(room):
            return
        leaving = [disconnect(participant, reason, action) for participant in room.participants.values()]
        try:
            await asyncio.gather(*leaving)
        finally:
            self.webhooks.tell("room_finished", room.snapshot())

    def _forget(self, room: Room) -> bool:
        """Take a room out of the directory. False when it is in there no more."""
        if self.by_name.get(room.name) is not room:
            return False
        del self.by_name[room.name]
        return True

    def close_idle(self, now: float) -> bool:
        """Close rooms whose timeout has passed. Returns whether there were any."""
        before = len(self.by_name)
        for room in list(self.by_name.values()):
            timeout = room.info.departure_timeout if room.was_joined else room.info.empty_timeout
            if not room.participants and now - room.idle_since > timeout:
                self.close(room)
        return len(self.by_name) < before
