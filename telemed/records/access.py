"""Who looked at a patient's record, what and when: the audit chain, as she may read it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from telemed.audit import chain
from telemed.audit.models import AuditEvent

SHOWN = 100
"""Looks shown at once; the older ones when they are asked for."""


@dataclass(frozen=True, slots=True)
class Access:
    """One look or deed. `actor` is {kind, node, id, name}; `items` names what was shown.

    `id` is the hash of the row, which tells nobody how many rows there are of others.
    """

    id: str
    at: datetime
    actor: Mapping[str, Any]
    what: str
    items: Sequence[str]
    visit_id: str | None


async def look(
    session: AsyncSession,
    *,
    actor: Mapping[str, Any],
    what: str,
    subject: str,
    visit_id: str | None,
    items: Sequence[str],
    now: datetime,
) -> None:
    """Record a look, and commit that before anything is released: if it cannot be written, nothing is."""
    detail = {"items": list(items)}
    await chain.record(session, actor=actor, action=what, subject=subject, visit_id=visit_id, detail=detail, now=now)


async def accesses(session: AsyncSession, subject: str, before: str | None = None) -> tuple[list[Access], bool]:
    """The newest looks at the record of the person behind this audit handle, and whether there are older ones.

    `before` is the id of one of them: only what lies before that one in the chain.
    """
    hers = select(AuditEvent).where(AuditEvent.subject == subject)
    if before is not None:
        that = select(AuditEvent.seq).where(AuditEvent.hash == before, AuditEvent.subject == subject)
        hers = hers.where(col(AuditEvent.seq) < that.scalar_subquery())
    rows = (await session.exec(hers.order_by(col(AuditEvent.seq).desc()).limit(SHOWN + 1))).all()
    shown = [
        Access(event.hash, event.at, event.actor, event.action, event.detail.get("items", []), event.visit_id)
        for event in rows[:SHOWN]
    ]
    return shown, len(rows) > SHOWN
