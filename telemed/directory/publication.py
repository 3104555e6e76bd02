"""What this node publishes of its doctors: each one's public entry, numbered in the order of its changes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, or_, text
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession
from sqlmodel.sql.expression import SelectOfScalar

from telemed.directory.entries import MAX_FREE, PublicDoctor, PublicEntry, PublicLicence
from telemed.directory.models import Doctor, Licence, Publication, WorkingHours
from telemed.errors import NotFound
from telemed.scheduling.intervals import Interval, Stretch, free
from telemed.scheduling.models import ClaimCell
from telemed.scheduling.slots import GRID

WINDOW = timedelta(days=15)
"""From midnight UTC, so that whatever the hour fourteen whole days lie ahead and the entry changes once a day."""

PUBLICATION_LOCK = 0x7E1E_D1
"""PostgreSQL's advisory lock of those who publish; any number that nothing else here locks."""


@dataclass(frozen=True, slots=True)
class Page:
    """Entries after a cursor, as they go out; `cursor` is where the next page begins."""

    entries: Sequence[dict[str, Any]]
    cursor: int
    more: bool


async def publish(session: AsyncSession, doctor_id: str, now: datetime) -> None:
    """Publish the doctor's entry as it is in this transaction; an unchanged one keeps its number. Raises NotFound."""
    await take_turn(session)
    doctor = await session.get(Doctor, doctor_id)
    if doctor is None:
        raise NotFound("There is no such doctor here.")
    body = (await _entry(session, doctor, now)).model_dump(mode="json")
    published = await session.get(Publication, doctor_id, populate_existing=True)
    if published is not None and published.body == body:
        published.published_at = now
        return
    cursor = ((await session.exec(select(func.max(Publication.cursor)))).one() or 0) + 1
    if published is None:
        session.add(Publication(doctor_id=doctor_id, cursor=cursor, body=body, published_at=now))
    else:
        published.cursor, published.body, published.published_at = cursor, body, now
    await session.flush()


async def take_turn(session: AsyncSession) -> None:
    """Wait until no other transaction publishes; who is going to lock rows of the calendar takes the turn first.

    A page read between two commits must not see the later number without the earlier: it would never be read.
    """
    # SQLite has one writer at a time; on PostgreSQL those who publish wait for each other's commit.
    connection = await session.connection()
    if connection.dialect.name == "postgresql":
        await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": PUBLICATION_LOCK})


async def any_due(session: AsyncSession, now: datetime) -> bool:
    """Whether `publish_due` would publish any."""
    return (await session.exec(_due(now).limit(1))).first() is not None


async def publish_due(session: AsyncSession, now: datetime, *, limit: int = 20) -> int:
    """Publish doctors whose window has not moved today, at most `limit`; returns how many."""
    due = (await session.exec(_due(now).limit(limit))).all()
    for doctor_id in due:
        await publish(session, doctor_id, now)
    return len(due)


async def page(session: AsyncSession, after: int, limit: int) -> Page:
    """At most `limit` entries that changed after the cursor `after`, oldest change first.

    Where there are none the page ends where it began, or at the newest of all, if this node came back from a backup.
    """
    rows = (
        await session.exec(
            select(Publication).where(Publication.cursor > after).order_by(col(Publication.cursor)).limit(limit + 1)
        )
    ).all()
    shown = rows[:limit]
    if shown:
        cursor = shown[-1].cursor
    else:
        # What was committed between the two reads is newer than `after`, and on no page yet.
        cursor = min(after, (await session.exec(select(func.max(Publication.cursor)))).one() or 0)
    return Page([{"cursor": row.cursor, **row.body} for row in shown], cursor, len(rows) > limit)


async def _entry(session: AsyncSession, doctor: Doctor, now: datetime) -> PublicEntry:
    licences = (await session.exec(select(Licence).where(Licence.doctor_id == doctor.id).order_by(Licence.id))).all()
    public = PublicDoctor(
        id=doctor.id,
        name=doctor.name,
        specialties=tuple(doctor.specialties),
        languages=tuple(doctor.languages),
        zone=doctor.zone,
        visit_minutes=doctor.visit_minutes,
        licences=tuple(PublicLicence.model_validate(licence.model_dump()) for licence in licences),
        active=doctor.active,
    )
    return PublicEntry(doctor=public, free=tuple(await _free(session, doctor, now)))


async def _free(session: AsyncSession, doctor: Doctor, now: datetime) -> list[Interval]:
    if not doctor.active:
        return []
    start = _midnight(now)
    end = start + WINDOW
    hours = (await session.exec(select(WorkingHours).where(WorkingHours.doctor_id == doctor.id))).all()
    taken = (
        await session.exec(
            select(ClaimCell.cell_at).where(
                ClaimCell.doctor_id == doctor.id, ClaimCell.cell_at >= start, ClaimCell.cell_at < end
            )
        )
    ).all()
    stretches = [Stretch(row.weekday, row.start_minute, row.end_minute) for row in hours]
    return free(stretches, ZoneInfo(doctor.zone), [(at, at + GRID) for at in taken], start, end)[:MAX_FREE]


def _due(now: datetime) -> SelectOfScalar[str]:
    return (
        select(Doctor.id)
        .join(Publication, isouter=True)
        .where(or_(col(Publication.doctor_id).is_(None), col(Publication.published_at) < _midnight(now)))
    )


def _midnight(now: datetime) -> datetime:
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
