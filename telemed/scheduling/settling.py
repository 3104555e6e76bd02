"""What becomes of a booking, on the patient's node: what the calendar's node answers, or that it does not."""

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta

from pydantic import TypeAdapter, ValidationError
from sqlmodel.ext.asyncio.session import AsyncSession

from telemed.directory.entries import Instant
from telemed.federation.client import Answer
from telemed.outbox.delivery import Listener
from telemed.outbox.models import OutboxMessage
from telemed.outbox.post import post
from telemed.scheduling.models import Visit

logger = logging.getLogger(__name__)

OPEN = ("requested", "held")
"""The states of a booking that is not settled yet."""

REFUSALS = frozenset({"slot-taken", "licence-rule", "too-many", "hold-lapsed"})
"""What a peer's refusal may be called on the page; anything else is `refused`."""

END_TOLD_FOR = timedelta(days=7)
"""How long after its time a calendar is told of an ended visit: a node that was away so long has no use for it."""

_INSTANT: TypeAdapter[datetime] = TypeAdapter(Instant)


async def call_off(session: AsyncSession, visit: Visit, reason: str, now: datetime) -> None:
    """End a booking that is not confirmed yet, and say so to the doctor's node; any other stays as it is."""
    if visit.state not in OPEN:
        return
    visit.state, visit.ended_at, visit.end_reason, visit.trying = "ended", now, reason, False
    visit.hold_until, visit.room_closed_at = None, now
    await let_go(session, visit, now)


async def let_go(session: AsyncSession, visit: Visit, now: datetime) -> None:
    """Tell the doctor's node that the visit is over, or will not be."""
    await post(
        session,
        kind="end",
        subject_id=visit.id,
        peer=visit.doctor_node,
        path=f"/federation/v1/appointments/{visit.id}/end",
        body={},
        now=now,
        give_up_at=visit.starts_at + END_TOLD_FOR,
    )


async def _hold_answered(session: AsyncSession, message: OutboxMessage, answer: Answer | None, now: datetime) -> None:
    visit = await session.get_one(Visit, message.subject_id, with_for_update=True)
    if visit.state != "requested":
        if answer is not None and answer.ok:
            # Called off meanwhile, and that may have been heard there before there was anything to end.
            await let_go(session, visit, now)
        return
    visit.trying, visit.hold_until = False, None
    if answer is None:
        # If it was stored there and only the answer was lost, it lapses there by itself.
        visit.state, visit.detail = "unreachable", "node-unreachable"
    elif answer.ok:
        visit.state, visit.hold_until = "held", _time(answer.body.get("hold_until"))
        path = f"/federation/v1/appointments/{visit.id}/confirm"
        # Once sent, only the calendar's node can say whether it is confirmed or gone: asked as long as it matters.
        await post(
            session,
            kind="confirm",
            subject_id=visit.id,
            peer=message.peer,
            path=path,
            body={},
            now=now,
            give_up_at=visit.starts_at + timedelta(minutes=visit.minutes),
        )
    else:
        _gone(visit, answer)


async def _confirm_answered(
    session: AsyncSession, message: OutboxMessage, answer: Answer | None, now: datetime
) -> None:
    visit = await session.get_one(Visit, message.subject_id, with_for_update=True)
    if visit.state != "held":
        return
    visit.trying, visit.hold_until = False, None
    if answer is None:
        visit.state, visit.detail = "unreachable", "node-unreachable"
        await let_go(session, visit, now)
    elif answer.ok:
        visit.state = "confirmed"
    else:
        _gone(visit, answer)


async def _end_answered(_session: AsyncSession, message: OutboxMessage, answer: Answer | None, _now: datetime) -> None:
    """Over is over here, whatever the other node makes of it."""
    if answer is None:
        logger.warning("a calendar never heard of an end", extra={"visit": message.subject_id, "peer": message.peer})


async def _trying(session: AsyncSession, message: OutboxMessage, _now: datetime) -> None:
    visit = await session.get_one(Visit, message.subject_id, with_for_update=True)
    visit.trying = visit.state in OPEN


LISTENERS: Mapping[str, Listener] = {
    "hold": Listener(_hold_answered, _trying),
    "confirm": Listener(_confirm_answered, _trying),
    "end": Listener(_end_answered),
}


def _gone(visit: Visit, answer: Answer) -> None:
    visit.state, visit.hold_until = "gone", None
    visit.detail = answer.code if answer.code in REFUSALS else "refused"


def _time(said: object) -> datetime | None:
    # Only shown: when the hold ends is the calendar's node to say at the confirm.
    try:
        return _INSTANT.validate_python(str(said))
    except ValidationError:
        return None
