"""What is written in C does what its stand-in does, and neither writes where it must not."""

from __future__ import annotations

import errno
import importlib.util
import socket
from typing import Any

import pytest
from cffi import FFI

from signaling import compiled
from signaling.sfu.network import batches
from signaling.sfu.network.native import Portable, address_of, is_rtcp
from signaling.sfu.network.slots import MAX_PACKET_BYTES, SLOT_BYTES, Slots

# Even where the media path is interpreted today.
MADE = next(compiled.place().glob("network/_native*"), None)
SESSION = 7

ffi = FFI()


def _native() -> Any:
    if MADE is None:
        pytest.skip("what is written in C is not compiled here")
    spec = importlib.util.spec_from_file_location(compiled.NATIVE_MODULE, MADE)
    assert spec is not None
    return importlib.util.module_from_spec(spec)


@pytest.fixture(params=["Python", "C"])
def functions(request: pytest.FixtureRequest) -> Any:
    """The functions in either language."""
    return _native() if request.param == "C" else Portable()


class _Libsrtp:
    """Two functions of libsrtp's kind: each appends a letter of its own, or refuses."""

    def __init__(self) -> None:
        self.sessions: list[int] = []
        self.is_refusing = False
        kind = "int(void *, void *, int *)"
        self._kept = [ffi.callback(kind, self._appending(letter)) for letter in (b"P", b"C")]
        self.rtp, self.rtcp = (address_of(function) for function in self._kept)

    def _appending(self, letter: bytes) -> Any:
        def work(session: Any, packet: Any, length: Any) -> int:
            self.sessions.append(address_of(session))
            ffi.buffer(packet, length[0] + 1)[length[0] : length[0] + 1] = letter
            length[0] += 1
            return int(self.is_refusing)

        return work


@pytest.fixture
def libsrtp() -> _Libsrtp:
    """Kept until the test is over, for what calls it knows only addresses."""
    return _Libsrtp()


def test_a_packet_is_put_together_and_protected(functions: Any, libsrtp: _Libsrtp) -> None:
    slot = Slots(2).slots[1]
    assert functions.seal(libsrtp.rtp, SESSION, slot.address, 20, b"head", b"in a payload", 5, 12) == 12
    assert slot.read(12) == b"headpayloadP"
    assert functions.seal(libsrtp.rtcp, SESSION, slot.address, 20, b"report", b"", 0, 0) == 7
    assert slot.read(7) == b"reportC"
    assert libsrtp.sessions == [SESSION, SESSION]
    libsrtp.is_refusing = True
    assert functions.seal(libsrtp.rtp, SESSION, slot.address, 20, b"head", b"", 0, 0) == 0


@pytest.mark.parametrize(
    ("head", "data", "at", "end"),
    [
        (b"h" * 21, b"", 0, 0),
        (b"h" * 10, b"d" * 11, 0, 11),
        (b"", b"d" * 30, 0, 21),
        (b"", b"data", -1, 4),
        (b"", b"data", 0, 5),
        (b"", b"data", 3, 2),
        (b"", b"data", 5, 5),
        (b"", b"data", 0, 2**40),
    ],
)
def test_what_does_not_fit_or_is_not_there_is_refused(
    functions: Any, libsrtp: _Libsrtp, head: bytes, data: bytes, at: int, end: int
) -> None:
    slots = Slots(2)
    with pytest.raises(ValueError, match="more than a slot holds"):
        functions.seal(libsrtp.rtp, SESSION, slots.slots[0].address, 20, head, data, at, end)
    assert not any(slots.memory[:])
    assert not libsrtp.sessions


def test_the_longest_packet_leaves_room_for_its_trailer(functions: Any, libsrtp: _Libsrtp) -> None:
    slots = Slots(2)
    data = bytes((1,)) * MAX_PACKET_BYTES
    at = slots.slots[0].address
    assert functions.seal(libsrtp.rtp, SESSION, at, MAX_PACKET_BYTES, b"", data, 0, len(data)) == len(data) + 1
    assert not any(slots.memory[SLOT_BYTES:])


def test_each_kind_of_packet_is_decrypted_as_what_it_is(functions: Any, libsrtp: _Libsrtp) -> None:
    slot = Slots(1).slots[0]
    for first in range(256):
        for second in (0, 96, 127, 128, 191, 192, 200, 223, 224, 255):
            packet = bytes((first, second)) + b"body"
            slot.write(packet)
            found = functions.unseal(libsrtp.rtp, libsrtp.rtcp, SESSION, slot.address, len(packet))
            is_media = 128 <= first < 192
            assert found == (packet + (b"C" if is_rtcp(second) else b"P") if is_media else None)
    libsrtp.is_refusing = True
    slot.write(bytes((128, 96)))
    assert functions.unseal(libsrtp.rtp, libsrtp.rtcp, SESSION, slot.address, 2) == b""
    assert functions.unseal(libsrtp.rtp, libsrtp.rtcp, SESSION, slot.address, 1) is None


@pytest.mark.skipif(not batches.are_supported(), reason="the calls for many datagrams are Linux's")
def test_what_the_system_says_is_wrong_comes_back_as_its_number(functions: Any) -> None:
    messages = ffi.new("char[64]")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(0)
        assert functions.receive(sock.fileno(), address_of(messages), 1) == -errno.EAGAIN
        assert functions.send(sock.fileno(), address_of(messages), 1) == -errno.EDESTADDRREQ
    assert functions.receive(-1, address_of(messages), 1) == -errno.EBADF


def test_c_says_what_it_was_given_wrong() -> None:
    native = _native()
    for name, number in (("seal", 8), ("unseal", 5), ("receive", 3), ("send", 3)):
        with pytest.raises(TypeError, match=f"{name} takes {number} arguments, not 1"):
            getattr(native, name)(1)
        with pytest.raises(TypeError, match="int"):
            getattr(native, name)(*("x",) * number)
    with pytest.raises(TypeError, match="made of bytes"):
        native.seal(0, 0, 0, 20, bytearray(b"head"), b"", 0, 0)
