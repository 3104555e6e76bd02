"""The visiting doctor's session, checked whole on every request: the visit, its consent, who vouched."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from telemed.accounts.sessions import hashed
from telemed.calls import window
from telemed.calls.models import Arrival, VisitSession
from telemed.directory.entries import PublicDoctor
from telemed.errors import NotAllowed, NotSignedIn
from telemed.records import consent
from telemed.records.models import Consent
from telemed.scheduling.models import Visit


class LicenceNotValid(NotAllowed):
    """The doctor's licence does not hold today."""

    code = "licence-not-valid"


@dataclass(frozen=True, slots=True)
class Visiting:
    """A live session, with what makes it so."""

    session: VisitSession
    arrival: Arrival
    visit: Visit
    consent: Consent


async def resume(session: AsyncSession, visit_id: str, token: str, now: datetime) -> Visiting:
    """The session behind a visit's cookie. Whether `arrival.issuer` is still trusted is the caller's to check.

    Raises:
        NotSignedIn: there is none, or a later arrival took its place.
        VisitOver: the visit is over for everybody.
        ConsentNotLive: she withdrew it, or it has ended.
    """
    wanted = (
        select(VisitSession, Arrival, Visit)
        .join(Arrival, VisitSession.jti == Arrival.jti)  # type: ignore[arg-type]
        .join(Visit, VisitSession.visit_id == Visit.id)  # type: ignore[arg-type]
        .where(VisitSession.token_hash == hashed(token), VisitSession.visit_id == visit_id)
    )
    found = (await session.exec(wanted)).first()
    if found is None:
        raise NotSignedIn("Go to your own node's calendar and press Join.")
    visiting, arrival, visit = found
    window.require_open(visit, now)
    agreed = await consent.live(session, visit_id, now)
    if visiting.ended_at is not None or now >= visiting.expires_at:
        raise NotSignedIn("You came in again elsewhere, or too long ago; press Join in your own node's calendar.")
    return Visiting(visiting, arrival, visit, agreed)


def author(entry: Mapping[str, Any], on_day: date) -> dict[str, Any]:
    """Whom a note names as its author, with the licence that holds that day: {node, jurisdiction, doctor_id, ...}.

    Raises:
        LicenceNotValid: none does.
    """
    doctor = PublicDoctor.model_validate({name: entry[name] for name in PublicDoctor.model_fields})
    valid = [licence for licence in doctor.licences if licence.valid_from <= on_day <= licence.valid_until]
    if not valid:
        raise LicenceNotValid("Your licence does not hold today; a note needs one that does.")
    return {
        "node": entry["node"],
        "jurisdiction": entry["jurisdiction"],
        "doctor_id": doctor.id,
        "name": doctor.name,
        "licence": valid[0].model_dump(mode="json", include={"jurisdiction", "number", "authority"}),
    }
