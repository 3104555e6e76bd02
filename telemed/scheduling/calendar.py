"""The calendar that this node owns: what becomes of a time that is held: a visit, or free again."""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import col, delete, select
from sqlmodel.ext.asyncio.session import AsyncSession

from telemed.directory import publication
from telemed.errors import Gone, NotFound
from telemed.scheduling.models import Claim, ClaimCell

SHOWN = 200
"""Held and confirmed visits in a doctor's calendar."""
SHOWN_ENDED = 50
"""Ended ones beside them."""


class HoldLapsed(Gone):
    """The hold was not confirmed in time; the slot may be somebody else's."""

    code = "hold-lapsed"


async def confirm(session: AsyncSession, claim_id: str, patient_node: str, now: datetime) -> Claim:
    """Make a hold a visit; twice is once. Raises NotFound, HoldLapsed."""
    claim = await _of_node(session, claim_id, patient_node)
    if claim.state == "held" and claim.hold_until is not None and now < claim.hold_until:
        claim.state, claim.hold_until = "confirmed", None
        await session.flush()
    if claim.state != "confirmed":
        raise HoldLapsed("The time was held for too short; choose a time once more.")
    return claim


async def end(session: AsyncSession, claim_id: str, patient_node: str, now: datetime) -> Claim:
    """The visit is over or will not be: what of its time lies ahead is free again. Raises NotFound."""
    await publication.take_turn(session)
    claim = await _of_node(session, claim_id, patient_node)
    if claim.state in ("held", "confirmed"):
        claim.state, claim.hold_until = "ended", None
        await session.flush()
        await _free(session, [claim], now)
    return claim


async def lapse_holds(session: AsyncSession, now: datetime, doctor_id: str | None = None) -> int:
    """Let the holds go, of one doctor or all, that were not confirmed in time; returns how many."""
    await publication.take_turn(session)
    over = select(Claim).where(Claim.state == "held", col(Claim.hold_until) <= now)
    if doctor_id is not None:
        over = over.where(Claim.doctor_id == doctor_id)
    lapsed = (await session.exec(over.order_by(Claim.id).with_for_update())).all()
    for claim in lapsed:
        claim.state, claim.hold_until = "lapsed", None
    await session.flush()
    await _free(session, lapsed, now)
    return len(lapsed)


async def any_lapsed(session: AsyncSession, now: datetime) -> bool:
    """Whether `lapse_holds` has something to do."""
    over = select(Claim.id).where(Claim.state == "held", col(Claim.hold_until) <= now).limit(1)
    return (await session.exec(over)).first() is not None


async def of_doctor(session: AsyncSession, doctor_id: str, since: datetime) -> Sequence[Claim]:
    """A doctor's visits from `since` on, in order: the next held and confirmed ones, and the last of those that ended.

    Each kind has a limit of its own, or times that somebody takes and lets go would push visits out.
    """
    hers = select(Claim).where(Claim.doctor_id == doctor_id, Claim.starts_at >= since)
    to_come = hers.where(col(Claim.state).in_(("held", "confirmed"))).order_by(col(Claim.starts_at)).limit(SHOWN)
    newest = (col(Claim.starts_at).desc(), col(Claim.id))
    ended = hers.where(Claim.state == "ended").order_by(*newest).limit(SHOWN_ENDED)
    found = [*await session.exec(to_come), *await session.exec(ended)]
    return sorted(found, key=lambda claim: (claim.starts_at, claim.id))


async def _of_node(session: AsyncSession, claim_id: str, patient_node: str) -> Claim:
    claim = await session.get(Claim, claim_id, with_for_update=True)
    if claim is None or claim.patient_node != patient_node:
        raise NotFound("There is no such appointment of yours here.")
    return claim


async def _free(session: AsyncSession, claims: Sequence[Claim], now: datetime) -> None:
    ids = [claim.id for claim in claims]
    # What has begun stays taken: nobody is to be booked into a call that has just ended early.
    await session.exec(delete(ClaimCell).where(col(ClaimCell.claim_id).in_(ids), col(ClaimCell.cell_at) > now))
    for doctor_id in sorted({claim.doctor_id for claim in claims}):
        await publication.publish(session, doctor_id, now)
