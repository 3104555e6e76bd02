"""The running node signs the end of its audit chain."""

import asyncio
from pathlib import Path

from sqlmodel import select

from telemed import loops
from telemed.audit import chain
from telemed.audit.models import AuditCheckpoint
from tests.conftest import SetClock
from tests.nodes import federation


async def test_the_chains_end_is_signed_by_the_nodes_key(tmp_path: Path, clock: SetClock) -> None:
    async with federation(tmp_path, clock, "KE") as nodes:
        node = nodes["KE"].node
        async with node.database.write() as session:
            await chain.record(
                session, actor={}, action="read", subject="her handle", visit_id=None, detail={}, now=clock()
            )
        for _ in range(2):
            await asyncio.wait_for(loops.sign_audit_chain(node), 10)
        async with node.database.read() as session:
            (checkpoint,) = (await session.exec(select(AuditCheckpoint))).all()
            verified = await chain.verify(session, [node.signing_key.private.public_key()])
            assert (verified.rows, checkpoint.seq) == (1, 1)
