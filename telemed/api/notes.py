"""What the doctor writes of a visit: the draft as it is typed, the signed note, and reading what was signed."""

from typing import Annotated

from aiohttp import web
from pydantic import Field, StringConstraints
from sqlmodel.ext.asyncio.session import AsyncSession

from telemed.accounts.models import Account
from telemed.api.participants import audited, visitor
from telemed.api.routing import Body, Moment, Route, View, Who
from telemed.calls import visiting, window
from telemed.crypto.sealing import DataKeyValue
from telemed.node import NODE
from telemed.records import access, drafts, notes
from telemed.records.notes import Note
from telemed.scheduling.models import Visit

Text = Annotated[str, StringConstraints(max_length=drafts.TEXT_LIMIT, strip_whitespace=False)]

MAX_BODY = 13 * drafts.TEXT_LIMIT
"""Bytes: a character takes up to twelve, as two JSON escapes."""


class DraftBody(Body):
    """The draft as it is now, and the revision that it replaces."""

    text: Text
    revision: int = Field(ge=0)


class NoteBody(Body):
    """What is signed, and the draft's revision that the doctor sees."""

    text: Annotated[Text, Field(min_length=1)]
    revision: int = Field(ge=0)


class DraftView(View):
    """The draft as it was last saved; revision 0 when there is none."""

    text: str
    revision: int
    saved_at: Moment | None


class SavedView(View):
    """The draft is kept under this revision."""

    revision: int
    saved_at: Moment


class SignedView(View):
    """The note is final."""

    id: str
    revision: int
    signed_at: Moment


class AuthorsLicenceView(View):
    """The licence under which a note was signed."""

    jurisdiction: str
    number: str
    authority: str


class AuthorView(View):
    """Who signed a note."""

    name: str
    node: str
    jurisdiction: str
    licence: AuthorsLicenceView


class NoteView(View):
    """A signed revision of a visit's note."""

    id: str
    visit_id: str
    revision: int
    text: str
    signed_at: Moment
    author: AuthorView


class NotesView(View):
    """The signed revisions, oldest first."""

    notes: list[NoteView]


async def read_draft(request: web.Request) -> DraftView:
    """The draft."""
    node = request.app[NODE]
    async with node.database.read() as session:
        visit, key = await _opened(request, session)
        draft = await drafts.read_draft(
            session, key, jurisdiction=node.settings.jurisdiction, patient_id=visit.patient_id, visit_id=visit.id
        )
    return DraftView(text=draft.text, revision=draft.revision, saved_at=draft.saved_at)


async def save_draft(request: web.Request, body: DraftBody) -> SavedView:
    """Keep what was typed, sealed."""
    node, now = request.app[NODE], request.app[NODE].clock()
    async with node.database.read() as session:
        visit, key = await _opened(request, session)
    async with node.database.write() as session:
        await _require_open_still(request, session)
        revision = await drafts.save_draft(
            session,
            key,
            jurisdiction=node.settings.jurisdiction,
            patient_id=visit.patient_id,
            visit_id=visit.id,
            text=body.text,
            revision=body.revision,
            now=now,
        )
    return SavedView(revision=revision, saved_at=now)


async def discard_draft(request: web.Request) -> None:
    """Throw the draft away."""
    async with request.app[NODE].database.write() as session:
        await _require_open_still(request, session)
        await drafts.discard_draft(session, request.match_info["id"])


async def sign(request: web.Request, body: NoteBody) -> SignedView:
    """Sign the note: the next final revision, and the draft is gone."""
    node, now, doctor = request.app[NODE], request.app[NODE].clock(), visitor(request)
    async with node.database.read() as session:
        visit, key = await _opened(request, session)
    async with node.database.write() as session:
        await _require_open_still(request, session)
        await _record(request, session, visit, "wrote-note")
        note = await notes.sign_note(
            session,
            key,
            jurisdiction=node.settings.jurisdiction,
            patient_id=visit.patient_id,
            visit_id=visit.id,
            text=body.text,
            draft_revision=body.revision,
            author=visiting.author(doctor.doctor, now.date()),
            assertion=doctor.assertion,
            now=now,
        )
    return SignedView(id=note.id, revision=note.revision, signed_at=note.signed_at)


async def read_notes(request: web.Request) -> NotesView:
    """What was signed of this visit; the look is recorded before it goes out."""
    node = request.app[NODE]
    async with node.database.read() as session:
        visit, key = await _opened(request, session)
        found = await notes.notes_of_visit(session, key, jurisdiction=node.settings.jurisdiction, visit_id=visit.id)
    if found:
        async with node.database.write() as session:
            await _record(request, session, visit, "read-note")
    return NotesView(notes=[note_view(note) for note in found])


def note_view(note: Note) -> NoteView:
    """A note as it goes out."""
    return NoteView.model_validate(note, from_attributes=True)


async def _opened(request: web.Request, session: AsyncSession) -> tuple[Visit, DataKeyValue]:
    visit = await session.get_one(Visit, request.match_info["id"])
    return visit, await request.app[NODE].data_keys.of(session, visit.patient_id)


async def _require_open_still(request: web.Request, session: AsyncSession) -> None:
    # The gate looked before the body was read; the visit may have ended since.
    visit = await session.get_one(Visit, request.match_info["id"], with_for_update=True)
    window.require_open(visit, request.app[NODE].clock())


async def _record(request: web.Request, session: AsyncSession, visit: Visit, what: str) -> None:
    her = await session.get_one(Account, visit.patient_id)
    await access.look(
        session,
        actor=audited(request),
        what=what,
        subject=her.audit_handle,
        visit_id=visit.id,
        items=["note"],
        now=request.app[NODE].clock(),
    )


ROUTES = (
    Route(
        method="GET",
        path="/visits/{id}/draft",
        handler=read_draft,
        who=Who.VISITING_DOCTOR,
        view=DraftView,
        summary="The note as the doctor left it",
    ),
    Route(
        method="PUT",
        path="/visits/{id}/draft",
        handler=save_draft,
        who=Who.VISITING_DOCTOR,
        body=DraftBody,
        view=SavedView,
        max_body=MAX_BODY,
        summary="Keep the note while it is written",
    ),
    Route(
        method="DELETE",
        path="/visits/{id}/draft",
        handler=discard_draft,
        who=Who.VISITING_DOCTOR,
        status=204,
        summary="Throw the draft away",
    ),
    Route(
        method="POST",
        path="/visits/{id}/note",
        handler=sign,
        who=Who.VISITING_DOCTOR,
        body=NoteBody,
        view=SignedView,
        status=201,
        max_body=MAX_BODY,
        summary="Sign the note; it is final",
    ),
    Route(
        method="GET",
        path="/visits/{id}/notes",
        handler=read_notes,
        who=Who.PARTICIPANT,
        view=NotesView,
        summary="What was signed of this visit",
    ),
)
