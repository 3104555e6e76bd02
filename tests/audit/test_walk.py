"""A chain longer than what is read of it at once, on both databases."""

import pytest

from telemed.audit import chain
from telemed.db import Database
from tests.conftest import SetClock


async def test_a_long_chain_is_walked_to_its_end(
    database: Database, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chain, "READ_AT_ONCE", 2)
    async with database.write() as session:
        for _ in range(5):
            await chain.record(session, actor={}, action="arrived", subject="s", visit_id=None, detail={}, now=clock())
    async with database.read() as session:
        assert await chain.verify(session, ()) == chain.Verified(5, clock())
