"""What a node does unasked, where no other test is about it."""

from pathlib import Path

from telemed import loops
from telemed.crypto.models import DataKey
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
