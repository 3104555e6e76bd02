"""The end of a visit: for the database first and at once, then for the room, then for the doctor's calendar."""

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from telemed.accounts.models import Account
from telemed.audit import actors, chain
from telemed.calls import arrival, window
from telemed.calls.rooms import RoomsUnreachable
from telemed.errors import Conflict, NotFound
from telemed.node import Node
from telemed.records.models import Draft
from telemed.scheduling import settling
from telemed.scheduling.models import Visit

logger = logging.getLogger(__name__)

DOCTOR_ENDED = "doctor-ended"
TIMED_OUT = window.TIMED_OUT
CONSENT_WITHDRAWN = "consent-withdrawn"

AT_ONCE = 100
"""Visits that one round of `close_overdue` closes, and rooms that it deletes."""


class UnsignedDraft(Conflict):
    """What the doctor has written is not signed."""

    code = "unsigned-draft"


async def end(node: Node, visit_id: str, reason: str, now: datetime, actor: Mapping[str, Any] | None = None) -> None:
    """End a visit for both: sessions, tokens and the room open nothing from here on; twice changes nothing.

    `actor` is who did it, the node itself if nobody. A draft is in the way of the doctor's end only: a visit that
    ends otherwise keeps it, sealed.

    Raises:
        NotFound: no confirmed visit. UnsignedDraft.
    """
    async with node.database.write() as session:
        visit = await store_end(session, visit_id, reason, now, actor or actors.node(node.settings.node))
    node.outbox_wake.set()
    await close_room(node, visit, now)


async def store_end(
    session: AsyncSession, visit_id: str, reason: str, now: datetime, actor: Mapping[str, Any]
) -> Visit:
    """The end in the caller's transaction; `close_room` follows after the commit. Raises as `end`."""
    visit = await session.get(Visit, visit_id, with_for_update=True)
    if visit is None or visit.state not in ("confirmed", "ended"):
        raise NotFound("There is no such visit.")
    if visit.state == "ended":
        return visit
    if reason == DOCTOR_ENDED and await session.get(Draft, visit_id) is not None:
        raise UnsignedDraft("Sign the note or discard it; then end the visit.")
    visit.state, visit.ended_at, visit.end_reason = "ended", now, reason
    await arrival.end_sessions(session, visit_id, now)
    await settling.let_go(session, visit, now)
    patient = await session.get_one(Account, visit.patient_id)
    detail = {"items": [], "reason": reason}
    await chain.record(
        session, actor=actor, action="ended", subject=patient.audit_handle, visit_id=visit_id, detail=detail, now=now
    )
    return visit


async def close_room(node: Node, visit: Visit, now: datetime) -> None:
    """Delete an ended visit's room; if the media server does not answer, `close_overdue` tries again."""
    if visit.room_closed_at is not None:
        return
    try:
        await node.calls.delete_room(visit.room)
    except RoomsUnreachable:
        logger.warning("a room is not closed yet", extra={"visit": visit.id})
        return
    async with node.database.write() as session:
        row = await session.get_one(Visit, visit.id)
        row.room_closed_at = now


async def close_overdue(node: Node) -> None:
    """End the visits whose time has passed, and close the rooms that could not be closed."""
    now = node.clock()
    async with node.database.read() as session:
        overdue, open_rooms = await _overdue(session, now), await _open_rooms(session)
    for visit in overdue:
        await end(node, visit.id, TIMED_OUT, now)
    for visit in open_rooms:
        await close_room(node, visit, now)


async def _overdue(session: AsyncSession, now: datetime) -> list[Visit]:
    # The length is in a column of its own, so the last few hours' visits are told apart here.
    begun = select(Visit).where(Visit.state == "confirmed", Visit.starts_at <= now - window.AFTER)
    found = await session.exec(begun.order_by(col(Visit.starts_at)))
    return [visit for visit in found if window.closes_at(visit) <= now][:AT_ONCE]


async def _open_rooms(session: AsyncSession) -> list[Visit]:
    still = select(Visit).where(Visit.state == "ended", col(Visit.room_closed_at).is_(None))
    return list(await session.exec(still.order_by(col(Visit.ended_at)).limit(AT_ONCE)))
