"""Notes: what a doctor signed of a visit. A signed revision is final; a correction is the next revision."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from telemed.crypto.sealing import DataKeyValue, Place, seal, unseal
from telemed.records.drafts import require_revision
from telemed.records.models import Draft, Entry


@dataclass(frozen=True, slots=True)
class Note:
    """A signed note, opened. `author` is {node, doctor_id, name, licence, ...}, public all of it."""

    id: str
    visit_id: str
    revision: int
    text: str
    signed_at: datetime
    author: Mapping[str, Any]


async def sign_note(
    session: AsyncSession,
    key: DataKeyValue,
    *,
    jurisdiction: str,
    patient_id: str,
    visit_id: str,
    text: str,
    draft_revision: int,
    author: Mapping[str, Any],
    assertion: str,
    now: datetime,
) -> Note:
    """Seal `text` as the visit's next final revision, with who vouched for the author; the draft is gone.

    Raises:
        DraftChanged: the draft is not at `draft_revision`, so the doctor may not have seen what it says.
    """
    draft = await session.get(Draft, visit_id, with_for_update=True)
    require_revision(draft, draft_revision)
    latest = select(func.max(Entry.revision)).where(Entry.visit_id == visit_id, Entry.kind == "note")
    revision = ((await session.exec(latest)).one() or 0) + 1
    entry_id = secrets.token_hex(16)
    entry = Entry(
        id=entry_id,
        patient_id=patient_id,
        visit_id=visit_id,
        kind="note",
        revision=revision,
        sealed=seal(key, Place(jurisdiction, patient_id, "note", entry_id, revision), text.encode()),
        author=dict(author),
        assertion=assertion,
        created_at=now,
    )
    session.add(entry)
    if draft is not None:
        await session.delete(draft)
    await session.flush()
    return Note(entry_id, visit_id, revision, text, now, dict(author))


async def notes_of_visit(session: AsyncSession, key: DataKeyValue, *, jurisdiction: str, visit_id: str) -> list[Note]:
    """The signed notes of a visit, oldest revision first."""
    wanted = select(Entry).where(Entry.visit_id == visit_id, Entry.kind == "note").order_by(col(Entry.revision))
    return [_opened(key, jurisdiction, entry) for entry in await session.exec(wanted)]


def _opened(key: DataKeyValue, jurisdiction: str, entry: Entry) -> Note:
    place = Place(jurisdiction, entry.patient_id, "note", entry.id, entry.revision)
    text = unseal(key, place, entry.sealed).decode()
    return Note(entry.id, entry.visit_id, entry.revision, text, entry.created_at, entry.author or {})
