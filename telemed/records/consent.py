"""Consent: what one doctor, in one country, may see of one visit; live until it ends or is withdrawn."""

import secrets
from collections.abc import Sequence
from datetime import datetime

from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from telemed.errors import Invalid, NotAllowed, NotFound
from telemed.records.models import Consent

ITEMS = ("name", "reason", "allergies", "medicines")
"""What a patient can tick, in the order in which it is shown."""


class ConsentNotLive(NotAllowed):
    """The patient's consent for this visit ended, or she withdrew it."""

    code = "consent-not-live"


async def give(
    session: AsyncSession,
    *,
    visit_id: str,
    patient_id: str,
    doctor_node: str,
    doctor_id: str,
    country: str,
    items: Sequence[str],
    until: datetime,
    now: datetime,
) -> Consent:
    """The one consent of a visit.

    Raises:
        Invalid: an item that nobody can tick, or an end that has passed.
    """
    if not set(items) <= set(ITEMS):
        raise Invalid(f"Consent can be given for {', '.join(ITEMS)} only.")
    if until <= now:
        raise Invalid("The consent would be over already; choose a later end.")
    consent = Consent(
        id=secrets.token_hex(16),
        visit_id=visit_id,
        patient_id=patient_id,
        doctor_node=doctor_node,
        doctor_id=doctor_id,
        country=country,
        items=[item for item in ITEMS if item in items],
        until=until,
        given_at=now,
    )
    session.add(consent)
    await session.flush()
    return consent


async def of_visit(session: AsyncSession, visit_id: str) -> Consent:
    """The visit's consent, in force or not; every visit has one."""
    return (await session.exec(select(Consent).where(Consent.visit_id == visit_id))).one()


async def live(session: AsyncSession, visit_id: str, now: datetime) -> Consent:
    """The visit's consent, if it holds now.

    Raises:
        ConsentNotLive: there is none, it has ended, or she withdrew it.
    """
    consent = (await session.exec(select(Consent).where(Consent.visit_id == visit_id))).first()
    if consent is None or consent.withdrawn_at is not None or consent.until <= now:
        raise ConsentNotLive("The patient's consent for this visit is not in force (any more).")
    return consent


async def withdraw(session: AsyncSession, *, visit_id: str, patient_id: str, now: datetime) -> Consent:
    """Withdraw it, for good; a second time changes nothing.

    Raises:
        NotFound: no such consent of hers.
    """
    hers = select(Consent).where(Consent.visit_id == visit_id, Consent.patient_id == patient_id)
    consent = (await session.exec(hers.with_for_update())).first()
    if consent is None:
        raise NotFound("There is no such appointment of yours.")
    if consent.withdrawn_at is None:
        consent.withdrawn_at = now
        await session.flush()
    return consent
