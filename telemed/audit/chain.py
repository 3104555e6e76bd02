"""The audit chain: each row's hash covers the row and the hash before it, so that no row changes unseen."""

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from sqlalchemy import text
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from telemed.audit.models import AuditCheckpoint, AuditEvent
from telemed.db import canonical_json
from telemed.errors import TelemedError

BEFORE_THE_FIRST = "0" * 64
"""What the first row has for the hash before it."""

READ_AT_ONCE = 500
"""Rows of a long chain in memory."""

_APPEND_LOCK = 0x7E1E_A0D1
"""PostgreSQL's advisory lock of the chain's end; any number that nothing else uses."""


class ChainBroken(TelemedError):
    """The audit chain does not hold together: a row was changed, taken out or put in."""

    code = "audit-chain-broken"


@dataclass(frozen=True, slots=True)
class Verified:
    """What a chain that holds consists of: its rows, and since when they are signed by no checkpoint, if any."""

    rows: int
    unsigned_since: datetime | None


async def record(
    session: AsyncSession,
    *,
    actor: Mapping[str, Any],
    action: str,
    subject: str,
    visit_id: str | None,
    detail: Mapping[str, Any],
    now: datetime,
) -> AuditEvent:
    """Append to the chain in the caller's transaction: what it tells of happens with it or not at all.

    `actor` is {kind, node, id, name}; `subject` the audit handle of the person whose data it is about.
    """
    if session.get_bind().dialect.name == "postgresql":
        # Two writers would read the same end; one then fails on its key. So the second waits. SQLite has one writer.
        connection = await session.connection()
        await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _APPEND_LOCK})
    last = (await session.exec(select(AuditEvent).order_by(col(AuditEvent.seq).desc()).limit(1))).first()
    event = AuditEvent(
        seq=last.seq + 1 if last else 1,
        at=now,
        actor=dict(actor),
        action=action,
        subject=subject,
        visit_id=visit_id,
        detail=dict(detail),
        previous_hash=last.hash if last else BEFORE_THE_FIRST,
        hash="",
    )
    event.hash = _hash(event)
    session.add(event)
    await session.flush()
    return event


async def checkpoint(session: AsyncSession, key: Ed25519PrivateKey, now: datetime) -> AuditCheckpoint | None:
    """Sign the chain's end with the node's key, unless that was done already or there is nothing yet."""
    last = (await session.exec(select(AuditEvent).order_by(col(AuditEvent.seq).desc()).limit(1))).first()
    if last is None or await session.get(AuditCheckpoint, last.seq) is not None:
        return None
    signature = urlsafe_b64encode(key.sign(last.hash.encode())).decode()
    row = AuditCheckpoint(seq=last.seq, head=last.hash, signed_at=now, signature=signature)
    session.add(row)
    return row


async def verify(session: AsyncSession, keys: Collection[Ed25519PublicKey]) -> Verified:
    """Walk the whole chain and its checkpoints.

    What was cut off after the last checkpoint shows only where a peer holds a later one.

    Args:
        keys: every key that the node has signed with; one that is no longer in use has signed older checkpoints.

    Raises:
        ChainBroken: with the first row that does not fit, or whose checkpoint none of the keys signed.
    """
    heads: dict[int, str] = {}
    for row in await session.exec(select(AuditCheckpoint).order_by(col(AuditCheckpoint.seq))):
        if not any(_is_signed(row, key) for key in keys):
            raise ChainBroken(f"The checkpoint at row {row.seq} is not signed by this node.", seq=row.seq)
        heads[row.seq] = row.head
    signed_until = max(heads, default=0)
    previous, count, unsigned_since = BEFORE_THE_FIRST, 0, None
    events = select(AuditEvent).order_by(col(AuditEvent.seq)).execution_options(yield_per=READ_AT_ONCE)
    async for event in await session.stream_scalars(events):
        count += 1
        fits = event.seq == count and event.previous_hash == previous and event.hash == _hash(event)
        if not fits or heads.pop(count, event.hash) != event.hash:
            raise ChainBroken(f"The audit chain breaks at row {count}.", seq=count)
        if unsigned_since is None and count > signed_until:
            unsigned_since = event.at
        previous = event.hash
    if heads:
        raise ChainBroken("Rows are missing that a checkpoint signed.", seq=count)
    return Verified(count, unsigned_since)


def _is_signed(row: AuditCheckpoint, key: Ed25519PublicKey) -> bool:
    try:
        key.verify(urlsafe_b64decode(row.signature), row.head.encode())
    except (InvalidSignature, ValueError):
        return False
    return True


def _hash(event: AuditEvent) -> str:
    told = (event.seq, event.at.isoformat(), event.actor, event.action, event.subject, event.visit_id, event.detail)
    return hashlib.sha256(canonical_json([*told, event.previous_hash]).encode()).hexdigest()
