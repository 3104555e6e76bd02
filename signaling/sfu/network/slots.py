"""Memory for packets, allocated once: each is read, decrypted, written and encrypted where it lies."""

from __future__ import annotations

from mmap import mmap
from typing import Any, Final

from cffi import FFI
from librt.vecs import vec
from mypy_extensions import i64

from signaling.sfu.network.addresses import Address

_ffi: Final = FFI()

SLOT_BYTES: Final = 2048
"""One packet with its SRTP trailer; larger than any Ethernet frame."""


class Slot:
    """Room for one packet in a mapping, of which `room` bytes lie before it; `pointer` is where libsrtp finds it."""

    __slots__ = ("_at", "_memory", "_room", "pointer")

    def __init__(self, memory: mmap, base: Any, at: int, room: int) -> None:
        self._memory = memory
        self._at = at + room
        self._room = room
        self.pointer = base + self._at

    def octet(self, index: int) -> int:
        """One byte of the packet."""
        return self._memory[self._at + index]

    def read(self, length: int) -> bytes:
        """The first bytes of the packet, copied. Raises ValueError for more than fit."""
        if length > SLOT_BYTES - self._room:
            raise ValueError("more than a slot holds")
        return self._memory[self._at : self._at + length]

    def write(self, data: bytes, index: int = 0) -> None:
        """Put bytes at an index, which may lie before the packet. Raises ValueError where they would not fit."""
        if not -self._room <= index <= SLOT_BYTES - self._room - len(data):
            raise ValueError("more than a slot holds")
        self._memory[self._at + index : self._at + index + len(data)] = data


class Slots:
    """Slots with the length of each packet and the address that it is from or for.

    A packet begins `room` bytes into its slot.
    """

    def __init__(self, number: int, room: int = 0) -> None:
        self.room = room
        # Of such a mapping only the pages of slots that were ever used take memory.
        self.memory = mmap(-1, number * SLOT_BYTES)
        base = _ffi.from_buffer("char[]", self.memory)
        self.slots = [Slot(self.memory, base, at, room) for at in range(0, len(self.memory), SLOT_BYTES)]
        self.lengths = vec[i64]([0] * number)
        self.addresses: list[Address] = [b""] * number
