"""The migrations lead to what the models say, and the record cannot be altered even by the node itself."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlmodel import col, select

from telemed import schema
from telemed.audit.models import AuditEvent
from telemed.db import Database
from telemed.directory import replica
from telemed.directory.languages import Languages
from telemed.directory.models import ReplicaEntry
from telemed.directory.replica import Home
from telemed.scheduling.models import Visit
from tests.sample_rows import VISIT, add_visit

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
DOCTOR = {
    "specialties": ["pulmonology"],
    "languages": ["en"],
    "zone": "Asia/Shanghai",
    "visit_minutes": 10,
    "licences": [],
    "active": True,
}


async def test_the_newest_migration_is_what_the_models_say(database: Database) -> None:
    await schema.check(database)
    await schema.require_newest(database)


async def test_a_database_of_the_first_version_is_brought_to_the_newest(empty_database: Database) -> None:
    await schema._run(empty_database, lambda config: command.upgrade(config, "0001"))
    with pytest.raises(schema.SchemaBehind, match="telemed migrate"):
        await schema.require_newest(empty_database)
    # So both were taken in then; today the second is refused.
    entry = {"free": [], "jurisdiction": "CN"}
    named = {"Dr Li": "li", "Dr\0 Wu": "wu"}
    async with empty_database.write() as session:
        await add_visit(session)
        for name, key in named.items():
            body = {**entry, "doctor": {**DOCTOR, "id": key, "name": name}}
            session.add(ReplicaEntry(node="CN", doctor_id=key, cursor=1, body=body, pulled_at=NOON))
    await schema.upgrade(empty_database)
    await schema.check(empty_database)
    await schema.require_newest(empty_database)
    async with empty_database.read() as session:
        assert await session.get(Visit, VISIT) is not None
        assert [one.doctor.name for one in await replica.doctors(session, Home("KE", "KE"))] == ["Dr Li"]
    assert await Languages().listed(empty_database) == ["en"]


async def test_a_database_file_is_for_its_owner_alone_whatever_opens_it_first(tmp_path: Path) -> None:
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/node.sqlite")
    try:
        with pytest.raises(schema.SchemaBehind):
            await schema.require_newest(database)
        await schema.upgrade(database)
        async with database.write() as session:
            session.add(_event())
            await session.flush()
            modes = _modes(tmp_path)
    finally:
        await database.close()
    assert {"node.sqlite", "node.sqlite-wal"} <= set(modes)
    assert set(modes.values()) == {0o600}


async def test_a_node_refuses_a_database_without_its_migrations(empty_database: Database) -> None:
    with pytest.raises(schema.SchemaBehind, match="telemed migrate"):
        await schema.require_newest(empty_database)


async def test_a_database_of_a_newer_version_is_refused_and_not_sent_to_migrate(database: Database) -> None:
    async with database.write() as session:
        await (await session.connection()).execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for deed in (schema.require_newest, schema.upgrade):
        with pytest.raises(schema.SchemaAhead, match="newer version"):
            await deed(database)


@pytest.mark.parametrize("deed", ["UPDATE audit_event SET action = 'nothing'", "DELETE FROM audit_event"])
async def test_an_audit_row_can_be_neither_changed_nor_deleted(database: Database, deed: str) -> None:
    async with database.write() as session:
        session.add(_event())
    with pytest.raises(DBAPIError, match="never altered"):
        async with database.write() as session:
            await (await session.connection()).execute(text(deed))
    async with database.read() as session:
        assert await session.get(AuditEvent, 1) is not None


async def test_times_of_every_year_are_read_as_written_and_sort(database: Database) -> None:
    years = [NOON.replace(year=year) for year in (9999, 1, 2026, 999)]
    async with database.write() as session:
        session.add_all(_event(seq, at) for seq, at in enumerate(years, 1))
    async with database.read() as session:
        assert (await session.exec(select(AuditEvent.at).order_by(col(AuditEvent.at)))).all() == sorted(years)


def _modes(folder: Path) -> dict[str, int]:
    return {file.name: file.stat().st_mode & 0o777 for file in folder.iterdir()}


def _event(seq: int = 1, at: datetime = NOON) -> AuditEvent:
    return AuditEvent(
        seq=seq,
        at=at,
        actor={"kind": "node"},
        action="read-record",
        subject="handle",
        detail={},
        previous_hash=str(seq - 1),
        hash=str(seq),
    )
