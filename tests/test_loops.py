"""What a node does unasked, where no other test is about it."""

from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlmodel import select

from telemed import loops
from telemed.calls import ending
from telemed.crypto.models import DataKey
from telemed.scheduling.models import Claim
from tests.conftest import SetClock
from tests.nodes import federation


async def test_a_destroyed_key_is_nowhere_on_the_disk(tmp_path: Path, clock: SetClock) -> None:
    wrapped = "w" * 64

    def holding() -> list[Path]:
        return [file for file in tmp_path.rglob("node.sqlite*") if wrapped.encode() in file.read_bytes()]

    async with federation(tmp_path, clock, "KE") as nodes:
        node = nodes["KE"].node
        async with node.database.write() as session:
            session.add(DataKey(id="k", subject_id="amina", wrapped=wrapped, created_at=clock()))
        assert holding()
        async with node.database.write() as session:
            await session.delete(await session.get_one(DataKey, "k"))
        await loops.clear_what_is_over(node)
        assert holding() == []


async def test_what_is_asked_each_second_looks_through_no_visits_of_long_ago(tmp_path: Path, clock: SetClock) -> None:
    asked: list[tuple[str, Any]] = []

    def heard(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if "FROM visit" in statement or "FROM claim" in statement:
            asked.append((statement, parameters))

    async with federation(tmp_path, clock, "KE") as nodes:
        node = nodes["KE"].node
        event.listen(node.database.engine.sync_engine, "before_cursor_execute", heard)
        await loops.lapse_holds(node)
        await ending.close_overdue(node)
        async with node.database.read() as session:
            await session.exec(select(Claim.id).where(Claim.handle == "h" * 32))
        event.remove(node.database.engine.sync_engine, "before_cursor_execute", heard)
        async with node.database.read() as session:
            connection = await session.connection()
            plans = [
                str(row[-1])
                for statement, parameters in dict(asked).items()
                for row in await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            ]
    assert len(asked) >= 4
    assert [plan for plan in plans if plan.startswith("SCAN")] == []
