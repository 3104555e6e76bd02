"""Reading and sending many datagrams with one system call, into memory that is never allocated anew."""

from __future__ import annotations

import errno
import socket
import sys
from typing import Any, Final

from cffi import FFI
from librt.vecs import vec
from mypy_extensions import i64

from signaling.sfu.network import native
from signaling.sfu.network.addresses import Address, from_address, to_address
from signaling.sfu.network.native import address_of
from signaling.sfu.network.slots import SLOT_BYTES, Slots

RECEIVED_AT_ONCE: Final = 32
"""What came in is sent on before more is taken, so that a packet waits for few others."""
SENT_AT_ONCE: Final = 1024
"""More than are received, because a packet goes to many; the last picture of a large room still leaves as bursts."""
FEW: Final = 3
"""Fewer packets than these cost less as messages of their own than a burst that is cut."""
MAX_SEGMENTS: Final = 64
"""Packets in one burst to one receiver (Linux, UDP_MAX_SEGMENTS)."""
MAX_BURST_BYTES: Final = 65_000
"""A little less than an IP packet may hold, headers included."""
UDP_SEGMENT = 103
"""The control message that has the kernel cut a burst into packets (linux/udp.h); Python does not name it."""
MAX_KNOWN_ADDRESSES = 4096
RECENT: Final = 1024
"""Senders whose address need not be made anew, by ten bits of their port."""

_ffi: Final = FFI()
_ffi.cdef(
    """
    struct iovec { void *iov_base; size_t iov_len; };
    struct msghdr { void *msg_name; unsigned int msg_namelen; struct iovec *msg_iov; size_t msg_iovlen;
                    void *msg_control; size_t msg_controllen; int msg_flags; };
    struct mmsghdr { struct msghdr msg_hdr; unsigned int msg_len; };
    struct segmented { size_t cmsg_len; int cmsg_level; int cmsg_type; uint16_t size; };
    """
)

# The structs above as words of 64 bits: machine code writes those without an object for each number.
_MESSAGE_WORDS: Final = 8
_MESSAGE_BYTES: Final = 64
_NAME: Final = 0
_NAME_LENGTH: Final = 1
_VECTORS: Final = 2
_VECTOR_COUNT: Final = 3
_CONTROL: Final = 4
_CONTROL_LENGTH: Final = 5
_LENGTH: Final = 7
_VECTOR_WORDS: Final = 2
_VECTOR_BYTES: Final = 16
_CONTROL_WORDS: Final = 3
_CONTROL_BYTES: Final = 24
_CONTROL_USED_BYTES: Final = 18
_SIZE: Final = 2
_NAME_WORDS: Final = 4
_NAME_ROOM_BYTES: Final = 32


def are_supported() -> bool:
    """Whether this system has such calls, and structs of the words that they are written as here."""
    return (
        sys.platform == "linux"
        and sys.byteorder == "little"
        and _ffi.sizeof("struct mmsghdr") == _MESSAGE_BYTES
        and _ffi.offsetof("struct mmsghdr", "msg_len") == 8 * _LENGTH
        and _ffi.sizeof("struct segmented") == _CONTROL_BYTES
    )


class Bursts:
    """Which slots leave as one message: packets to one receiver, in that receiver's order (pure).

    All packets of a burst but the last are of one size, and the last is no larger: what UDP_SEGMENT can cut. `of` has
    the burst of each slot; each burst has its packets counted, and its first and last slot.
    """

    def __init__(self, number: int) -> None:
        self.of = _words(number)
        self.counts = _words(number)
        self.firsts = _words(number)
        self.lasts = _words(number)
        self._growing: dict[Address, int] = {}

    def arrange(self, slots: Slots, count: i64, *, are_cut: bool) -> i64:
        """Arrange the first `count` slots; returns how many bursts they make.

        Where bursts are not cut, and of few packets, each is a burst of its own.
        """
        of, counts, firsts, lasts, addresses = self.of, self.counts, self.firsts, self.lasts, slots.addresses
        is_each_its_own = count < FEW or not are_cut
        number: i64 = 0
        burst: i64 = -1
        before: Address | None = None
        for index in range(count):
            if not is_each_its_own:
                address = addresses[index]
                if address is not before:
                    burst, before = self._growing.get(address, -1), address
                if burst >= 0 and self._fits(burst, slots.lengths, slots.lengths[index]):
                    of[index] = burst
                    counts[burst] += 1
                    lasts[burst] = index
                    continue
                burst = number
                self._growing[address] = int(burst)
            of[index] = number
            counts[number] = 1
            firsts[number] = lasts[number] = index
            number += 1
        if not is_each_its_own:
            self._growing.clear()
        return number

    def _fits(self, burst: i64, lengths: vec[i64], length: i64) -> bool:
        size, number = lengths[self.firsts[burst]], self.counts[burst]
        is_whole = lengths[self.lasts[burst]] == size
        return is_whole and length <= size and number < MAX_SEGMENTS and (number + 1) * size <= MAX_BURST_BYTES


class Calls:
    """The system calls; there are two kinds. No protocol, because machine code calls what it knows without a look."""

    def __init__(self, receiving: Slots, sending: Slots) -> None:
        self._receiving = receiving
        self._sending = sending

    def receive(self) -> int:
        """Fill the receiving slots with what waits; returns how many."""
        raise NotImplementedError

    def send(self, count: int) -> int:
        """Send the first `count` sending slots; returns how many the system took."""
        raise NotImplementedError


class PlainCalls(Calls):
    """One call a packet, for systems without recvmmsg."""

    def __init__(self, sock: socket.socket, receiving: Slots, sending: Slots) -> None:
        super().__init__(receiving, sending)
        self._socket = sock

    def receive(self) -> int:
        count = 0
        slots = self._receiving
        while count < len(slots.slots):
            try:
                data, source = self._socket.recvfrom(SLOT_BYTES)
            except (BlockingIOError, InterruptedError):
                break
            except OSError:
                continue
            slots.slots[count].write(data)
            slots.lengths[count] = len(data)
            slots.addresses[count] = to_address(source[0], source[1])
            count += 1
        return count

    def send(self, count: int) -> int:
        return sum(self.send_one(index) for index in range(count))

    def send_one(self, index: int) -> int:
        """Send one slot; returns whether the system took it."""
        slots = self._sending
        packet = slots.slots[index].read(slots.lengths[index])
        try:
            self._socket.sendto(packet, from_address(slots.addresses[index]))
        except OSError:
            return 0
        return 1


class BatchCalls(Calls):
    """recvmmsg and sendmmsg; bursts to one receiver are one message (GSO)."""

    def __init__(self, sock: socket.socket, receiving: Slots, sending: Slots) -> None:
        super().__init__(receiving, sending)
        self._fd = sock.fileno()
        functions = native.load()
        self._recvmmsg, self._sendmmsg = functions.receive, functions.send
        self._plain = PlainCalls(sock, receiving, sending)
        self._are_cut = True
        self._names: dict[Address, int] = {}
        self._named: list[Any] = []
        self._name_bytes = len(to_address(*sock.getsockname()[:2]))
        self._prepare_receiving(len(receiving.slots))
        self._prepare_sending(len(sending.slots))

    def _prepare_receiving(self, number: int) -> None:
        self._in = _words(number * _MESSAGE_WORDS)
        # Objects, because they are handed on as such for each batch.
        self._in_at: Any = _begin(self._in)
        self._in_number: Any = number
        self._in_vectors = _words(number * _VECTOR_WORDS)
        self._in_names = _words(number * _NAME_WORDS)
        self._in_names_bytes = _ffi.buffer(_ffi.from_buffer("char[]", self._in_names))
        self._recent = _words(RECENT * _NAME_WORDS)
        self._recent_addresses: list[Address] = [b""] * RECENT
        vectors, names = _begin(self._in_vectors), _begin(self._in_names)
        for index, slot in enumerate(self._receiving.slots):
            self._in_vectors[index * _VECTOR_WORDS] = slot.address
            self._in_vectors[index * _VECTOR_WORDS + 1] = SLOT_BYTES
            at = index * _MESSAGE_WORDS
            self._in[at + _NAME] = names + index * _NAME_ROOM_BYTES
            self._in[at + _NAME_LENGTH] = self._name_bytes
            self._in[at + _VECTORS] = vectors + index * _VECTOR_BYTES
            self._in[at + _VECTOR_COUNT] = 1

    def _prepare_sending(self, number: int) -> None:
        self._bursts = Bursts(number)
        self._out = _words(number * _MESSAGE_WORDS)
        self._out_at: Any = _begin(self._out)
        self._out_vectors = _words(number * _VECTOR_WORDS)
        self._out_vectors_at: i64 = _begin(self._out_vectors)
        self._out_controls = _words(number * _CONTROL_WORDS)
        self._out_free = _words(number)
        controls = _begin(self._out_controls)
        self._out_pointers = vec[i64]([slot.address for slot in self._sending.slots])
        for index in range(number):
            self._out_controls[index * _CONTROL_WORDS] = _CONTROL_USED_BYTES
            self._out_controls[index * _CONTROL_WORDS + 1] = UDP_SEGMENT << 32 | socket.IPPROTO_UDP
            self._out[index * _MESSAGE_WORDS + _NAME_LENGTH] = self._name_bytes
            self._out[index * _MESSAGE_WORDS + _CONTROL] = controls + index * _CONTROL_BYTES

    def receive(self) -> int:
        slots = self._receiving
        count: int = self._recvmmsg(self._fd, self._in_at, self._in_number)
        for index in range(count):
            slots.lengths[index] = self._in[index * _MESSAGE_WORDS + _LENGTH]
            slots.addresses[index] = self._source(index)
        return max(0, count)

    def _source(self, index: int) -> Address:
        """Whom a packet is from; of who sent lately the very object of last time, whose hash is known."""
        names, recent, at = self._in_names, self._recent, index * _NAME_WORDS
        first = names[at]
        # The port is the word's second pair of octets, the higher one first.
        place = first >> 24 & 0xFF | first >> 8 & 0x300
        known = place * _NAME_WORDS
        if (
            recent[known] != first
            or recent[known + 1] != names[at + 1]
            or recent[known + 2] != names[at + 2]
            or recent[known + 3] != names[at + 3]
        ):
            for word in range(_NAME_WORDS):
                recent[known + word] = names[at + word]
            begin = index * _NAME_ROOM_BYTES
            self._recent_addresses[place] = self._in_names_bytes[begin : begin + self._name_bytes]
        return self._recent_addresses[place]

    def send(self, count: int) -> int:
        number: int = self._write_messages(count)
        taken: int = self._sendmmsg(self._fd, self._out_at, number)
        return count if taken == number else self._send_rest(number, taken)

    def _send_rest(self, number: int, taken: int) -> int:
        """Go on after a call that took fewer messages than there are, or none; returns how many packets left."""
        sent = at = 0
        while True:
            if taken > 0:
                for burst in range(at, at + taken):
                    sent += int(self._bursts.counts[burst])
                at += taken
            elif -taken in (errno.EAGAIN, errno.ENOBUFS):
                return sent
            else:
                sent += self.send_singly(at, -taken)
                at += 1
            if at == number:
                return sent
            taken = self._sendmmsg(self._fd, self._out_at + at * _MESSAGE_BYTES, number - at)

    def _write_messages(self, count: i64) -> i64:
        """Write the first `count` slots as the messages that they leave in; returns how many those are."""
        bursts, free = self._bursts, self._out_free
        number = bursts.arrange(self._sending, count, are_cut=self._are_cut)
        lengths, addresses = self._sending.lengths, self._sending.addresses
        messages, vectors, controls, pointers = self._out, self._out_vectors, self._out_controls, self._out_pointers
        if len(self._names) >= MAX_KNOWN_ADDRESSES:
            # Not later: what the headers point to must last until they are sent.
            self._names.clear()
            self._named.clear()
        at: i64 = 0
        for burst in range(number):
            word, first, packets = burst * _MESSAGE_WORDS, bursts.firsts[burst], bursts.counts[burst]
            messages[word + _NAME] = self._name(addresses[first])
            messages[word + _VECTORS] = self._out_vectors_at + at * _VECTOR_BYTES
            messages[word + _VECTOR_COUNT] = packets
            messages[word + _CONTROL_LENGTH] = _CONTROL_BYTES if packets > 1 else 0
            controls[burst * _CONTROL_WORDS + _SIZE] = lengths[first]
            free[burst] = at
            at += packets
        for index in range(count):
            place = free[bursts.of[index]]
            free[bursts.of[index]] = place + 1
            vectors[place * _VECTOR_WORDS] = pointers[index]
            vectors[place * _VECTOR_WORDS + 1] = lengths[index]
        return number

    def _name(self, address: Address) -> int:
        """Where in memory an address lies."""
        name = self._names.get(address)
        if name is None:
            kept = _ffi.new("char[]", address)
            self._named.append(kept)
            name = self._names[address] = address_of(kept)
        return name

    def send_singly(self, burst: int, why: int) -> int:
        """Send a refused burst packet by packet; to a device that cannot checksum bursts (EIO) none goes any more."""
        if why == errno.EIO:
            self._are_cut = False
        bursts = self._bursts
        slots = range(int(bursts.firsts[burst]), int(bursts.lasts[burst]) + 1)
        return sum(self._plain.send_one(index) for index in slots if bursts.of[index] == burst)


def _words(number: int) -> vec[i64]:
    return vec[i64]([0] * number)


def _begin(words: vec[i64]) -> int:
    return address_of(_ffi.from_buffer(words))
