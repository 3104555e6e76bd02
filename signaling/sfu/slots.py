"""Memory for packets, allocated once: each is read, decrypted, written and encrypted where it lies."""

from __future__ import annotations

from mmap import mmap
from typing import Any, Final

from librt.vecs import vec
from mypy_extensions import i64
from pylibsrtp._binding import ffi

from signaling.sfu.addresses import Address

SLOT_BYTES: Final = 2048
"""One packet with its SRTP trailer; larger than any Ethernet frame."""


class Slot:
    """Room for one packet, from `at` in a mapping on; `pointer` is where libsrtp finds it."""

    __slots__ = ("_at", "_memory", "pointer")

    def __init__(self, memory: mmap, base: Any, at: int) -> None:
        self._memory = memory
        self._at = at
        self.pointer = base + at

    def octet(self, index: int) -> int:
        """One byte of the packet."""
        return self._memory[self._at + index]

    def read(self, length: int) -> bytes:
        """The first bytes of the packet, copied."""
        return self._memory[self._at : self._at + length]

    def write(self, data: bytes, index: int = 0) -> None:
        """Put bytes at an index, which may lie before the packet where there is room."""
        self._memory[self._at + index : self._at + index + len(data)] = data


class Slots:
    """Slots with the length of each packet and the address that it is from or for.

    A packet begins `room` bytes into its slot.
    """

    def __init__(self, number: int, room: int = 0) -> None:
        self.room = room
        # Of such a mapping only the pages of slots that were ever used take memory.
        self.memory = mmap(-1, number * SLOT_BYTES)
        base = ffi.from_buffer("char[]", self.memory)
        self.slots = [Slot(self.memory, base, at + room) for at in range(0, len(self.memory), SLOT_BYTES)]
        self.lengths = vec[i64]([0] * number)
        self.addresses: list[Address] = [b""] * number
