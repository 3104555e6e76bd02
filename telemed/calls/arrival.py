"""The visiting doctor's way in: an assertion of the doctor's node becomes a one-time code, and that a session."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from telemed.accounts.models import Account
from telemed.accounts.sessions import hashed
from telemed.audit import actors, chain
from telemed.calls import window
from telemed.calls.models import Arrival, VisitSession
from telemed.directory import replica
from telemed.directory.licence_rules import LicenceRules
from telemed.directory.replica import Home, Listed
from telemed.errors import Conflict, NotAllowed, NotFound
from telemed.federation.assertion import Assertion
from telemed.records import consent
from telemed.records.models import Consent
from telemed.scheduling import matching
from telemed.scheduling.models import Visit

CODE_LIFE = timedelta(seconds=30)
"""Time for one form post from the doctor's node to the patient's."""


class ArrivalRefused(NotAllowed):
    """This doctor may not come to this visit, or not like this."""

    code = "arrival-refused"


class VisitClosed(Conflict):
    """The visit is over; nobody arrives any more."""

    code = "visit-closed"


@dataclass(frozen=True, slots=True)
class Code:
    """The one-time code, for the doctor's browser to post; it is stored nowhere."""

    code: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class WayIn:
    """A new session in a visit; its token goes to the browser and is stored nowhere."""

    visit_id: str
    token: str
    expires_at: datetime


async def accept(
    session: AsyncSession,
    asserted: Assertion,
    token: str,
    *,
    signer: str,
    own: Home,
    rules: LicenceRules,
    now: datetime,
) -> Code:
    """Check everything that a verified assertion does not prove by itself, and give a code for it.

    `signer` is the node whose key signed the request. The audit row and the code are one transaction.

    Raises:
        ArrivalRefused: not this visit's doctor or calendar; licence, rule or consent do not hold; used before.
        NotOpenYet, VisitClosed: outside the visit's window.
    """
    visit, agreed = await _booked(session, asserted, signer, now)
    listed = await _permitted(session, visit, own, rules, now)
    patient = await session.get_one(Account, visit.patient_id)
    doctor = listed.public()
    code = secrets.token_urlsafe(32)
    arrival = Arrival(
        jti=f"{signer}|{asserted.jti}",
        visit_id=visit.id,
        issuer=signer,
        doctor=doctor,
        assertion=token,
        code_hash=hashed(code),
        expires_at=now + CODE_LIFE,
    )
    await _use_once(session, arrival)
    await chain.record(
        session,
        actor=actors.doctor(doctor),
        action="arrived",
        subject=patient.audit_handle,
        visit_id=visit.id,
        # From here on the doctor's page shows her name, if she ticked it; the rest is asked for and recorded apart.
        detail={"items": [item for item in agreed.items if item == "name"]},
        now=now,
    )
    return Code(code, arrival.expires_at)


async def issuer_of(session: AsyncSession, code: str) -> str:
    """The node that a code was given to, whether or not it can still be used. Raises ArrivalRefused."""
    arrival = await _of_code(session, code)
    return arrival.issuer


async def redeem(session: AsyncSession, code: str, now: datetime) -> WayIn:
    """Spend a code for a new session in its visit. Earlier sessions of the visit end.

    Raises:
        ArrivalRefused: unknown, spent, older than `CODE_LIFE`; or the visit or its consent is over since.
    """
    arrival = await _of_code(session, code)
    spent = await session.exec(
        update(Arrival)
        .where(col(Arrival.jti) == arrival.jti, col(Arrival.spent_at).is_(None), col(Arrival.expires_at) > now)
        .values(spent_at=now)
    )
    if spent.rowcount != 1:
        raise ArrivalRefused("This way in was used or is older than 30 seconds. Press Join once more.")
    # Locked, so that of two who arrive at once the later finds the session of the earlier.
    visit = await session.get_one(Visit, arrival.visit_id, with_for_update=True)
    agreed = await _require_open(session, visit, now)
    await end_sessions(session, visit.id, now)
    way_in = WayIn(visit.id, secrets.token_urlsafe(32), min(window.closes_at(visit), agreed.until))
    session.add(
        VisitSession(
            id=secrets.token_hex(16),
            token_hash=hashed(way_in.token),
            visit_id=visit.id,
            jti=arrival.jti,
            started_at=now,
            expires_at=way_in.expires_at,
        )
    )
    await session.flush()
    return way_in


async def end_sessions(session: AsyncSession, visit_id: str, now: datetime) -> None:
    """End every visiting doctor's session of a visit."""
    live = (col(VisitSession.visit_id) == visit_id, col(VisitSession.ended_at).is_(None))
    await session.exec(update(VisitSession).where(*live).values(ended_at=now))


async def _booked(session: AsyncSession, asserted: Assertion, signer: str, now: datetime) -> tuple[Visit, Consent]:
    visit = await session.get(Visit, asserted.visit_id)
    if asserted.issuer != signer:
        raise ArrivalRefused("A node may vouch for its own doctors only.")
    if visit is None or (visit.doctor_node, visit.doctor_id) != (signer, asserted.doctor["id"]):
        # The same answer for a visit that is not there: which visits exist is not another node's to learn.
        raise ArrivalRefused("No visit here is booked with this doctor under this number.")
    return visit, await _require_open(session, visit, now)


async def _require_open(session: AsyncSession, visit: Visit, now: datetime) -> Consent:
    try:
        window.require_open(visit, now)
        return await consent.live(session, visit.id, now)
    except window.VisitOver as over:
        raise VisitClosed("This visit is over; there is nobody left to see.") from over
    except (NotFound, consent.ConsentNotLive) as refused:
        raise ArrivalRefused(refused.detail) from refused


async def _permitted(session: AsyncSession, visit: Visit, own: Home, rules: LicenceRules, now: datetime) -> Listed:
    # The licence as this node knows it from the directory, never as the assertion says it.
    listed = await replica.doctor(session, own, visit.doctor_node, visit.doctor_id)
    if listed is None:
        raise ArrivalRefused("The doctor is not in this node's copy of the directory (any more).")
    said = matching.decision(rules, own.jurisdiction, listed, now)
    if not said.offered:
        raise ArrivalRefused(said.why)
    return listed


async def _use_once(session: AsyncSession, arrival: Arrival) -> None:
    session.add(arrival)
    try:
        await session.flush()
    except IntegrityError as used:
        raise ArrivalRefused("This assertion was used before. Press Join once more.") from used


async def _of_code(session: AsyncSession, code: str) -> Arrival:
    arrival = (await session.exec(select(Arrival).where(Arrival.code_hash == hashed(code)))).first()
    if arrival is None:
        raise ArrivalRefused("This way in is not known here. Press Join once more.")
    return arrival
