"""The shared UDP port, with real datagrams: who is answered and who is not."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator

import pytest
from aioice import stun
from hypothesis import given
from hypothesis import strategies as st

from signaling.sfu.endpoint import Endpoint
from signaling.sfu.network import ice
from signaling.sfu.network.addresses import from_address, to_address
from signaling.sfu.network.wire import bind
from signaling.sfu.peer import Peer


class _Client(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.received: asyncio.Queue[bytes] = asyncio.Queue()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.received.put_nowait(data)


@pytest.fixture(params=["127.0.0.1", "::1"])
async def endpoint(request: pytest.FixtureRequest) -> AsyncIterator[Endpoint]:
    opened = Endpoint([request.param], 0)
    try:
        await opened.open()
    except OSError:
        pytest.skip(f"no {request.param} here")
    yield opened
    await opened.close()


def _peer(endpoint: Endpoint) -> Peer:
    assert endpoint.certificate is not None
    return Peer(
        endpoint,
        endpoint.certificate,
        on_connected=lambda: None,
        on_closed=lambda: None,
        on_channel=lambda _: None,
        on_yield=lambda _: None,
    )


def _request(ufrag: str, pwd: str) -> bytes:
    message = stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)
    message.attributes["USERNAME"] = f"{ufrag}:them"
    message.attributes["USE-CANDIDATE"] = None
    message.add_message_integrity(pwd.encode())
    return bytes(message)


async def _talk(endpoint: Endpoint) -> tuple[asyncio.DatagramTransport, _Client]:
    host = endpoint.candidates[0].split()[4]
    loop = asyncio.get_running_loop()
    return await loop.create_datagram_endpoint(_Client, remote_addr=(host, endpoint.udp_port))


async def test_a_genuine_check_is_answered_and_selects_the_address(endpoint: Endpoint) -> None:
    peer = _peer(endpoint)
    transport, client = await _talk(endpoint)
    transport.sendto(_request(peer.credentials.ufrag, peer.credentials.pwd))
    async with asyncio.timeout(5):
        answer = stun.parse_message(await client.received.get())
    assert answer.message_class == stun.Class.RESPONSE
    assert answer.attributes["XOR-MAPPED-ADDRESS"][1] == transport.get_extra_info("sockname")[1]
    assert peer.selected is not None
    transport.close()
    await peer.close()
    assert endpoint.peers == set()


async def test_whoever_lacks_the_password_gets_no_answer(endpoint: Endpoint) -> None:
    peer = _peer(endpoint)
    transport, client = await _talk(endpoint)
    transport.sendto(_request(peer.credentials.ufrag, "guessed"))
    transport.sendto(_request("nobody", peer.credentials.pwd))
    for first in (0, 22, 128, 255):
        transport.sendto(bytes((first,)) + os.urandom(60))
    transport.sendto(b"")
    transport.sendto(_request(peer.credentials.ufrag, peer.credentials.pwd))
    async with asyncio.timeout(5):
        await client.received.get()
    assert client.received.empty()
    assert endpoint.counts["stun_refused"] == 3
    assert endpoint.counts["unknown_address"] + endpoint.counts["unknown_protocol"] == 3
    transport.close()
    await peer.close()


async def test_after_an_ice_restart_both_generations_are_good_until_the_peer_goes(endpoint: Endpoint) -> None:
    peer = _peer(endpoint)
    before = peer.credentials
    peer.restart_ice()
    transport, client = await _talk(endpoint)
    for credentials in (before, peer.credentials):
        transport.sendto(_request(credentials.ufrag, credentials.pwd))
        async with asyncio.timeout(5):
            await client.received.get()
    transport.close()
    await peer.close()


@given(st.sampled_from([b"\0\1", b"\1\1"]), st.binary(max_size=48), st.booleans())
def test_any_bytes_are_no_check(kind: bytes, body: bytes, is_check: bool) -> None:
    body = body[: len(body) & ~3]
    data = kind + len(body).to_bytes(2, "big") + b"\x21\x12\xa4\x42" + bytes(12) + body if is_check else body
    assert ice.check(data, lambda _: "password", to_address("127.0.0.1", 1)) is None


@pytest.mark.parametrize("address", [("127.0.0.1", 7), ("2001:db8::1", 65535)])
def test_addresses_are_read_back(address: tuple[str, int]) -> None:
    assert from_address(to_address(*address)) == address


@pytest.mark.parametrize(
    ("announced", "here"),
    [
        (["203.0.113.7"], "127.0.0.1"),
        (["2001:db8::7"], "::1"),
        (["2001:db8::7", "203.0.113.7"], "127.0.0.1"),
        (["203.0.113.7", "127.0.0.1"], "127.0.0.1"),
    ],
)
async def test_an_address_that_another_machine_passes_on_is_announced_and_calls_arrive_here(
    announced: list[str], here: str
) -> None:
    if any(":" in host for host in announced):
        try:
            bind("::1", 0).close()
        except OSError:
            pytest.skip("no ::1 here")
    endpoint = Endpoint(announced, 0, 0)
    await endpoint.open()
    try:
        told = [candidate.split() for candidate in endpoint.candidates]
        assert [words[4] for words in told] == announced * 2
        assert {words[5] for words in told if words[2] == "udp"} == {str(endpoint.udp_port)}
        peer = _peer(endpoint)
        loop = asyncio.get_running_loop()
        transport, client = await loop.create_datagram_endpoint(_Client, remote_addr=(here, endpoint.udp_port))
        transport.sendto(_request(peer.credentials.ufrag, peer.credentials.pwd))
        async with asyncio.timeout(5):
            answer = stun.parse_message(await client.received.get())
            _, writer = await asyncio.open_connection(here, int(told[-1][5]))
        assert answer.message_class == stun.Class.RESPONSE
        transport.close()
        writer.close()
    finally:
        await endpoint.close()
