"""Admission: the doctor lets the patient in. A stored fact first; the room only follows it."""

from datetime import datetime

from sqlmodel.ext.asyncio.session import AsyncSession

from telemed.calls import tokens, window
from telemed.calls.rooms import Rooms
from telemed.errors import NotFound
from telemed.scheduling.models import Visit


async def admit(session: AsyncSession, visit_id: str, now: datetime) -> Visit:
    """Store that she is let in, once and for the whole visit. Raises NotFound, NotOpenYet, VisitOver."""
    visit = await session.get(Visit, visit_id, with_for_update=True)
    if visit is None:
        raise NotFound("There is no such visit.")
    window.require_open(visit, now)
    if visit.admitted_at is None:
        visit.admitted_at = now
        await session.flush()
    return visit


async def follow(rooms: Rooms, visit: Visit) -> None:
    """Give the waiting patient in the room what the stored fact says. Raises RoomsUnreachable."""
    if visit.admitted_at is not None:
        await rooms.let_speak(visit.room, tokens.PATIENT)


def may_speak(visit: Visit, identity: str) -> bool:
    """What the next token says: the doctor always may, the patient once admitted."""
    return identity == tokens.DOCTOR or visit.admitted_at is not None
