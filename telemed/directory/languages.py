"""The languages of all listed doctors, for the search form: read within the database, and only after a change."""

import asyncio
from collections.abc import Mapping
from typing import Any

from sqlalchemy import func, text
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from telemed.db import Database
from telemed.directory.models import Publication, ReplicaState

SPOKEN: Mapping[str, str] = {
    "sqlite": "SELECT spoken.value FROM {table}, json_each({table}.body, '$.doctor.languages') AS spoken"
    " WHERE json_extract({table}.body, '$.doctor.active')",
    "postgresql": "SELECT spoken.value FROM {table},"
    " json_array_elements_text(CAST({table}.body AS json) -> 'doctor' -> 'languages') AS spoken(value)"
    " WHERE CAST(CAST({table}.body AS json) -> 'doctor' ->> 'active' AS boolean)",
}
"""By dialect. An entry may have thousands of free times, and a directory thousands of entries: none is read here."""


class Languages:
    """The languages as last read; whoever asks while they are read waits for the same answer."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._read_at: object = None
        self._known: list[str] = []

    async def listed(self, database: Database) -> list[str]:
        """The tags of every language that an active doctor of this node or of a peer speaks, sorted."""
        async with self._turn, database.read() as session:
            # The cursors first: what changes between the two is read once more the next time.
            cursors = await _cursors(session)
            if cursors != self._read_at:
                self._known, self._read_at = await _spoken(session), cursors
            return self._known


async def _cursors(session: AsyncSession) -> tuple[Any, ...]:
    own = (await session.exec(select(func.max(Publication.cursor)))).one()
    peers = select(ReplicaState.node, ReplicaState.cursor).order_by(col(ReplicaState.node))
    return own, *(await session.exec(peers)).all()


async def _spoken(session: AsyncSession) -> list[str]:
    connection = await session.connection()
    one = SPOKEN[connection.dialect.name]
    both = " UNION ".join(one.format(table=table) for table in ("publication", "replica_entry"))
    return sorted((await connection.execute(text(both))).scalars())
