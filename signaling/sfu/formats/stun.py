"""STUN: the connectivity check and its answer, read and written (RFC 8489, RFC 8445 §7)."""

from __future__ import annotations

import hmac
from binascii import crc32
from typing import Final

REQUEST: Final = 0x0001
ANSWER: Final = 0x0101
"""A binding request, and the response that it succeeded."""
TRANSACTION_BYTES: Final = 12
_COOKIE: Final = b"\x21\x12\xa4\x42"
_HEADER_BYTES: Final = 20
_USERNAME: Final = 0x0006
_MESSAGE_INTEGRITY: Final = 0x0008
_XOR_MAPPED_ADDRESS: Final = 0x0020
_PRIORITY: Final = 0x0024
_USE_CANDIDATE: Final = 0x0025
_FINGERPRINT: Final = 0x8028
_ICE_CONTROLLED: Final = 0x8029
_DIGEST_BYTES: Final = 20
_FINGERPRINT_MASK: Final = 0x5354554E
_IPV4: Final = b"\x01"
_IPV6: Final = b"\x02"
_PROBE_PRIORITY: Final = 1862270975
"""Of a peer-reflexive candidate (RFC 8445 §5.1.2.1)."""


class Message:
    """A message whose form is right; only `is_genuine` tells whether anybody who may has sent it."""

    __slots__ = ("_data", "_integrity_at", "is_nominated", "kind", "transaction_id", "username")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._integrity_at = -1
        self.kind = data[0] << 8 | data[1]
        self.transaction_id = data[8:_HEADER_BYTES]
        self.username = b""
        self.is_nominated = False

    def read_attributes(self) -> None:
        """Find what is of use. Raises ValueError for what is cut short, or was damaged on its way."""
        data, at = self._data, _HEADER_BYTES
        while at < len(data):
            if at + 4 > len(data):
                raise ValueError("STUN attribute cut short")
            kind, length = data[at] << 8 | data[at + 1], data[at + 2] << 8 | data[at + 3]
            end = at + 4 + length
            if end > len(data):
                raise ValueError("STUN attribute cut short")
            if kind == _FINGERPRINT:
                if end != len(data) or data[at + 4 :] != _fingerprint(data[:at]):
                    raise ValueError("STUN message damaged")
            elif self._integrity_at >= 0:
                # Whatever else follows the digest was not signed (RFC 8489 §14.5).
                pass
            elif kind == _MESSAGE_INTEGRITY:
                if length != _DIGEST_BYTES:
                    raise ValueError("STUN digest of another length")
                self._integrity_at = at
            elif kind == _USERNAME:
                self.username = data[at + 4 : end]
            elif kind == _USE_CANDIDATE:
                self.is_nominated = True
            at = end + (-length & 3)

    def is_genuine(self, password: bytes) -> bool:
        """Whether whoever wrote it knows the password."""
        at = self._integrity_at
        if at < 0:
            return False
        return hmac.compare_digest(self._data[at + 4 : at + 4 + _DIGEST_BYTES], _digest(self._data[:at], password))


def parse(data: bytes) -> Message:
    """Read a message. Raises ValueError for one that is none, is cut short, or was damaged on its way."""
    if len(data) < _HEADER_BYTES or data[4:8] != _COOKIE:
        raise ValueError("not a STUN message")
    if (data[2] << 8 | data[3]) != len(data) - _HEADER_BYTES or len(data) & 3:
        raise ValueError("STUN message of another length than it says")
    message = Message(data)
    message.read_attributes()
    return message


def answer(message: Message, host: bytes, port: bytes, password: bytes) -> bytes:
    """The response to a request, which tells where it came from: 4 or 16 bytes of host and 2 of port."""
    mask = _COOKIE + message.transaction_id
    mapped = b"\0" + (_IPV4 if len(host) == 4 else _IPV6) + _xor(port, mask) + _xor(host, mask)
    return _signed(ANSWER, message.transaction_id, _attribute(_XOR_MAPPED_ADDRESS, mapped), password)


def request(username: str, password: bytes, transaction_id: bytes) -> bytes:
    """A check of our own, as the controlled side sends it (RFC 8445 §7.1)."""
    attributes = (
        _attribute(_USERNAME, username.encode())
        + _attribute(_PRIORITY, _PROBE_PRIORITY.to_bytes(4, "big"))
        + _attribute(_ICE_CONTROLLED, bytes(8))
    )
    return _signed(REQUEST, transaction_id, attributes, password)


def _xor(value: bytes, mask: bytes) -> bytes:
    return bytes([value[index] ^ mask[index] for index in range(len(value))])


def _attribute(kind: int, value: bytes) -> bytes:
    head = bytes((kind >> 8, kind & 0xFF, len(value) >> 8, len(value) & 0xFF))
    return head + value + bytes(-len(value) & 3)


def _signed(kind: int, transaction_id: bytes, attributes: bytes, password: bytes) -> bytes:
    message = bytes((kind >> 8, kind & 0xFF)) + b"\0\0" + _COOKIE + transaction_id + attributes
    message += _attribute(_MESSAGE_INTEGRITY, _digest(message, password))
    message += _attribute(_FINGERPRINT, _fingerprint(message))
    return _of_length(message, len(message))


def _of_length(message: bytes, length: int) -> bytes:
    """The message with that length of its own, header included, in its header."""
    length -= _HEADER_BYTES
    return message[:2] + bytes((length >> 8, length & 0xFF)) + message[4:]


def _digest(before: bytes, password: bytes) -> bytes:
    """The digest of what stands before it, as if the message ended behind it (RFC 8489 §14.5)."""
    return hmac.digest(password, _of_length(before, len(before) + 4 + _DIGEST_BYTES), "sha1")


def _fingerprint(before: bytes) -> bytes:
    """The checksum of what stands before it, as if the message ended behind it (RFC 8489 §14.7)."""
    return (crc32(_of_length(before, len(before) + 8)) ^ _FINGERPRINT_MASK).to_bytes(4, "big")
