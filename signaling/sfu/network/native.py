"""Copying, encrypting and the calls for many datagrams: machine code where the media path is, else by cffi's ABI mode.

`native.c` is what is called where there is a C compiler; `Portable` does the same without. Memory, and libsrtp's
functions and sessions, are named by their addresses.
"""

from __future__ import annotations

import importlib
from typing import Any, Final

from cffi import FFI

from signaling.compiled import NATIVE_MODULE

_ffi: Final = FFI()
_ffi.cdef(
    """
    typedef int (*work)(intptr_t session, intptr_t packet, int *length);
    int sendmmsg(int fd, intptr_t messages, unsigned int count, int flags);
    int recvmmsg(int fd, intptr_t messages, unsigned int count, int flags, intptr_t timeout);
    """
)
# Pointers are declared as the numbers that they are given as: to make pointers of them first takes as long as the call.


def address_of(pointer: Any) -> int:
    """Where in memory a pointer of cffi's points."""
    return int(_ffi.cast("intptr_t", pointer))


def is_rtcp(second: int) -> bool:
    """Whether a packet's second octet is RTCP's, or SRTCP's, and not RTP's (RFC 5761 §4)."""
    return 192 <= second < 224


class Portable:
    """The four functions without a compiler."""

    def __init__(self) -> None:
        self._lib: Any = _ffi.dlopen(None)
        self._works: dict[int, Any] = {}
        self._length = _ffi.new("int *")

    def seal(self, work: int, session: int, memory: int, room: int, head: bytes, data: bytes, at: int, end: int) -> int:
        """Write `head` and `data[at:end]` to memory with this much room, and have libsrtp's `work` encrypt them there.

        Returns the packet's length, or 0 when it was refused. Raises ValueError when it does not fit.
        """
        if not 0 <= at <= end <= len(data) or len(head) + end - at > room:
            raise ValueError("more than a slot holds, or than there is")
        packet = head + data[at:end]
        _ffi.memmove(_ffi.cast("char *", memory), packet, len(packet))
        return self._do(work, session, memory, len(packet))

    def unseal(self, rtp: int, rtcp: int, session: int, memory: int, length: int) -> bytes | None:
        """What libsrtp's work for either kind of packet makes of the one in memory; empty when it is not genuine.

        None when it is neither (RFC 7983, RFC 5761).
        """
        first, second = _ffi.cast("unsigned char *", memory)[0:2]
        if length < 2 or first >> 6 != 2:
            return None
        length = self._do(rtcp if is_rtcp(second) else rtp, session, memory, length)
        return bytes(_ffi.buffer(_ffi.cast("char *", memory), length))

    def _do(self, work: int, session: int, memory: int, length: int) -> int:
        made = self._works.get(work)
        if made is None:
            made = self._works[work] = _ffi.cast("work", work)
        self._length[0] = length
        refused = made(session, memory, self._length)
        return 0 if refused else int(self._length[0])

    def receive(self, fd: int, messages: int, count: int) -> int:
        """Call recvmmsg; returns how many messages came, or the negative of what is wrong (errno)."""
        done = self._lib.recvmmsg(fd, messages, count, 0, 0)
        return -_ffi.errno if done < 0 else int(done)

    def send(self, fd: int, messages: int, count: int) -> int:
        """Call sendmmsg; returns how many messages left, or the negative of what is wrong (errno)."""
        done = self._lib.sendmmsg(fd, messages, count, 0)
        return -_ffi.errno if done < 0 else int(done)


def load() -> Any:
    """The four functions: machine code where the media path is."""
    try:
        return importlib.import_module(NATIVE_MODULE)
    except ImportError:
        return Portable()
