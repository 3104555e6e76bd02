"""The media server's RoomService, as far as a visit needs it: the node's own, or another by the same protocol."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self
from urllib.parse import urlsplit

import aiohttp
from livekit import api

from telemed.config import Settings
from telemed.errors import Unavailable

TIMEOUT = aiohttp.ClientTimeout(total=4)
"""Seconds; under five, so that livekit-api asks once and leaves trying again to its caller."""
EMPTY_S = 300
"""How long a room stays open with nobody in it: as long as a token lives, so that a cut lets both come back."""


class RoomsUnreachable(Unavailable):
    """The media server does not answer."""

    code = "media-unreachable"


class Rooms:
    """One media server. `host` is the Host header for when the address is not the name it goes by."""

    def __init__(self, address: str, key: str, secret: str, host: str | None = None) -> None:
        self.key, self.secret = key, secret
        self._address = address
        self._headers = {"Host": host} if host else {}
        self._session: aiohttp.ClientSession | None = None

    @classmethod
    def embedded(cls, settings: Settings) -> Self:
        """The media server in this node's own process; its name need not be known to any resolver."""
        address = settings.inside("/media")
        return cls(address, settings.media.key, settings.media.secret, urlsplit(settings.origin).netloc)

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(headers=self._headers, timeout=TIMEOUT)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def create_room(self, room: str) -> None:
        """Open the room; it may be open already. Raises RoomsUnreachable."""
        async with self._asking() as service:
            await service.create_room(
                api.CreateRoomRequest(name=room, empty_timeout=EMPTY_S, departure_timeout=EMPTY_S)
            )

    async def delete_room(self, room: str) -> None:
        """Send everybody out and close the room; it may be closed already. Raises RoomsUnreachable."""
        async with self._asking() as service:
            await service.delete_room(api.DeleteRoomRequest(room=room))

    async def present(self, room: str) -> frozenset[str]:
        """The identities in the room; none when there is no room. Raises RoomsUnreachable."""
        async with self._asking() as service:
            answer = await service.list_participants(api.ListParticipantsRequest(room=room))
            return frozenset(participant.identity for participant in answer.participants)
        return frozenset()

    async def let_speak(self, room: str, identity: str) -> None:
        """Let somebody who waits publish, subscribe and send data; who is not there is let in by the next token.

        Raises RoomsUnreachable.
        """
        permission = api.ParticipantPermission(can_publish=True, can_subscribe=True, can_publish_data=True)
        async with self._asking() as service:
            await service.update_participant(
                api.UpdateParticipantRequest(room=room, identity=identity, permission=permission)
            )

    @asynccontextmanager
    async def _asking(self) -> AsyncIterator[api.room_service.RoomService]:
        # A room or a participant that is not there (any more) is no failure: people come and go meanwhile.
        assert self._session is not None, "entered by the composition root"  # noqa: S101
        try:
            yield api.room_service.RoomService(self._session, self._address, self.key, self.secret)
        except api.TwirpError as refused:
            if refused.code != api.TwirpErrorCode.NOT_FOUND:
                raise RoomsUnreachable("The call does not answer; try again in a moment.") from refused
        except (aiohttp.ClientError, TimeoutError) as silent:
            raise RoomsUnreachable("The call does not answer; try again in a moment.") from silent
