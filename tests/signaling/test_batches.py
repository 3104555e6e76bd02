"""Bursts of datagrams: what may leave together, and that everything arrives whole and in order."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signaling.sfu.network import batches
from signaling.sfu.network.addresses import to_address
from signaling.sfu.network.batches import BatchCalls, Bursts, PlainCalls
from signaling.sfu.network.slots import Slots
from signaling.sfu.network.wire import bind

Kind = type[BatchCalls] | type[PlainCalls]

BOTH = pytest.mark.parametrize("kind", [BatchCalls, PlainCalls] if batches.are_supported() else [PlainCalls])


@pytest.fixture(params=["127.0.0.1", "::1"])
def sockets(request: pytest.FixtureRequest) -> Iterator[list[socket.socket]]:
    """A sender and two receivers of one family."""
    opened: list[socket.socket] = []
    try:
        opened.extend(bind(request.param, 0) for _ in range(3))
    except OSError:
        pytest.skip(f"no {request.param} here")
    yield opened
    for one in opened:
        one.close()


def _bursts(packets: list[tuple[bytes, int]], *, are_cut: bool = True) -> list[list[int]]:
    slots, found = Slots(len(packets) + 1), Bursts(len(packets) + 1)
    for index, (address, length) in enumerate(packets):
        slots.addresses[index], slots.lengths[index] = address, length
    number = found.arrange(slots, len(packets), are_cut=are_cut)
    bursts = [[index for index in range(len(packets)) if found.of[index] == burst] for burst in range(number)]
    for number, burst in enumerate(bursts):
        assert (found.firsts[number], found.lasts[number], found.counts[number]) == (burst[0], burst[-1], len(burst))
    return bursts


@given(st.lists(st.tuples(st.sampled_from([b"a", b"b", b"c"]), st.sampled_from([100, 700, 1100])), max_size=200))
def test_a_burst_is_what_the_kernel_can_cut(packets: list[tuple[bytes, int]]) -> None:
    found = _bursts(packets)
    assert sorted(index for burst in found for index in burst) == list(range(len(packets)))
    for receiver in (b"a", b"b", b"c"):
        sent = [index for burst in found for index in burst if packets[index][0] == receiver]
        assert sent == sorted(sent), "a receiver's packets changed their order"
    for burst in found:
        sizes = [packets[index][1] for index in burst]
        assert len({packets[index][0] for index in burst}) == 1
        assert set(sizes[:-1]) <= {sizes[0]}
        assert sizes[-1] <= sizes[0]
        assert len(burst) <= batches.MAX_SEGMENTS
        assert len(burst) * sizes[0] <= batches.MAX_BURST_BYTES


def test_packets_of_one_size_to_one_receiver_leave_together() -> None:
    packets = [(b"a", 9), (b"b", 9), (b"a", 9), (b"b", 9), (b"a", 5), (b"a", 9)]
    assert _bursts(packets) == [[0, 2, 4], [1, 3], [5]]
    assert _bursts(packets, are_cut=False) == [[0], [1], [2], [3], [4], [5]]


def test_two_packets_are_not_worth_cutting() -> None:
    assert _bursts([(b"a", 9), (b"a", 9)]) == [[0], [1]]


@BOTH
def test_everything_arrives_whole_and_in_order(kind: Kind, sockets: list[socket.socket]) -> None:
    sender, *receivers = sockets
    slots = Slots(64)
    calls = kind(sender, Slots(1), slots)
    expected: list[list[bytes]] = [[], []]
    for index in range(60):
        to = index % 3 % 2
        packet = bytes((index,)) * (1100 if index % 7 else 300)
        _fill(slots, index, packet, receivers[to])
        expected[to].append(packet)
    assert calls.send(60) == 60
    assert [_arrived(receiver) for receiver in receivers] == expected


@pytest.mark.skipif(not batches.are_supported(), reason="only there are addresses kept")
def test_addresses_are_forgotten_before_a_batch_and_not_in_it(
    monkeypatch: pytest.MonkeyPatch, sockets: list[socket.socket]
) -> None:
    monkeypatch.setattr(batches, "MAX_KNOWN_ADDRESSES", 1)
    sender, *receivers = sockets
    slots = Slots(2)
    calls = BatchCalls(sender, Slots(1), slots)
    for _ in range(3):
        for index, receiver in enumerate(receivers):
            _fill(slots, index, b"habari", receiver)
        assert calls.send(2) == 2
        assert len(calls._names) == len(calls._named) == 2
    assert [_arrived(receiver) for receiver in receivers] == [[b"habari"] * 3] * 2


@BOTH
def test_what_arrives_comes_with_its_sender(kind: Kind, sockets: list[socket.socket]) -> None:
    receiver, *senders = sockets
    slots = Slots(4)
    calls = kind(receiver, slots, Slots(1))
    for number in range(6):
        senders[number % 2].sendto(bytes((number,)), receiver.getsockname())
    seen = []
    while count := calls.receive():
        assert count <= 4
        seen += [(slots.addresses[i], slots.slots[i].read(slots.lengths[i])) for i in range(count)]
    own = [to_address(*one.getsockname()[:2]) for one in senders]
    assert seen == [(own[number % 2], bytes((number,))) for number in range(6)]


@pytest.mark.skipif(not batches.are_supported(), reason="only there are addresses kept")
def test_two_senders_that_differ_in_their_host_alone_are_told_apart() -> None:
    with bind("127.0.0.1", 0) as one, bind("127.0.0.2", one.getsockname()[1]) as other, bind("127.0.0.3", 0) as to:
        slots = Slots(4)
        calls = BatchCalls(to, slots, Slots(1))
        senders = [one, other, other, one]
        for sender in senders:
            sender.sendto(b"habari", to.getsockname())
        assert calls.receive() == 4
        assert slots.addresses == [to_address(*sender.getsockname()) for sender in senders]


@pytest.mark.skipif(not batches.are_supported(), reason="only there are addresses kept")
def test_two_senders_are_told_apart_whatever_of_their_addresses_differs(sockets: list[socket.socket]) -> None:
    calls = BatchCalls(sockets[0], Slots(2), Slots(1))
    own = to_address(*sockets[1].getsockname()[:2])
    for octet in range(4, len(own)):
        other = own[:octet] + bytes((own[octet] ^ 0x80,)) + own[octet + 1 :]
        for index, address in enumerate((own, other)):
            calls._in_names_bytes[32 * index : 32 * index + len(address)] = address
        for _ in range(2):
            assert [calls._source(0), calls._source(1)] == [own, other]


@BOTH
def test_a_receiver_that_cannot_be_reached_costs_the_others_nothing(kind: Kind, sockets: list[socket.socket]) -> None:
    sender, receiver, _ = sockets
    slots = Slots(8)
    calls = kind(sender, Slots(1), slots)
    for index in range(6):
        _fill(slots, index, bytes((index,)) * 50, receiver)
    # Port 0 is nobody's: the system refuses it at once.
    for index in (0, 3):
        slots.addresses[index] = to_address(receiver.getsockname()[0], 0)
    assert calls.send(6) == 4
    assert _arrived(receiver) == [bytes((index,)) * 50 for index in (1, 2, 4, 5)]


@pytest.mark.skipif(not batches.are_supported(), reason="bursts are Linux's")
def test_bursts_that_the_device_refuses_leave_one_by_one(sockets: list[socket.socket]) -> None:
    sender, receiver, other = sockets
    slots = Slots(8)
    calls = BatchCalls(sender, Slots(1), slots)
    for index in range(6):
        _fill(slots, index, bytes((index,)) * 50, (receiver, other)[index % 2])
    assert calls._write_messages(6) == 2
    assert calls._send_rest(2, -errno.EIO) == 6
    assert _arrived(receiver) == [bytes((index,)) * 50 for index in (0, 2, 4)]
    assert _arrived(other) == [bytes((index,)) * 50 for index in (1, 3, 5)]
    assert calls._write_messages(6) == 6


def _fill(slots: Slots, index: int, packet: bytes, receiver: socket.socket) -> None:
    slots.slots[index].write(packet)
    slots.lengths[index] = len(packet)
    slots.addresses[index] = to_address(*receiver.getsockname()[:2])


def _arrived(receiver: socket.socket) -> list[bytes]:
    found = []
    while True:
        try:
            found.append(receiver.recv(2048))
        except BlockingIOError:
            return found
