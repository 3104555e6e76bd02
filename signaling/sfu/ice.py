"""ICE-lite: answering connectivity checks, and nothing else (RFC 8445 §2.5, RFC 8489)."""

from __future__ import annotations

import secrets
import string
from collections.abc import Callable
from dataclasses import dataclass

from aioice import stun

_ALPHABET = string.ascii_letters + string.digits


@dataclass(frozen=True, slots=True)
class Credentials:
    """Our user fragment and password for one ICE generation."""

    ufrag: str
    pwd: str


def new_credentials() -> Credentials:
    """Random credentials, far above the RFC's least lengths."""
    return Credentials(
        "".join(secrets.choice(_ALPHABET) for _ in range(12)),
        "".join(secrets.choice(_ALPHABET) for _ in range(32)),
    )


@dataclass(frozen=True, slots=True)
class Check:
    """A genuine connectivity check and the answer to send."""

    ufrag: str
    nominated: bool
    answer: bytes


def check(data: bytes, password: Callable[[str], str | None], source: tuple[str, int]) -> Check | None:
    """Verify a binding request and prepare its answer; None when it is not genuine.

    Whoever does not know the password gets no answer at all, so the server amplifies nothing.
    """
    message = _parse(data)
    if message is None:
        return None
    ufrag = str(message.attributes.get("USERNAME", "")).partition(":")[0]
    pwd = password(ufrag)
    if pwd is None or not message.check_message_integrity(pwd.encode()):
        return None
    answer = stun.Message(
        message_method=stun.Method.BINDING,
        message_class=stun.Class.RESPONSE,
        transaction_id=message.transaction_id,
    )
    answer.attributes["XOR-MAPPED-ADDRESS"] = source
    answer.add_message_integrity(pwd.encode())
    return Check(ufrag, "USE-CANDIDATE" in message.attributes, bytes(answer))


def _parse(data: bytes) -> stun.Message | None:
    try:
        message = stun.parse_message(data)
    except (ValueError, IndexError, KeyError, UnicodeDecodeError):
        return None
    if message.message_method != stun.Method.BINDING or message.message_class != stun.Class.REQUEST:
        return None
    return message


def candidates(addresses: list[tuple[str, int]], tcp: list[tuple[str, int]] | None = None) -> list[str]:
    """Candidate attributes of our announced addresses, UDP before TCP (RFC 6544)."""
    found = [
        f"{index + 1} 1 udp {2130706431 - index * 256} {host} {port} typ host"
        for index, (host, port) in enumerate(addresses)
    ]
    found += [
        f"{index + 101} 1 tcp {1671430143 - index * 256} {host} {port} typ host tcptype passive"
        for index, (host, port) in enumerate(tcp or [])
    ]
    return found
