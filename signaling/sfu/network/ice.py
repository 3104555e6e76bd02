"""ICE-lite: answering connectivity checks, and nothing else (RFC 8445 §2.5, RFC 8489)."""

from __future__ import annotations

import secrets
import string
from collections.abc import Callable
from dataclasses import dataclass

from signaling.sfu.formats import stun
from signaling.sfu.network.addresses import Address, on_the_wire

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


def check(data: bytes, password: Callable[[str], str | None], source: Address) -> Check | None:
    """Verify a binding request and prepare its answer; None when it is not genuine.

    Whoever does not know the password gets no answer at all, so the server amplifies nothing.
    """
    try:
        message = stun.parse(data)
        ufrag = message.username.partition(b":")[0].decode("ascii")
    except ValueError:
        return None
    pwd = password(ufrag)
    if pwd is None or message.kind != stun.REQUEST or not message.is_genuine(pwd.encode()):
        return None
    return Check(ufrag, message.is_nominated, stun.answer(message, *on_the_wire(source), pwd.encode()))


@dataclass(frozen=True, slots=True)
class Probe:
    """A check of our own, sent to see whether a client really is where its check seemed to come from."""

    username: str
    pwd: str
    request: bytes
    transaction_id: bytes


def probe(username: str, pwd: str) -> Probe:
    """A request for whoever knows `pwd`, the client's password; `username` is its user fragment, a colon, ours."""
    transaction_id = secrets.token_bytes(stun.TRANSACTION_BYTES)
    return Probe(username, pwd, stun.request(username, pwd.encode(), transaction_id), transaction_id)


def is_answer(data: bytes, sent: Probe) -> bool:
    """Whether this is the genuine answer to a probe."""
    try:
        message = stun.parse(data)
    except ValueError:
        return False
    is_to_it = message.kind == stun.ANSWER and message.transaction_id == sent.transaction_id
    return is_to_it and message.is_genuine(sent.pwd.encode())


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
