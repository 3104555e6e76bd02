"""The draft: a note while the doctor writes it, sealed, replaced as it is typed."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.exc import IntegrityError
from sqlmodel.ext.asyncio.session import AsyncSession

from telemed.crypto.sealing import DataKeyValue, Place, seal, unseal
from telemed.errors import Conflict
from telemed.records.models import Draft

TEXT_LIMIT = 20_000
"""Characters in a note: some ten printed pages."""


class DraftChanged(Conflict):
    """Another page has saved the draft since this one read it."""

    code = "draft-changed"


@dataclass(frozen=True, slots=True)
class DraftText:
    """A draft as it was last saved; revision 0 and no time when there is none."""

    text: str
    revision: int
    saved_at: datetime | None


async def read_draft(
    session: AsyncSession, key: DataKeyValue, *, jurisdiction: str, patient_id: str, visit_id: str
) -> DraftText:
    """The visit's draft, opened."""
    draft = await session.get(Draft, visit_id)
    if draft is None:
        return DraftText("", 0, None)
    place = Place(jurisdiction, patient_id, "draft", visit_id, draft.revision)
    return DraftText(unseal(key, place, draft.sealed).decode(), draft.revision, draft.saved_at)


async def save_draft(
    session: AsyncSession,
    key: DataKeyValue,
    *,
    jurisdiction: str,
    patient_id: str,
    visit_id: str,
    text: str,
    revision: int,
    now: datetime,
) -> int:
    """Put `text` in the place of revision `revision` (0: there is none yet); the new revision.

    Raises:
        DraftChanged: the draft is at another revision.
    """
    draft = await session.get(Draft, visit_id, with_for_update=True)
    require_revision(draft, revision)
    place = Place(jurisdiction, patient_id, "draft", visit_id, revision + 1)
    draft = draft or Draft(visit_id=visit_id, revision=0, sealed=b"", saved_at=now)
    draft.revision, draft.sealed, draft.saved_at = revision + 1, seal(key, place, text.encode()), now
    session.add(draft)
    try:
        await session.flush()
    except IntegrityError as error:
        raise DraftChanged(_CHANGED) from error
    return draft.revision


async def discard_draft(session: AsyncSession, visit_id: str) -> None:
    """Throw the draft away; there may be none."""
    draft = await session.get(Draft, visit_id, with_for_update=True)
    if draft is not None:
        await session.delete(draft)
        await session.flush()


def require_revision(draft: Draft | None, revision: int) -> None:
    """Refuse to go on from a draft that is at another revision."""
    if (draft.revision if draft else 0) != revision:
        raise DraftChanged(_CHANGED)


_CHANGED = "The draft was changed in another window; load it again before you write on."
