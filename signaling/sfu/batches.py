"""Reading and sending many datagrams with one system call, into memory that is never allocated anew."""

from __future__ import annotations

import socket
import struct
from typing import Any, Protocol

from cffi import FFI

from signaling.sfu.transport import pointers

Address = bytes
"""A raw sockaddr: cheap to compare, and never turned into text on the forwarding path."""

SLOT_BYTES = 2048
"""One packet with its SRTP trailer; larger than any Ethernet frame."""
SLOTS = 128
ADDRESS_BYTES = 28

_ffi = FFI()
_ffi.cdef(
    """
    struct iovec { void *iov_base; size_t iov_len; };
    struct msghdr { void *msg_name; unsigned int msg_namelen; struct iovec *msg_iov; size_t msg_iovlen;
                    void *msg_control; size_t msg_controllen; int msg_flags; };
    struct mmsghdr { struct msghdr msg_hdr; unsigned int msg_len; };
    int sendmmsg(int fd, struct mmsghdr *messages, unsigned int count, int flags);
    int recvmmsg(int fd, struct mmsghdr *messages, unsigned int count, int flags, void *timeout);
    """
)


def to_address(host: str, port: int) -> Address:
    """The raw form of an IPv4 or IPv6 address."""
    if ":" in host:
        return struct.pack("=H", socket.AF_INET6) + struct.pack(
            "!HI16sI", port, 0, socket.inet_pton(socket.AF_INET6, host), 0
        )
    return struct.pack("=H", socket.AF_INET) + struct.pack("!H4s8x", port, socket.inet_aton(host))


def from_address(address: Address) -> tuple[str, int]:
    """Host and port of a raw address."""
    port = struct.unpack_from("!H", address, 2)[0]
    if struct.unpack_from("=H", address)[0] == socket.AF_INET6:
        return socket.inet_ntop(socket.AF_INET6, address[8:24]), port
    return socket.inet_ntoa(address[4:8]), port


class Slots:
    """A fixed arena of packet buffers, with each slot's view, libsrtp address and peer address."""

    def __init__(self) -> None:
        self.arena = bytearray(SLOTS * SLOT_BYTES)
        whole = memoryview(self.arena)
        self.views = [whole[at : at + SLOT_BYTES] for at in range(0, len(self.arena), SLOT_BYTES)]
        self.pointers = pointers(self.arena, SLOT_BYTES)
        self.lengths = [0] * SLOTS
        self.addresses: list[Address] = [b""] * SLOTS


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
        while count < SLOTS:
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
        slots = self._sending
        for index in range(count):
            try:
                self._socket.sendto(slots.views[index][: slots.lengths[index]], from_address(slots.addresses[index]))
            except OSError:
                return index
        return count


class BatchCalls:
    """recvmmsg and sendmmsg, called through cffi without a compiler."""

    def __init__(self, sock: socket.socket, receiving: Slots, sending: Slots) -> None:
        self._fd = sock.fileno()
        self._lib: Any = _ffi.dlopen(None)
        self._receiving = receiving
        self._sending = sending
        self._keep: list[Any] = []
        self._in, self._in_names, _ = self._headers(receiving)
        self._out, self._out_names, self._out_vectors = self._headers(sending)

    def _headers(self, slots: Slots) -> tuple[Any, list[Any], Any]:
        headers = _ffi.new("struct mmsghdr[]", SLOTS)
        vectors = _ffi.new("struct iovec[]", SLOTS)
        names = _ffi.new("char[]", SLOTS * ADDRESS_BYTES)
        base = _ffi.from_buffer("char[]", slots.arena)
        self._keep += [vectors, names, base]
        for index in range(SLOTS):
            vectors[index].iov_base = base + index * SLOT_BYTES
            vectors[index].iov_len = SLOT_BYTES
            header = headers[index].msg_hdr
            header.msg_name = names + index * ADDRESS_BYTES
            header.msg_namelen = ADDRESS_BYTES
            header.msg_iov = _ffi.addressof(vectors[index])
            header.msg_iovlen = 1
        buffers = [_ffi.buffer(names + index * ADDRESS_BYTES, ADDRESS_BYTES) for index in range(SLOTS)]
        return headers, buffers, vectors

    def receive(self) -> int:
        headers, slots = self._in, self._receiving
        count = int(self._lib.recvmmsg(self._fd, headers, SLOTS, 0, _ffi.NULL))
        for index in range(count):
            message = headers[index]
            slots.lengths[index] = message.msg_len
            slots.addresses[index] = self._in_names[index][: message.msg_hdr.msg_namelen]
            message.msg_hdr.msg_namelen = ADDRESS_BYTES
        return max(count, 0)

    def send(self, count: int) -> int:
        headers, slots = self._out, self._sending
        for index in range(count):
            address = slots.addresses[index]
            self._out_names[index][: len(address)] = address
            headers[index].msg_hdr.msg_namelen = len(address)
            self._out_vectors[index].iov_len = slots.lengths[index]
        return max(int(self._lib.sendmmsg(self._fd, headers, count, 0)), 0)
