"""Sessions of browsers, of which one may be signed out while another page of it asks for something."""

import asyncio
from datetime import timedelta
from typing import Any

from sqlalchemy import event

from telemed.accounts import sessions
from telemed.db import Database
from tests.sample_rows import AMINA, STARTS_AT, add_visit


async def test_a_sign_out_while_a_page_asks_is_no_failure(database: Database) -> None:
    async with database.write() as session:
        await add_visit(session)
        token = await sessions.begin(session, AMINA, STARTS_AT)
    noting = asyncio.Event()

    def heard(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("UPDATE session"):
            noting.set()

    event.listen(database.engine.sync_engine, "before_cursor_execute", heard)
    async with database.write() as session:
        await sessions.end_all(session, AMINA)
        asking = asyncio.create_task(sessions.resume(database, token, STARTS_AT + timedelta(minutes=5)))
        if database.engine.dialect.name == "postgresql":
            # SQLite has one writer: there the other waits for this one's end.
            await asyncio.wait_for(noting.wait(), 10)
    assert await asyncio.wait_for(asking, 10) is None
    assert await sessions.resume(database, token, STARTS_AT + timedelta(minutes=5)) is None
