"""ICE-lite: answering connectivity checks, and nothing else (RFC 8445 §2.5, RFC 8489)."""

from __future__ import annotations

import secrets
import string
from collections.abc import Callable
from dataclasses import dataclass
from struct import error

from aioice import stun

_ALPHABET = string.ascii_letters + string.digits
_PROBE_PRIORITY = 1862270975
"""Of a peer-reflexive candidate (RFC 8445 §5.1.2.1)."""


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
    if message is None or message.message_class != stun.Class.REQUEST:
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


@dataclass(frozen=True, slots=True)
class Probe:
    """A check of our own, sent to see whether a client really is where its check seemed to come from."""

    username: str
    pwd: str
    request: bytes
    transaction_id: bytes


def probe(username: str, pwd: str) -> Probe:
    """A request for whoever knows `pwd`, the client's password; `username` is its user fragment, a colon, ours."""
    message = stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)
    message.attributes["USERNAME"] = username
    message.attributes["PRIORITY"] = _PROBE_PRIORITY
    message.attributes["ICE-CONTROLLED"] = 0
    message.add_message_integrity(pwd.encode())
    return Probe(username, pwd, bytes(message), message.transaction_id)


def is_answer(data: bytes, sent: Probe) -> bool:
    """Whether this is the genuine answer to a probe."""
    message = _parse(data)
    return (
        message is not None
        and message.message_class == stun.Class.RESPONSE
        and message.transaction_id == sent.transaction_id
        and message.check_message_integrity(sent.pwd.encode())
    )


def _parse(data: bytes) -> stun.Message | None:
    try:
        message = stun.parse_message(data)
    except (ValueError, IndexError, KeyError, error):
        return None
    return message if message.message_method == stun.Method.BINDING else None


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
