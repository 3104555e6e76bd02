"""Memory for packets, allocated once: each is read, decrypted, written and encrypted where it lies."""

from __future__ import annotations

from mmap import mmap
from typing import Any, Final

from cffi import FFI
from librt.vecs import vec
from mypy_extensions import i64

from signaling.sfu.network.addresses import Address
from signaling.sfu.network.native import address_of

_ffi: Final = FFI()

SLOT_BYTES: Final = 2048
"""One packet with its SRTP trailer; larger than any Ethernet frame."""
TRAILER_BYTES: Final = 160
"""At least what libsrtp may write behind a packet (SRTP_MAX_TRAILER_LEN)."""
MAX_PACKET_BYTES: Final = SLOT_BYTES - TRAILER_BYTES


class Slot:
    """Room for one packet in a mapping; `address` is where in memory that lies."""

    __slots__ = ("_at", "_memory", "address")

    def __init__(self, memory: mmap, base: int, at: int) -> None:
        self._memory = memory
        self._at = at
        # An object, because it is handed on as one for each packet.
        self.address: Any = base + at

    def octet(self, index: int) -> int:
        """One byte of the packet."""
        return self._memory[self._at + index]

    def read(self, length: int) -> bytes:
        """The first bytes of the packet, copied. Raises ValueError for more than fit."""
        if length > SLOT_BYTES:
            raise ValueError("more than a slot holds")
        return self._memory[self._at : self._at + length]

    def write(self, data: bytes) -> None:
        """Put a packet here. Raises ValueError when it does not fit."""
        if len(data) > SLOT_BYTES:
            raise ValueError("more than a slot holds")
        self._memory[self._at : self._at + len(data)] = data


class Slots:
    """Slots with the length of each packet and the address that it is from or for."""

    def __init__(self, number: int) -> None:
        # Of such a mapping only the pages of slots that were ever used take memory.
        self.memory = mmap(-1, number * SLOT_BYTES)
        base = address_of(_ffi.from_buffer("char[]", self.memory))
        self.slots = [Slot(self.memory, base, at) for at in range(0, len(self.memory), SLOT_BYTES)]
        self.lengths = vec[i64]([0] * number)
        self.addresses: list[Address] = [b""] * number
