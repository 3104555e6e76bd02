"""The audit chain: it holds as written, and breaks at whatever was changed."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlmodel import col, select

from telemed.audit import chain
from telemed.audit.models import AuditCheckpoint, AuditEvent
from telemed.db import Database
from tests.sample_rows import STARTS_AT, tables

KEY, OTHER = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
PUBLIC = [KEY.public_key()]


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with tables(tmp_path) as database:
        async with database.write() as session:
            for action in ("arrived", "read-shared", "wrote-note"):
                await chain.record(
                    session,
                    actor={"kind": "doctor", "node": "CN", "id": "li", "name": "Dr Li"},
                    action=action,
                    subject="handle",
                    visit_id=None,
                    detail={},
                    now=STARTS_AT,
                )
            await chain.checkpoint(session, KEY, STARTS_AT)
        yield database


async def test_an_untouched_chain_holds(database: Database) -> None:
    async with database.read() as session:
        assert (await chain.verify(session, PUBLIC)).rows == 3


@pytest.mark.parametrize(
    "tamper",
    [
        "UPDATE audit_event SET action = 'nothing' WHERE seq = 2",
        "UPDATE audit_event SET at = '2026-11-24T09:00:00.000001Z' WHERE seq = 1",
        "UPDATE audit_event SET detail = '{\"a\":1}' WHERE seq = 3",
        "DELETE FROM audit_event WHERE seq = 1",
        "DELETE FROM audit_event WHERE seq = 2",
        "UPDATE audit_checkpoint SET head = 'another'",
        "UPDATE audit_checkpoint SET signature = ''",
        "UPDATE audit_checkpoint SET signature = 'no base64'",
    ],
)
async def test_a_changed_or_deleted_row_breaks_it(database: Database, tamper: str) -> None:
    async with database.write() as session:
        connection = await session.connection()
        await connection.exec_driver_sql(tamper)
    async with database.read() as session:
        with pytest.raises(chain.ChainBroken):
            await chain.verify(session, PUBLIC)


async def test_a_chain_cut_short_below_a_checkpoint_is_noticed(database: Database) -> None:
    async with database.engine.connect() as connection:
        await connection.exec_driver_sql("COMMIT")
        await connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
        await connection.exec_driver_sql("DELETE FROM audit_event WHERE seq = 3")
    async with database.read() as session:
        with pytest.raises(chain.ChainBroken, match="missing"):
            await chain.verify(session, PUBLIC)


async def test_the_same_end_is_signed_once(database: Database) -> None:
    async with database.write() as session:
        assert await chain.checkpoint(session, KEY, STARTS_AT) is None
        assert await session.get(AuditCheckpoint, 3) is not None


async def test_a_chain_made_anew_by_somebody_without_the_nodes_key_is_noticed(database: Database) -> None:
    async with database.write() as session:
        (*_, last) = (await session.exec(select(AuditEvent).order_by(col(AuditEvent.seq)))).all()
        last.action = "nothing"
        last.hash = chain._hash(last)
        (await session.exec(select(AuditCheckpoint))).one().head = last.hash
    async with database.read() as session:
        with pytest.raises(chain.ChainBroken, match="row 3 is not signed"):
            await chain.verify(session, PUBLIC)


async def test_a_checkpoint_of_a_key_that_was_replaced_holds_as_long_as_the_key_is_named(database: Database) -> None:
    async with database.read() as session:
        assert (await chain.verify(session, [OTHER.public_key(), *PUBLIC])).rows == 3
        with pytest.raises(chain.ChainBroken):
            await chain.verify(session, [OTHER.public_key()])
