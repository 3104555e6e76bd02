"""Data packets: to whom they go."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest
from livekit.protocol.models import DataPacket

from signaling.rooms.nonces import KEPT, NONCE_BYTES, Nonces
from signaling.rooms.room import Room
from tests.signaling.conftest import Started, next_of, token
from tests.signaling.test_replay import Channel


def _channels(room: Room, *identities: str) -> dict[str, Channel]:
    """Give everyone a channel to receive on."""
    made = {}
    for identity in identities:
        data = room.find(identity).data
        assert data is not None
        made[identity] = Channel()
        data.adopt(made[identity], outgoing=True)  # type: ignore[arg-type]
    return made


def _packet(sequence: int) -> DataPacket:
    packet = DataPacket(kind=DataPacket.RELIABLE, sequence=sequence)
    packet.user.payload = b"p"
    return packet


async def test_a_destination_by_sid_is_kept_from_the_others(start: Started, http: aiohttp.ClientSession) -> None:
    url, sessions = await start()
    sockets = []
    for identity in ("amina", "li", "wang"):
        sockets.append(await http.ws_connect(f"{url}/rtc", params={"access_token": token(identity=identity)}))
        await next_of(sockets[-1])
    room = sessions.rooms.find("visit")
    channels = _channels(room, "amina", "li", "wang")
    for sequence, sids in enumerate(([room.find("li").sid], ["PA_nobody"], []), 1):
        packet = _packet(sequence)
        packet.user.destination_sids.extend(sids)
        channels["amina"].handlers["message"](packet.SerializeToString())
    assert channels["li"].sent == [1, 3]
    assert channels["wang"].sent == [3]
    assert channels["amina"].sent == []
    for socket in sockets:
        await socket.close()


@pytest.mark.parametrize(
    ("kind", "grants", "arrives"),
    [
        ("user", {}, True),
        ("chat_message", {}, True),
        ("stream_chunk", {}, True),
        ("transcription", {}, False),
        ("transcription", {"agent": True}, True),
        ("speaker", {}, False),
        ("metrics", {}, False),
        ("user", {"can_publish_data": False}, False),
    ],
)
async def test_only_what_clients_may_say_to_each_other_is_forwarded(
    start: Started, http: aiohttp.ClientSession, kind: str, grants: dict[str, Any], arrives: bool
) -> None:
    url, sessions = await start()
    sender = await http.ws_connect(f"{url}/rtc", params={"access_token": token(identity="amina", **grants)})
    await next_of(sender)
    reader = await http.ws_connect(f"{url}/rtc", params={"access_token": token(identity="li")})
    await next_of(reader)
    channels = _channels(sessions.rooms.find("visit"), "amina", "li")
    packet = DataPacket(kind=DataPacket.RELIABLE, sequence=1)
    getattr(packet, kind).SetInParent()
    channels["amina"].handlers["message"](packet.SerializeToString())
    assert channels["li"].sent == ([1] if arrives else [])
    await sender.close()
    await reader.close()


def test_a_nonce_is_known_again_until_many_others_came() -> None:
    nonces = Nonces()
    for _ in range(2):
        assert not nonces.is_repeated(b"")
        assert not nonces.is_repeated(b"x" * 17)
    first = b"a" * NONCE_BYTES
    assert not nonces.is_repeated(first)
    assert nonces.is_repeated(first)
    for number in range(KEPT):
        nonces.is_repeated(number.to_bytes(NONCE_BYTES, "big"))
    assert not nonces.is_repeated(first)
