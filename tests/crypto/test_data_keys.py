"""Data keys: each opens for its own subject, and is gone when its row is."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlmodel import SQLModel, select

from telemed.crypto import data_keys
from telemed.crypto.data_keys import DataKeys, KeyDestroyed
from telemed.crypto.keyring import FileKeyRing, KeyRingUnusable
from telemed.crypto.models import DataKey
from telemed.crypto.sealing import CannotUnseal, Place, seal, unseal
from telemed.db import Database

NOW = datetime(2026, 11, 24, 8, tzinfo=UTC)
TABLES = [SQLModel.metadata.tables["data_key"]]


class CountingKeyRing(FileKeyRing):
    """A key ring that counts how often it unwraps."""

    unwrapped = 0

    async def unwrap(self, context: str, wrapped: str) -> bytes:
        self.unwrapped += 1
        return await super().unwrap(context, wrapped)


class Ticks:
    """A monotonic clock to be set."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/keys.sqlite")
    async with database.engine.begin() as connection:
        await connection.run_sync(SQLModel.metadata.create_all, tables=TABLES)
    yield database
    await database.close()


@pytest.fixture
def ring(tmp_path: Path) -> CountingKeyRing:
    ring = CountingKeyRing.create(tmp_path / "ring")
    assert isinstance(ring, CountingKeyRing)
    return ring


async def _give_key(store: Database, keys: DataKeys, subject_id: str) -> None:
    _, row = await keys.new(subject_id, NOW)
    async with store.write() as session:
        session.add(row)


async def _swap(store: Database, *columns: str) -> None:
    async with store.write() as session:
        one = (await session.exec(select(DataKey).where(DataKey.subject_id == "amina"))).one()
        two = (await session.exec(select(DataKey).where(DataKey.subject_id == "brian"))).one()
        for column in columns:
            first, second = getattr(one, column), getattr(two, column)
            setattr(one, column, second)
            setattr(two, column, first)


async def test_a_subjects_key_comes_back_and_is_unwrapped_once(store: Database, ring: CountingKeyRing) -> None:
    keys = DataKeys(ring, "KE")
    value, row = await keys.new("amina", NOW)
    async with store.write() as session:
        session.add(row)
    async with store.read() as session:
        assert await keys.of(session, "amina") == value
        assert await keys.of(session, "amina") == value
    assert ring.unwrapped == 1


async def test_it_is_forgotten_after_minutes(store: Database, ring: CountingKeyRing) -> None:
    ticks = Ticks()
    keys = DataKeys(ring, "KE", ticks)
    await _give_key(store, keys, "amina")
    async with store.read() as session:
        await keys.of(session, "amina")
        ticks.now += data_keys.REMEMBERED_FOR_S
        await keys.of(session, "amina")
    assert ring.unwrapped == 2


async def test_a_destroyed_key_is_gone_at_once(store: Database, ring: CountingKeyRing) -> None:
    keys = DataKeys(ring, "KE")
    await _give_key(store, keys, "amina")
    async with store.read() as session:
        await keys.of(session, "amina")
    async with store.write() as session:
        await session.delete((await session.exec(select(DataKey))).one())
    async with store.read() as session:
        with pytest.raises(KeyDestroyed):
            await keys.of(session, "amina")


@pytest.mark.parametrize("warm", [False, True])
@pytest.mark.parametrize("columns", [("wrapped",), ("subject_id",)])
async def test_two_patients_swapped_wrapped_keys_do_not_open(
    store: Database, ring: CountingKeyRing, columns: tuple[str, ...], warm: bool
) -> None:
    keys = DataKeys(ring, "KE")
    for subject in ("amina", "brian"):
        await _give_key(store, keys, subject)
        if warm:
            async with store.read() as session:
                await keys.of(session, subject)
    await _swap(store, *columns)
    async with store.read() as session:
        for subject in ("amina", "brian"):
            with pytest.raises(KeyRingUnusable):
                await keys.of(session, subject)


async def test_two_patients_swapped_entries_do_not_open(ring: CountingKeyRing) -> None:
    keys = DataKeys(ring, "KE")
    hers, _ = await keys.new("amina", NOW)
    his, _ = await keys.new("brian", NOW)
    her_place, his_place = Place("KE", "amina", "note", "1", 1), Place("KE", "brian", "note", "2", 1)
    her_note, his_note = seal(hers, her_place, b"hers"), seal(his, his_place, b"his")
    for key, place, sealed in ((hers, her_place, his_note), (his, his_place, her_note), (hers, his_place, her_note)):
        with pytest.raises(CannotUnseal):
            unseal(key, place, sealed)


async def test_another_jurisdictions_key_does_not_open_here(store: Database, ring: CountingKeyRing) -> None:
    await _give_key(store, DataKeys(ring, "KE"), "amina")
    async with store.read() as session:
        with pytest.raises(KeyRingUnusable):
            await DataKeys(ring, "CN").of(session, "amina")
