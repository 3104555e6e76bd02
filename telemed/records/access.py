"""Who looked at a patient's record, what and when: the audit chain, as she may read it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from telemed.audit import chain
from telemed.audit.models import AuditEvent


@dataclass(frozen=True, slots=True)
class Access:
    """One look or deed. `actor` is {kind, node, id, name}; `items` names what was shown."""

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


async def accesses(session: AsyncSession, subject: str, limit: int = 200) -> list[Access]:
    """The newest looks at the record of the person behind this audit handle."""
    hers = select(AuditEvent).where(AuditEvent.subject == subject).order_by(col(AuditEvent.seq).desc()).limit(limit)
    return [
        Access(event.at, event.actor, event.action, event.detail.get("items", []), event.visit_id)
        for event in await session.exec(hers)
    ]
