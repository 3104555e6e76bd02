"""Who is behind a request: a signed-in person, a visiting doctor, another node."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from telemed.accounts import sessions
from telemed.errors import NotAllowed, NotSignedIn
from telemed.node import NODE

SESSION_COOKIE = "__Host-session"


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Somebody with an account on this node."""

    account_id: str
    role: str
    session_id: str
    language: str
    zone: str
    audit_handle: str
    doctor_id: str | None


@dataclass(frozen=True, slots=True)
class VisitingDoctor:
    """A doctor whom another node vouches for, in one visit; `doctor` is the directory's public entry."""

    visit_id: str
    session_id: str
    jti: str
    doctor: Mapping[str, Any]
    assertion: str


@dataclass(frozen=True, slots=True)
class Peer:
    """Another node of the trust list, which alone says what its jurisdiction is and what it is trusted with."""

    node: str
    jurisdiction: str
    purposes: frozenset[str]


Actor = SignedIn | VisitingDoctor | Peer

ACTOR = web.RequestKey("actor", object)


async def anyone(_request: web.Request) -> None:
    """The gate that is open."""


async def signed_in(request: web.Request) -> SignedIn:
    """The account behind the session cookie. Raises NotSignedIn."""
    node, token = request.app[NODE], request.cookies.get(SESSION_COOKIE)
    found = await sessions.resume(node.database, token, node.clock()) if token else None
    if found is None:
        raise NotSignedIn("Please sign in; you were not, or your session has ended.")
    session, account = found
    return SignedIn(
        account_id=account.id,
        role=account.role,
        session_id=session.id,
        language=account.language,
        zone=account.zone,
        audit_handle=account.audit_handle,
        doctor_id=account.doctor_id,
    )


async def patient(request: web.Request) -> SignedIn:
    """A signed-in patient."""
    return await _with_role(request, "patient")


async def doctor(request: web.Request) -> SignedIn:
    """A signed-in doctor of this node."""
    return await _with_role(request, "doctor")


async def administrator(request: web.Request) -> SignedIn:
    """A signed-in administrator of this node."""
    return await _with_role(request, "administrator")


async def _with_role(request: web.Request, role: str) -> SignedIn:
    actor = await signed_in(request)
    if actor.role != role:
        raise NotAllowed(f"Only a {role} of this node may do this; sign in as one.")
    return actor


def caller(request: web.Request) -> SignedIn:
    """The signed-in person that the route's gate let in."""
    actor = request[ACTOR]
    assert isinstance(actor, SignedIn), "this route's gate lets in others too"  # noqa: S101
    return actor
