"""A message reaches its peer once as far as anybody can tell, or is given up when its time is over."""

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from telemed import loops
from telemed.federation.client import Answer
from telemed.outbox import delivery
from telemed.outbox.delivery import Listener
from telemed.outbox.models import OutboxMessage
from telemed.outbox.post import post
from tests.conftest import SetClock
from tests.nodes import RunningNode, federation


@dataclass
class Ear:
    """Hears what becomes of a message."""

    answers: asyncio.Queue[Answer | None] = field(default_factory=asyncio.Queue)
    tries: asyncio.Queue[int] = field(default_factory=asyncio.Queue)
    fails: int = 0

    async def answered(
        self, session: AsyncSession, message: OutboxMessage, answer: Answer | None, now: datetime
    ) -> None:
        if self.fails:
            self.fails -= 1
            raise RuntimeError("the domain fails")
        self.answers.put_nowait(answer)

    async def trying(self, session: AsyncSession, message: OutboxMessage, now: datetime) -> None:
        self.tries.put_nowait(message.tries)


@pytest.fixture
def ear(monkeypatch: pytest.MonkeyPatch) -> Ear:
    heard = Ear()
    monkeypatch.setattr(loops, "LISTENERS", {"test": Listener(heard.answered, heard.trying)})
    return heard


@pytest.fixture
async def nodes(tmp_path: Path, clock: SetClock, ear: Ear) -> AsyncIterator[dict[str, RunningNode]]:
    async with federation(tmp_path, clock, "KE", "CN") as running:
        yield running


async def send(node: RunningNode, peer: str, give_up_at: datetime | None = None) -> None:
    async with node.node.database.write() as session:
        await post(
            session,
            kind="test",
            subject_id="s",
            peer=peer,
            path=f"/federation/v1/appointments/{'0' * 32}/end",
            body={},
            now=node.node.clock(),
            give_up_at=give_up_at,
        )
    node.node.outbox_wake.set()


async def test_an_answer_is_heard_once_and_a_refusal_is_one(nodes: dict[str, RunningNode], ear: Ear) -> None:
    await send(nodes["KE"], "CN")
    async with asyncio.timeout(10):
        answer = await ear.answers.get()
    assert answer is not None
    assert (answer.status, answer.code) == (404, "not-found")


async def test_an_unreachable_peer_is_tried_again_and_given_up_in_time(
    nodes: dict[str, RunningNode], ear: Ear, clock: SetClock
) -> None:
    await send(nodes["KE"], "IT", give_up_at=clock() + timedelta(minutes=3))
    async with asyncio.timeout(10):
        assert await ear.tries.get() == 1
        clock.pass_(timedelta(seconds=1))
        nodes["KE"].node.outbox_wake.set()
        assert await ear.tries.get() == 2
        clock.pass_(timedelta(minutes=3))
        nodes["KE"].node.outbox_wake.set()
        assert await ear.answers.get() is None


async def test_a_domain_that_fails_hears_the_answer_again(
    nodes: dict[str, RunningNode], ear: Ear, clock: SetClock
) -> None:
    ear.fails = 1
    await send(nodes["KE"], "CN")
    async with asyncio.timeout(10):
        while ear.answers.empty():
            clock.pass_(timedelta(seconds=1))
            nodes["KE"].node.outbox_wake.set()
            await asyncio.sleep(0.02)
    assert ear.answers.qsize() == 1


async def test_a_database_that_takes_nothing_does_not_end_the_delivery(nodes: dict[str, RunningNode], ear: Ear) -> None:
    ke = nodes["KE"]
    await send(ke, "CN")
    async with asyncio.timeout(10):
        await ear.answers.get()
    await change(ke, "CREATE TRIGGER full BEFORE UPDATE ON outbox_message BEGIN SELECT RAISE(ABORT, 'full'); END")
    await send(ke, "CN")
    async with asyncio.timeout(20):
        await ear.answers.get()
        failed_at = asyncio.get_running_loop().time()
        await ear.answers.get()
        assert asyncio.get_running_loop().time() - failed_at > delivery.LOOK_EVERY_S / 2, "it spins"
        await change(ke, "DROP TRIGGER full")
        await send(ke, "CN")
        await ear.answers.get()


async def test_a_delivery_that_fails_altogether_begins_anew(
    nodes: dict[str, RunningNode], ear: Ear, request: pytest.FixtureRequest
) -> None:
    fails = [RuntimeError("the log fails")]

    def fail_once(_record: logging.LogRecord) -> bool:
        if fails:
            raise fails.pop()
        return True

    delivery.logger.addFilter(fail_once)
    request.addfinalizer(lambda: delivery.logger.removeFilter(fail_once))
    ear.fails = 1
    await send(nodes["KE"], "CN")
    async with asyncio.timeout(10):
        assert await ear.answers.get() is not None
    assert not fails


async def change(node: RunningNode, statement: str) -> None:
    async with node.node.database.write() as session:
        await (await session.connection()).execute(text(statement))
