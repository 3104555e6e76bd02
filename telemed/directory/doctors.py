"""This node's own doctors: adding one, with licences and hours, and reading them back."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import uuid4

from pydantic import ValidationError
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from telemed.directory import publication
from telemed.directory.entries import PublicDoctor
from telemed.directory.models import Doctor, Licence, WorkingHours
from telemed.errors import Invalid
from telemed.scheduling.intervals import Stretch

SPECIALTIES = (
    "general-practice",
    "infectious-diseases",
    "pulmonology",
    "paediatrics",
    "mental-health",
    "cardiology",
)

MAX_STRETCHES = 70
"""Ten stretches a day are more than anybody works."""

_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5][05])|24:00")


@dataclass(frozen=True, slots=True)
class NewLicence:
    """A licence to practise; both days inclusive."""

    jurisdiction: str
    number: str
    authority: str
    valid_from: date
    valid_until: date


@dataclass(frozen=True, slots=True)
class NewDoctor:
    """What is known of a doctor before there is a row; languages are BCP 47, the zone IANA."""

    name: str
    specialties: Sequence[str]
    languages: Sequence[str]
    zone: str
    visit_minutes: int
    licences: Sequence[NewLicence]
    hours: Sequence[Stretch]


@dataclass(frozen=True, slots=True)
class DoctorFile:
    """A doctor's rows together."""

    doctor: Doctor
    licences: Sequence[Licence]
    hours: Sequence[WorkingHours]


async def add_doctor(session: AsyncSession, new: NewDoctor, *, jurisdiction: str, now: datetime) -> Doctor:
    """Store a doctor of this node and publish the entry; the caller adds the account in the same transaction.

    Raises:
        Invalid: with a JSON pointer for each field; a licence of another jurisdiction is not this node's to list.
    """
    doctor_id = uuid4().hex
    _require_valid(new, doctor_id, jurisdiction)
    doctor = Doctor(
        id=doctor_id,
        name=new.name,
        specialties=list(new.specialties),
        languages=list(new.languages),
        zone=new.zone,
        visit_minutes=new.visit_minutes,
        created_at=now,
    )
    session.add(doctor)
    await session.flush()
    session.add_all(
        Licence(
            id=uuid4().hex,
            doctor_id=doctor_id,
            jurisdiction=licence.jurisdiction,
            number=licence.number,
            authority=licence.authority,
            valid_from=licence.valid_from.isoformat(),
            valid_until=licence.valid_until.isoformat(),
        )
        for licence in new.licences
    )
    session.add_all(
        WorkingHours(
            id=uuid4().hex,
            doctor_id=doctor_id,
            weekday=stretch.weekday,
            start_minute=stretch.start_minute,
            end_minute=stretch.end_minute,
        )
        for stretch in new.hours
    )
    await session.flush()
    await publication.publish(session, doctor_id, now)
    return doctor


async def listed(session: AsyncSession, *, limit: int = 500) -> list[DoctorFile]:
    """This node's doctors by name, at most `limit`, with licences and hours."""
    found = (await session.exec(select(Doctor).order_by(Doctor.name, Doctor.id).limit(limit))).all()
    ids = [doctor.id for doctor in found]
    licences = (await session.exec(select(Licence).where(col(Licence.doctor_id).in_(ids)))).all()
    hours = (await session.exec(select(WorkingHours).where(col(WorkingHours.doctor_id).in_(ids)))).all()
    return [
        DoctorFile(
            doctor,
            [licence for licence in licences if licence.doctor_id == doctor.id],
            sorted(
                (row for row in hours if row.doctor_id == doctor.id), key=lambda row: (row.weekday, row.start_minute)
            ),
        )
        for doctor in found
    ]


def stretch(weekday: int, start: str, end: str) -> Stretch:
    """Hours as people write them: "09:00" to "17:00", to "24:00" at most, in steps of five minutes. Raises Invalid."""
    return Stretch(weekday, _minute(start), _minute(end))


def clock(minute: int) -> str:
    """A minute of the day as people write it."""
    return f"{minute // 60:02}:{minute % 60:02}"


def _minute(text: str) -> int:
    if not _CLOCK.fullmatch(text):
        raise _invalid("/hours", "Write times as 09:00, up to 24:00, in steps of five minutes.")
    hour, minute = text.split(":")
    return int(hour) * 60 + int(minute)


def _require_valid(new: NewDoctor, doctor_id: str, jurisdiction: str) -> None:
    public = {
        "id": doctor_id,
        "name": new.name,
        "specialties": new.specialties,
        "languages": new.languages,
        "zone": new.zone,
        "visit_minutes": new.visit_minutes,
        "licences": [
            {
                "jurisdiction": licence.jurisdiction,
                "number": licence.number,
                "authority": licence.authority,
                "valid_from": licence.valid_from,
                "valid_until": licence.valid_until,
            }
            for licence in new.licences
        ],
        "active": True,
    }
    try:
        PublicDoctor.model_validate(public)
    except ValidationError as refused:
        first = refused.errors(include_url=False, include_input=False, include_context=False)[0]
        raise _invalid("".join(f"/{part}" for part in first["loc"]), first["msg"]) from None
    if unknown := set(new.specialties) - set(SPECIALTIES):
        raise _invalid("/specialties", f"Not a specialty of this platform: {', '.join(sorted(unknown))}.")
    if not new.licences or any(licence.jurisdiction != jurisdiction for licence in new.licences):
        raise _invalid("/licences", f"A doctor of this node needs a licence of {jurisdiction}, and none of another.")
    if not 0 < len(new.hours) <= MAX_STRETCHES or not all(_is_stretch(hours) for hours in new.hours):
        raise _invalid("/hours", "Give weekly hours that end after they begin, in steps of five minutes.")


def _is_stretch(hours: Stretch) -> bool:
    on_grid = hours.start_minute % 5 == 0 and hours.end_minute % 5 == 0
    return 0 <= hours.weekday <= 6 and 0 <= hours.start_minute < hours.end_minute <= 1440 and on_grid


def _invalid(pointer: str, message: str) -> Invalid:
    return Invalid(
        "Some fields need another look; each says what is wrong.", fields=[{"pointer": pointer, "message": message}]
    )
