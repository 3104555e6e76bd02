"""Every node's doctors as this node knows them: its peers' as last pulled, its own as published."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pydantic import ValidationError
from sqlalchemy import delete, func
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from telemed.directory.entries import MAX_CURSOR, NumberedEntry, PublicDoctor, PublicEntry
from telemed.directory.models import Publication, ReplicaEntry, ReplicaState
from telemed.errors import Invalid

logger = logging.getLogger(__name__)

MAX_PAGE = 500
"""Entries that one pull may bring."""

MAX_DOCTORS = 10_000
"""Doctors of one peer that are kept."""

UNNAMED_FOR = timedelta(days=1)
"""Whom a peer has not named for so long is not its doctor any more: it names each at least once a day (UTC)."""


class PageRefused(Invalid):
    """A peer's page as a whole is not what a page may be."""

    code = "directory-page-refused"


@dataclass(frozen=True, slots=True)
class Home:
    """A node and the jurisdiction whose licences it may list."""

    node: str
    jurisdiction: str


@dataclass(frozen=True, slots=True)
class Listed:
    """A doctor with the node that owns the calendar; `pulled_at` is None for this node's own."""

    home: Home
    doctor: PublicDoctor
    free: Sequence[tuple[datetime, datetime]]
    pulled_at: datetime | None

    def public(self) -> dict[str, Any]:
        """The entry as a visit keeps it: JSON values, with node and jurisdiction."""
        return {
            "node": self.home.node,
            "jurisdiction": self.home.jurisdiction,
            **self.doctor.model_dump(mode="json"),
        }


async def read_until(session: AsyncSession, node: str, now: datetime) -> int:
    """The cursor after which a peer's directory is to be read; the first page of each day (UTC) is the first of all.

    What a peer published before it came back from a backup it may never say again, and cannot take back. At midnight
    everything changes anyway, as the days that are shown move on.
    """
    state = await session.get(ReplicaState, node)
    if state is None or state.pulled_at is None or state.pulled_at.date() != now.date():
        return 0
    return state.cursor


async def apply(
    session: AsyncSession,
    node: str,
    jurisdiction: str,
    entries: Sequence[Any],
    *,
    after: int,
    cursor: int,
    more: bool,
    now: datetime,
) -> int:
    """Take in a page of a peer's directory; `jurisdiction` is the trust list's. Returns how many entries it refused.

    An entry that lists a licence of another jurisdiction, or that cannot be read, is refused and what was kept of
    that doctor goes: a peer speaks for its own doctors and for nobody else's. So goes, with a last page, whoever was
    not named for a day.

    Args:
        after: the cursor that `read_until` gave.
        now: the time at which it did.

    Raises:
        PageRefused: more entries than a page may have, or a cursor that goes back or too far.
    """
    state = await session.get(ReplicaState, node) or ReplicaState(node=node)
    if len(entries) > MAX_PAGE or not after <= cursor <= MAX_CURSOR:
        raise PageRefused("This page has too many entries, or its cursor goes back or too far.")
    room = MAX_DOCTORS - await _count(session, node)
    refused = 0
    for raw in entries:
        entry = _acceptable(raw, jurisdiction)
        kept = await session.get(ReplicaEntry, (node, _doctor_id(raw)))
        if kept is not None and (entry is None or not entry.doctor.active):
            await session.delete(kept)
        if entry is None or (kept is None and entry.doctor.active and room <= 0):
            refused += 1
        elif entry.doctor.active:
            room -= kept is None
            _keep(session, kept, node, jurisdiction, entry, now)
        await session.flush()
    state.cursor, state.pulled_at = cursor, now
    session.add(state)
    await session.flush()
    if not more:
        theirs = delete(ReplicaEntry).where(col(ReplicaEntry.node) == node)
        await (await session.connection()).execute(theirs.where(col(ReplicaEntry.pulled_at) < now - UNNAMED_FOR))
    if refused:
        logger.warning("refused entries of a peer's directory", extra={"peer": node, "refused": refused})
    return refused


async def forget(session: AsyncSession, node: str) -> None:
    """Drop everything of a node that is no longer trusted."""
    connection = await session.connection()
    await connection.execute(delete(ReplicaEntry).where(col(ReplicaEntry.node) == node))
    await connection.execute(delete(ReplicaState).where(col(ReplicaState.node) == node))


async def doctors(
    session: AsyncSession, own: Home, *, specialty: str | None = None, language: str | None = None
) -> list[Listed]:
    """The active doctors of this node and of its peers that have the specialty and speak the language."""
    found: list[tuple[Home, dict[str, Any], datetime | None]] = [
        (own, row.body, None) for row in (await session.exec(select(Publication))).all()
    ]
    found += [
        (Home(entry.node, entry.body["jurisdiction"]), entry.body, entry.pulled_at)
        for entry in (await session.exec(select(ReplicaEntry))).all()
    ]
    return [
        _listed(home, body, pulled_at)
        for home, body, pulled_at in found
        if body["doctor"]["active"]
        and (specialty is None or specialty in body["doctor"]["specialties"])
        and (language is None or speaks(body["doctor"]["languages"], language))
    ]


async def doctor(session: AsyncSession, own: Home, node: str, doctor_id: str) -> Listed | None:
    """One doctor, of this node or of a peer; None if there is none, or none active."""
    if node == own.node:
        published = await session.get(Publication, doctor_id)
        found = _listed(own, published.body, None) if published else None
    else:
        kept = await session.get(ReplicaEntry, (node, doctor_id))
        found = _listed(Home(node, kept.body["jurisdiction"]), kept.body, kept.pulled_at) if kept else None
    return found if found is not None and found.doctor.active else None


async def states(session: AsyncSession) -> Sequence[ReplicaState]:
    """How far each peer's directory has been read, and when."""
    return (await session.exec(select(ReplicaState).order_by(ReplicaState.node))).all()


def speaks(languages: Sequence[str], wanted: str) -> bool:
    """Whether one of the languages is the wanted one: `zh` is answered by `zh-Hans` too (RFC 4647, basic filtering)."""
    wanted = wanted.lower()
    return any(tag.lower() == wanted or tag.lower().startswith(f"{wanted}-") for tag in languages)


def _acceptable(raw: Any, jurisdiction: str) -> NumberedEntry | None:
    try:
        entry = NumberedEntry.model_validate(raw)
    except ValidationError:
        return None
    own = all(licence.jurisdiction == jurisdiction for licence in entry.doctor.licences)
    return entry if own and all(start < end for start, end in entry.free) else None


def _doctor_id(raw: Any) -> str:
    named = raw.get("doctor") if isinstance(raw, dict) else None
    found = named.get("id") if isinstance(named, dict) else None
    # What is no id is kept of nobody, and may be no text for a database either.
    return found if isinstance(found, str) and found.isascii() and found.isprintable() else ""


def _keep(
    session: AsyncSession, kept: ReplicaEntry | None, node: str, jurisdiction: str, entry: NumberedEntry, now: datetime
) -> None:
    body = {**entry.model_dump(mode="json", exclude={"cursor"}), "jurisdiction": jurisdiction}
    if kept is None:
        session.add(ReplicaEntry(node=node, doctor_id=entry.doctor.id, cursor=entry.cursor, body=body, pulled_at=now))
    else:
        # Whatever its number: of a peer that came back from a backup the last word counts.
        kept.cursor, kept.body, kept.pulled_at = entry.cursor, body, now


async def _count(session: AsyncSession, node: str) -> int:
    return (await session.exec(select(func.count()).where(ReplicaEntry.node == node))).one()


def _listed(home: Home, body: dict[str, Any], pulled_at: datetime | None) -> Listed:
    entry = PublicEntry.model_validate(body)
    return Listed(home, entry.doctor, entry.free, pulled_at)
