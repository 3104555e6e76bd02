"""Holding a time for another node's patient: whether it is offered, to whom, and that nobody else has it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.exc import IntegrityError
from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from telemed.directory import publication, replica
from telemed.directory.licence_rules import LicenceRules
from telemed.directory.models import WorkingHours
from telemed.directory.replica import Home, Listed
from telemed.errors import Conflict, Invalid, NotAllowed, NotFound, TooMany
from telemed.scheduling.calendar import HoldLapsed, lapse_holds
from telemed.scheduling.intervals import Stretch, working
from telemed.scheduling.matching import decision
from telemed.scheduling.models import Claim, ClaimCell
from telemed.scheduling.slots import GRID, on_grid

AHEAD = timedelta(days=15)
"""How far ahead a time can be held; as far as the directory shows."""


class SlotTaken(Conflict):
    """Somebody else has that time, or a part of it."""

    code = "slot-taken"


class RuleForbids(NotAllowed):
    """No licence rule allows this doctor to see this patient, or the licence does not hold on that day."""

    code = "licence-rule"


class TooManyClaims(TooMany):
    """So many times at once are more than one may have."""

    code = "too-many"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A time that a patient's node asks for. `handle` stands for the patient in this appointment alone."""

    claim_id: str
    patient: Home
    handle: str
    doctor_id: str
    starts_at: datetime
    minutes: int
    language: str
    specialty: str

    @property
    def ends_at(self) -> datetime:
        """When the visit would end."""
        return self.starts_at + timedelta(minutes=self.minutes)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one node may have of this calendar at once: unconfirmed holds, and visits that lie ahead."""

    holds: int
    visits: int


async def hold(
    session: AsyncSession,
    wanted: Wanted,
    *,
    own: Home,
    rules: LicenceRules,
    limits: Limits,
    length: timedelta,
    now: datetime,
) -> Claim:
    """Hold the time for `length`. The same request again finds what it has.

    Raises:
        NotFound: no such doctor; or the id is another node's.
        SlotTaken, RuleForbids, TooManyClaims, HoldLapsed: see there.
        Invalid: a time that this doctor does not offer to anybody.
    """
    # One after the other, so that the limits count what others have taken and locks have one order.
    await publication.take_turn(session)
    known = await session.get(Claim, wanted.claim_id, with_for_update=True)
    if known is not None:
        return _as_before(known, wanted, now)
    listed = await replica.doctor(session, own, own.node, wanted.doctor_id)
    if listed is None:
        raise NotFound("There is no such doctor here (any more); search again.")
    _require_offered(wanted, listed, rules, now)
    await _require_working(session, wanted, listed)
    await _require_room(session, wanted, limits, now)
    await lapse_holds(session, now, wanted.doctor_id)
    claim = Claim(
        id=wanted.claim_id,
        patient_node=wanted.patient.node,
        handle=wanted.handle,
        doctor_id=wanted.doctor_id,
        starts_at=wanted.starts_at,
        minutes=wanted.minutes,
        language=wanted.language,
        specialty=wanted.specialty,
        state="held",
        hold_until=now + length,
    )
    await _take(session, claim)
    await publication.publish(session, claim.doctor_id, now)
    return claim


def _as_before(claim: Claim, wanted: Wanted, now: datetime) -> Claim:
    same = (claim.patient_node, claim.handle, claim.doctor_id, claim.starts_at, claim.minutes)
    if same != (wanted.patient.node, wanted.handle, wanted.doctor_id, wanted.starts_at, wanted.minutes):
        raise NotFound("This appointment is not yours to change.")
    held = claim.state == "held" and claim.hold_until is not None and now < claim.hold_until
    if not held and claim.state != "confirmed":
        raise HoldLapsed("The time was held for too short; choose a time once more.")
    return claim


def _require_offered(wanted: Wanted, listed: Listed, rules: LicenceRules, now: datetime) -> None:
    if wanted.starts_at <= now or wanted.starts_at > now + AHEAD:
        raise Invalid("Choose a time that lies ahead, within the next two weeks.")
    if wanted.minutes != listed.doctor.visit_minutes or on_grid(wanted.starts_at) != wanted.starts_at:
        raise Invalid("The doctor's visits begin on the five-minute grid and have one length; search again.")
    said = decision(rules, wanted.patient.jurisdiction, listed, wanted.starts_at)
    if not said.offered:
        raise RuleForbids(said.why)


async def _require_working(session: AsyncSession, wanted: Wanted, listed: Listed) -> None:
    hours = (await session.exec(select(WorkingHours).where(WorkingHours.doctor_id == wanted.doctor_id))).all()
    stretches = [Stretch(row.weekday, row.start_minute, row.end_minute) for row in hours]
    whole = (wanted.starts_at, wanted.ends_at)
    if working(stretches, ZoneInfo(listed.doctor.zone), *whole) != [whole]:
        raise Invalid("The doctor does not work at that time; search again.")


async def _require_room(session: AsyncSession, wanted: Wanted, limits: Limits, now: datetime) -> None:
    of_node = select(func.count()).select_from(Claim).where(Claim.patient_node == wanted.patient.node)
    held = (await session.exec(of_node.where(Claim.state == "held", col(Claim.hold_until) > now))).one()
    ahead = (await session.exec(of_node.where(Claim.state == "confirmed", Claim.starts_at > now))).one()
    if held >= limits.holds or held + ahead >= limits.visits:
        raise TooManyClaims("Your node has as many open times here as it may; try again later.")
    used = select(Claim.id).where(Claim.handle == wanted.handle, col(Claim.state).in_(("held", "confirmed")))
    if (await session.exec(used)).first() is not None:
        raise TooManyClaims("One handle stands for one appointment; take a new one for the next.")


async def _take(session: AsyncSession, claim: Claim) -> None:
    session.add(claim)
    await session.flush()
    cells = (
        ClaimCell(doctor_id=claim.doctor_id, cell_at=claim.starts_at + number * GRID, claim_id=claim.id)
        for number in range(timedelta(minutes=claim.minutes) // GRID)
    )
    session.add_all(cells)
    try:
        # The key (doctor, cell) decides between two who want the same five minutes, on both databases.
        await session.flush()
    except IntegrityError:
        raise SlotTaken("Somebody else was a little faster; choose another time.") from None
