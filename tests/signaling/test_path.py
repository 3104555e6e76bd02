"""Where media goes: nobody turns it on a stranger, whatever they send again or forge."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator

import pytest
from aioice import stun

from signaling.sfu.endpoint import Endpoint
from signaling.sfu.formats import rtcp
from signaling.sfu.network import stream_wire
from signaling.sfu.network.addresses import Address, to_address
from signaling.sfu.network.path import CONSENT_SECONDS, MAX_ADDRESSES, Path
from tests.signaling.media_client import Client, Place, check_of, new_peer


@pytest.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    opened = Endpoint(["127.0.0.1"], 0, 0)
    await opened.open()
    yield opened
    await opened.close()


def _address(place: Place) -> Address:
    return to_address(*place.udp.get_extra_info("sockname")[:2])


def _in_use(client: Client) -> Address | None:
    return client.peer.selected[1] if client.peer.selected is not None else None


async def _check_and_answer(client: Client, place: Place) -> None:
    """A check, the server's own check and the answer to that; a last check tells when the answer has been read."""
    for expected in (2, 1):
        place.udp.sendto(check_of(client.peer))
        for _ in range(expected):
            await place.next_stun()


async def test_a_check_sent_again_from_elsewhere_moves_no_media(endpoint: Endpoint) -> None:
    async with Client(endpoint) as client:
        home = _in_use(client)
        stranger = await client.move()
        stranger.udp.sendto(check_of(client.peer))
        classes = {(await stranger.next_stun()).message_class for _ in range(2)}
        assert classes == {stun.Class.RESPONSE, stun.Class.REQUEST}
        client.peer.send_rtcp(rtcp.pli(1, 2))
        async with asyncio.timeout(5):
            await client.places[0].media.wait()
        assert _in_use(client) == home
        assert not stranger.media.is_set()


async def test_media_follows_a_client_that_answers_at_its_new_address(endpoint: Endpoint) -> None:
    async with Client(endpoint) as client:
        moved = await client.move()
        moved.answers = True
        await _check_and_answer(client, moved)
        assert _in_use(client) == _address(moved)
        client.peer.send_rtcp(rtcp.pli(1, 2))
        async with asyncio.timeout(5):
            await moved.media.wait()


async def test_a_check_that_came_before_the_clients_new_credentials_is_answered_with_those(endpoint: Endpoint) -> None:
    async with Client(endpoint) as client:
        moved = await client.move()
        moved.answers = True
        known = client.peer.remote_pwd
        client.peer.remote_pwd = "of the generation before this one"
        moved.udp.sendto(check_of(client.peer))
        for _ in range(2):
            await moved.next_stun()
        assert _in_use(client) != _address(moved)
        client.peer.remote_pwd = known
        await _check_and_answer(client, moved)
        assert _in_use(client) == _address(moved)


async def test_an_answer_of_someone_without_the_password_moves_nothing(endpoint: Endpoint) -> None:
    async with Client(endpoint) as client:
        home = _in_use(client)
        stranger = await client.move()
        stranger.udp.sendto(check_of(client.peer))
        probe = await stranger.next_stun()
        while probe.message_class != stun.Class.REQUEST:
            probe = await stranger.next_stun()
        forged = stun.Message(stun.Method.BINDING, stun.Class.RESPONSE, probe.transaction_id)
        forged.attributes["XOR-MAPPED-ADDRESS"] = ("127.0.0.1", 1)
        forged.add_message_integrity(b"guessed")
        before = endpoint.counts["stun_refused"]
        stranger.udp.sendto(bytes(forged))
        stranger.udp.sendto(check_of(client.peer))
        await stranger.next_stun()
        assert endpoint.counts["stun_refused"] == before + 1
        assert _in_use(client) == home


async def test_nothing_is_sent_to_a_client_that_asks_no_more(endpoint: Endpoint) -> None:
    async with Client(endpoint) as client:
        path: Path = endpoint._paths[client.peer]
        path.expire(path.checked_at + CONSENT_SECONDS - 1)
        assert client.peer.selected is not None
        path.expire(path.checked_at + CONSENT_SECONDS + 1)
        assert client.peer.selected is None
        home = client.places[0]
        home.answers = True
        await _check_and_answer(client, home)
        assert _in_use(client) == _address(home)


async def test_an_answer_is_no_larger_than_its_request(endpoint: Endpoint) -> None:
    async with Client(endpoint) as client:
        place = await client.move()
        request = check_of(client.peer)
        place.udp.sendto(request)
        async with asyncio.timeout(5):
            sizes = [len(await place.stun.get()) for _ in range(2)]
        assert max(sizes) <= len(request)


async def test_addresses_beyond_the_bound_are_forgotten_but_never_the_one_in_use(endpoint: Endpoint) -> None:
    async with Client(endpoint) as client:
        home = _in_use(client)
        for _ in range(2 * MAX_ADDRESSES):
            place = await client.move()
            place.udp.sendto(check_of(client.peer))
            await place.next_stun()
        assert _in_use(client) == home
        assert len(endpoint._by_address) == MAX_ADDRESSES
        assert home in endpoint._by_address
    assert not endpoint._by_address
    assert not endpoint._passwords


async def test_of_many_ice_restarts_only_the_last_two_are_known(endpoint: Endpoint) -> None:
    peer = new_peer(endpoint)
    before = peer.credentials
    for _ in range(100):
        peer.restart_ice()
    assert len(endpoint._passwords) == 2
    assert before.ufrag not in endpoint._passwords
    await peer.close()
    assert not endpoint._passwords


def _framed(packet: bytes) -> bytes:
    return struct.pack("!H", len(packet)) + packet


async def _tcp(endpoint: Endpoint) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    port = next(int(c.split()[5]) for c in endpoint.candidates if " tcp " in c)
    return await asyncio.open_connection("127.0.0.1", port)


async def test_a_connection_ends_with_its_peer(endpoint: Endpoint) -> None:
    peer = new_peer(endpoint)
    reader, writer = await _tcp(endpoint)
    writer.write(_framed(check_of(peer)))
    async with asyncio.timeout(5):
        await reader.readexactly(2)
        await peer.close()
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await reader.readexactly(4096)
    writer.close()


async def test_a_connection_hears_where_it_came_from(endpoint: Endpoint) -> None:
    peer = new_peer(endpoint)
    reader, writer = await _tcp(endpoint)
    writer.write(_framed(check_of(peer)))
    async with asyncio.timeout(5):
        answer = stun.parse_message(await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big")))
    assert answer.attributes["XOR-MAPPED-ADDRESS"] == writer.get_extra_info("sockname")[:2]
    writer.close()
    await peer.close()


async def test_a_connection_that_never_says_who_it_is_is_closed(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_wire, "FIRST_CHECK_SECONDS", 0.05)
    reader, writer = await _tcp(endpoint)
    writer.write(_framed(bytes(100)))
    async with asyncio.timeout(5):
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await reader.readexactly(1)
    assert not endpoint._streams
    writer.close()


async def test_one_host_does_not_take_every_connection(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_wire, "MAX_CONNECTIONS_PER_HOST", 2)
    opened = [await _tcp(endpoint) for _ in range(3)]
    async with asyncio.timeout(5):
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await opened[2][0].readexactly(1)
    assert len(endpoint._streams) == 2
    for _, writer in opened:
        writer.close()


class _Connection(asyncio.Transport):
    """One that comes from an address of our choice."""

    def __init__(self, host: str) -> None:
        super().__init__({"peername": (host, 4321, 0, 0)})
        self.is_open = True

    def abort(self) -> None:
        self.is_open = False


async def test_the_addresses_of_one_ipv6_subscriber_are_one_host(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_wire, "MAX_CONNECTIONS_PER_HOST", 2)
    hosts = ["2001:db8:0:1::1", "2001:db8:0:1::2", "2001:db8:0:1:ffff::3", "2001:db8:0:2::1", "192.0.2.1"]
    opened = [_Connection(host) for host in hosts]
    for connection in opened:
        endpoint._stream().connection_made(connection)
    assert [connection.is_open for connection in opened] == [True, True, False, True, True]
