"""Reading and sending many datagrams with one system call, into memory that is never allocated anew."""

from __future__ import annotations

import errno
import socket
from collections.abc import Sequence
from mmap import mmap
from typing import Any, Final, Protocol

from cffi import FFI

from signaling.sfu.addresses import Address, from_address, to_address
from signaling.sfu.transport import pointers

SLOT_BYTES: Final = 2048
"""One packet with its SRTP trailer; larger than any Ethernet frame."""
TRAILER_BYTES: Final = 160
"""At least what libsrtp may write behind a packet (SRTP_MAX_TRAILER_LEN)."""
RECEIVED_AT_ONCE: Final = 32
"""What came in is sent on before more is taken, so that a packet waits for few others."""
SENT_AT_ONCE: Final = 1024
"""More than are received, because a packet goes to many; the last picture of a large room still leaves as bursts."""
MAX_SEGMENTS: Final = 64
"""Packets in one burst to one receiver (Linux, UDP_MAX_SEGMENTS)."""
MAX_BURST_BYTES: Final = 65_000
"""A little less than an IP packet may hold, headers included."""
UDP_SEGMENT = 103
"""The control message that has the kernel cut a burst into packets (linux/udp.h); Python does not name it."""
MAX_KNOWN_ADDRESSES = 4096

_ffi = FFI()
_ffi.cdef(
    """
    struct iovec { void *iov_base; size_t iov_len; };
    struct msghdr { void *msg_name; unsigned int msg_namelen; struct iovec *msg_iov; size_t msg_iovlen;
                    void *msg_control; size_t msg_controllen; int msg_flags; };
    struct mmsghdr { struct msghdr msg_hdr; unsigned int msg_len; };
    struct segmented { size_t cmsg_len; int cmsg_level; int cmsg_type; uint16_t size; };
    int sendmmsg(int fd, struct mmsghdr *messages, unsigned int count, int flags);
    int recvmmsg(int fd, struct mmsghdr *messages, unsigned int count, int flags, void *timeout);
    """
)
_CONTROL_BYTES = int(_ffi.sizeof("struct segmented"))


class Slots:
    """A fixed arena of packet buffers, with each slot's view, libsrtp address and peer address.

    A packet begins `room` bytes into its slot, where `pointers` point to.
    """

    def __init__(self, number: int, room: int = 0) -> None:
        self.room = room
        # Of such a mapping only the pages of slots that were ever used take memory.
        self.arena = mmap(-1, number * SLOT_BYTES)
        whole = memoryview(self.arena)
        self.views = [whole[at : at + SLOT_BYTES] for at in range(0, len(self.arena), SLOT_BYTES)]
        self.pointers = [pointer + room for pointer in pointers(self.arena, SLOT_BYTES)]
        self.lengths = [0] * number
        self.addresses: list[Address] = [b""] * number


def bursts(addresses: Sequence[Address], lengths: Sequence[int], count: int) -> list[list[int]]:
    """The first `count` slots as bursts, each to one receiver and in that receiver's order (pure).

    All packets of a burst but the last are of one size, and the last is no larger: what UDP_SEGMENT can cut.
    """
    found: list[list[int]] = []
    growing: dict[Address, list[int]] = {}
    for index in range(count):
        address = addresses[index]
        burst = growing.get(address)
        if burst is not None and _fits(burst, lengths, lengths[index]):
            burst.append(index)
        else:
            growing[address] = burst = [index]
            found.append(burst)
    return found


def _fits(burst: list[int], lengths: Sequence[int], length: int) -> bool:
    size, number = lengths[burst[0]], len(burst)
    is_whole = lengths[burst[-1]] == size
    return is_whole and length <= size and number < MAX_SEGMENTS and (number + 1) * size <= MAX_BURST_BYTES


class Calls(Protocol):
    """The system calls; production has two kinds."""

    def receive(self) -> int:
        """Fill the receiving slots with what waits; returns how many."""

    def send(self, count: int) -> int:
        """Send the first `count` sending slots; returns how many the system took."""


class PlainCalls:
    """One call a packet, for systems without recvmmsg."""

    def __init__(self, sock: socket.socket, receiving: Slots, sending: Slots) -> None:
        self._socket = sock
        self._receiving = receiving
        self._sending = sending

    def receive(self) -> int:
        count = 0
        slots = self._receiving
        while count < len(slots.views):
            try:
                slots.lengths[count], source = self._socket.recvfrom_into(slots.views[count])
            except (BlockingIOError, InterruptedError):
                break
            except OSError:
                continue
            slots.addresses[count] = to_address(source[0], source[1])
            count += 1
        return count

    def send(self, count: int) -> int:
        return sum(self.send_one(index) for index in range(count))

    def send_one(self, index: int) -> int:
        """Send one slot; returns whether the system took it."""
        slots = self._sending
        packet = slots.views[index][slots.room : slots.room + slots.lengths[index]]
        try:
            self._socket.sendto(packet, from_address(slots.addresses[index]))
        except OSError:
            return 0
        return 1


class BatchCalls:
    """recvmmsg and sendmmsg, called through cffi without a compiler; bursts to one receiver are one message (GSO)."""

    def __init__(self, sock: socket.socket, receiving: Slots, sending: Slots) -> None:
        self._fd = sock.fileno()
        self._lib: Any = _ffi.dlopen(None)
        self._plain = PlainCalls(sock, receiving, sending)
        self._receiving = receiving
        self._sending = sending
        self._segments = True
        self._keep: list[Any] = []
        self._names: dict[Address, Any] = {}
        self._address_bytes = len(to_address(*sock.getsockname()[:2]))
        self._prepare_receiving()
        self._prepare_sending()

    def _prepare_receiving(self) -> None:
        number = len(self._receiving.views)
        vectors, names = _ffi.new("struct iovec[]", number), _ffi.new("char[]", number * self._address_bytes)
        self._in = _ffi.new("struct mmsghdr[]", number)
        self._in_messages = [self._in[index] for index in range(number)]
        self._in_names = []
        for index, slot in enumerate(self._base(self._receiving)):
            name = names + index * self._address_bytes
            vectors[index] = (slot, SLOT_BYTES)
            self._in[index].msg_hdr = (name, self._address_bytes, vectors + index, 1, _ffi.NULL, 0, 0)
            self._in_names.append(_ffi.buffer(name, self._address_bytes))
        self._keep += [vectors, names]

    def _prepare_sending(self) -> None:
        number = len(self._sending.views)
        self._out = _ffi.new("struct mmsghdr[]", number)
        self._out_messages = [self._out[index] for index in range(number)]
        self._out_headers = [self._out[index].msg_hdr for index in range(number)]
        vectors, controls = _ffi.new("struct iovec[]", number), _ffi.new("struct segmented[]", number)
        self._out_bases = self._base(self._sending)
        self._out_vectors = [vectors[index] for index in range(number)]
        self._out_starts = [vectors + index for index in range(number)]
        # What the vectors and headers hold from the last time: most of it is the same each time, and to write is dear.
        self._placed = [-1] * number
        self._begun = [-1] * number
        self._joined = [0] * number
        self._out_controls = [controls[index] for index in range(number)]
        for index, header in enumerate(self._out_headers):
            header.msg_namelen = self._address_bytes
            header.msg_control = controls + index
            controls[index] = (_ffi.offsetof("struct segmented", "size") + 2, socket.IPPROTO_UDP, UDP_SEGMENT, 0)
        self._keep += [vectors, controls]

    def _base(self, slots: Slots) -> list[Any]:
        base = _ffi.from_buffer("char[]", slots.arena)
        self._keep.append(base)
        return [base + index * SLOT_BYTES + slots.room for index in range(len(slots.views))]

    def receive(self) -> int:
        slots, messages, names = self._receiving, self._in_messages, self._in_names
        count = int(self._lib.recvmmsg(self._fd, self._in, len(messages), 0, _ffi.NULL))
        for index in range(count):
            slots.lengths[index] = messages[index].msg_len
            slots.addresses[index] = names[index][:]
        return max(count, 0)

    def send(self, count: int) -> int:
        wanted = self.wanted(count)
        self._write_headers(wanted)
        sent = at = 0
        while at < len(wanted):
            taken = int(self._lib.sendmmsg(self._fd, self._out + at, len(wanted) - at, 0))
            if taken > 0:
                sent += sum(map(len, wanted[at : at + taken]))
                at += taken
            elif _ffi.errno in (errno.EAGAIN, errno.ENOBUFS):
                break
            else:
                sent += self.send_singly(wanted[at], _ffi.errno)
                at += 1
        return sent

    def wanted(self, count: int) -> list[list[int]]:
        """The first `count` slots as the messages that they leave in."""
        if self._segments:
            return bursts(self._sending.addresses, self._sending.lengths, count)
        return [[index] for index in range(count)]

    def _write_headers(self, wanted: list[list[int]]) -> None:
        lengths, vectors, bases = self._sending.lengths, self._out_vectors, self._out_bases
        placed, begun, joined = self._placed, self._begun, self._joined
        at = 0
        for number, burst in enumerate(wanted):
            header, first, count = self._out_headers[number], burst[0], len(burst)
            header.msg_name = self._name(self._sending.addresses[first])
            if begun[number] != at:
                begun[number] = at
                header.msg_iov = self._out_starts[at]
            if joined[number] != count:
                joined[number] = count
                header.msg_iovlen = count
                header.msg_controllen = _CONTROL_BYTES if count > 1 else 0
            if count > 1:
                self._out_controls[number].size = lengths[first]
            for index in burst:
                vector = vectors[at]
                if placed[at] != index:
                    placed[at] = index
                    vector.iov_base = bases[index]
                vector.iov_len = lengths[index]
                at += 1

    def _name(self, address: Address) -> Any:
        name = self._names.get(address)
        if name is None:
            if len(self._names) >= MAX_KNOWN_ADDRESSES:
                self._names.clear()
            name = self._names[address] = _ffi.new("char[]", address)
        return name

    def send_singly(self, burst: list[int], why: int) -> int:
        """Send a refused burst packet by packet; to a device that cannot checksum bursts (EIO) none goes any more."""
        if why == errno.EIO:
            self._segments = False
        return sum(self._plain.send_one(index) for index in burst)
