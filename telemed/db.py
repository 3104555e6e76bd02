"""The node's database: column types that mean the same on SQLite and PostgreSQL, and its two kinds of transaction."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Boolean, Dialect, Integer, String, Text, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.types import TypeDecorator, TypeEngine
from sqlmodel import SQLModel
from sqlmodel.ext.asyncio.session import AsyncSession

BUSY_TIMEOUT_MS = 5_000
"""How long SQLite waits for another process's write lock before it gives up."""

SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


@compiles(String, "sqlite")
def _sqlite_text(_type: String, _compiler: Any, **_options: Any) -> str:
    # STRICT tables know TEXT and no VARCHAR.
    return "TEXT"


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC time. PostgreSQL: timestamptz. SQLite: text of fixed width, so that it sorts.

    Raises:
        ValueError: a naive datetime, because SQLite would drop the zone in silence.
    """

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(TIMESTAMP(timezone=True) if dialect.name == "postgresql" else Text())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive datetime has no place in the database; give it a zone")
        value = value.astimezone(UTC)
        # No strftime: it writes the year 1 as 1, which neither sorts nor is read again.
        text = value.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
        return value if dialect.name == "postgresql" else text

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value if isinstance(value, datetime) else datetime.fromisoformat(value)


class Flag(TypeDecorator[bool]):
    """True or false. STRICT tables of SQLite know no BOOLEAN, so there it is 0 or 1."""

    impl = Integer
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(Boolean() if dialect.name == "postgresql" else Integer())

    def process_bind_param(self, value: bool | None, dialect: Dialect) -> Any:
        return value if value is None or dialect.name == "postgresql" else int(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> bool | None:
        return None if value is None else bool(value)


class Json(TypeDecorator[Any]):
    """A JSON value kept as canonical text: sorted keys, no spaces, UTF-8. Equal values are equal text."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else canonical_json(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else json.loads(value)


def canonical_json(value: Any) -> str:
    """`value` as JSON text with sorted keys and no spaces: what is stored, hashed and compared."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def strict(*constraints: Any) -> tuple[Any, ...]:
    """A table's `__table_args__`: its constraints, and SQLite's STRICT so that a column keeps its type."""
    return (*constraints, {"sqlite_strict": True})


def upsert(session: AsyncSession, table: type[SQLModel]) -> sqlite.Insert | postgresql.Insert:
    """An INSERT that may say ON CONFLICT, in the words of the session's database."""
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    return insert(table)


class Database:
    """A pool of connections to one SQLite file or one PostgreSQL database."""

    def __init__(self, url: str) -> None:
        # A failed statement may be logged; what a person wrote must not be.
        self.engine = create_async_engine(url, pool_pre_ping=not url.startswith("sqlite"), hide_parameters=True)
        self._sqlite = self.engine.dialect.name == "sqlite"
        # Correctness is the database's; this only queues this process's writers fairly on SQLite's one write lock.
        self._writers = asyncio.Lock()
        if self._sqlite:
            event.listen(self.engine.sync_engine, "do_connect", _make_sqlite)
            event.listen(self.engine.sync_engine, "connect", _prepare_sqlite)
            event.listen(self.engine.sync_engine, "begin", _begin_sqlite)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        """A transaction that reads; whatever it might have written is rolled back."""
        async with AsyncSession(self.engine, expire_on_commit=False) as session:
            yield session

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncSession]:
        """A transaction that writes: committed at the end, rolled back on any exception.

        Keep it short. No HTTP, no password hashing, no reading of a body inside.
        """
        async with AsyncExitStack() as stack:
            if self._sqlite:
                await stack.enter_async_context(self._writers)
            writing = self.engine.execution_options(writing=True)
            session = await stack.enter_async_context(AsyncSession(writing, expire_on_commit=False))
            await stack.enter_async_context(session.begin())
            yield session

    async def scrub(self) -> None:
        """Take what was deleted out of SQLite's write-ahead log too: secure_delete knows the database file alone."""
        if not self._sqlite:
            return
        async with self._writers, self.engine.connect() as connection:
            # Not through SQLAlchemy, which begins a transaction: a checkpoint within one is refused.
            driver: Any = (await connection.get_raw_connection()).driver_connection
            await driver.execute_fetchall("PRAGMA wal_checkpoint(TRUNCATE)")

    async def close(self) -> None:
        """Close every connection."""
        await self.engine.dispose()


def _make_sqlite(_dialect: Dialect, _entry: ConnectionPoolEntry, arguments: list[str], _options: Any) -> None:
    # SQLite would let everybody read it. What it puts beside a file is for whom the file is.
    name = arguments[0]
    if not name.startswith((":memory:", "file:")):
        # Whatever else is in the way SQLite says itself.
        with suppress(OSError):
            Path(name).touch(mode=0o600, exist_ok=False)


def _prepare_sqlite(connection: Any, _entry: ConnectionPoolEntry) -> None:
    # The driver's own BEGIN is deferred; `_begin_sqlite` says it instead.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "secure_delete=ON",
        f"busy_timeout={BUSY_TIMEOUT_MS}",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A deferred transaction that reads and then writes fails when another wrote in between; IMMEDIATE waits.
    writing = connection.get_execution_options().get("writing")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")
