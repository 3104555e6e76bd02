"""A hundred patients of two nodes want one time of a doctor of a third."""

import asyncio
import secrets
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import col, func, select

from telemed.accounts import profiles, sessions
from telemed.scheduling.models import Claim, ClaimCell, Visit
from telemed.scheduling.settling import OPEN
from tests.api.test_appointments import book, wish
from tests.api.test_federation_appointments import doctor_of
from tests.conftest import SetClock
from tests.nodes import RunningNode, federation

RACERS = 50
"""At each of the two nodes."""


@pytest.fixture
async def nodes(tmp_path: Path, clock: SetClock, databases: dict[str, str]) -> AsyncIterator[dict[str, RunningNode]]:
    async with federation(tmp_path, clock, "KE", "CN", "IT", databases=databases) as running:
        await doctor_of(running["KE"])
        yield running


async def signed_in(node: RunningNode) -> str:
    """A patient's session, without the password whose hash is slow on purpose."""
    account_id, now = secrets.token_hex(16), node.node.clock()
    key, key_row = await node.node.data_keys.new(account_id, now)
    profile = profiles.Profile("A racer", account_id)
    new = profiles.NewAccount(account_id, account_id, "-", key, key_row, profile, "en", "Europe/Rome")
    async with node.node.database.write() as session:
        await profiles.open_account(session, new, role="patient", jurisdiction=node.settings.jurisdiction, now=now)
        return await sessions.begin(session, account_id, now)


async def outcomes(node: RunningNode, clock: SetClock) -> Counter[tuple[str, str | None]]:
    """How the node's bookings ended, once all have; what is tried again is due by the clock."""
    unsettled = select(func.count()).select_from(Visit).where(col(Visit.state).in_(OPEN))
    async with asyncio.timeout(60):
        while True:
            async with node.node.database.read() as session:
                if not (await session.exec(unsettled)).one():
                    return Counter((visit.state, visit.detail) for visit in await session.exec(select(Visit)))
            await asyncio.sleep(0.1)
            clock.pass_(timedelta(milliseconds=50))


async def test_of_a_hundred_racers_from_two_nodes_one_gets_the_time(
    nodes: dict[str, RunningNode], clock: SetClock
) -> None:
    racers = [(node, await signed_in(node)) for node in (nodes["CN"], nodes["IT"]) for _ in range(RACERS)]
    wanted = await wish(*racers[0])
    assert await wish(*racers[-1]) == wanted
    answers = await asyncio.gather(*(book(node, token, wanted) for node, token in racers))
    # Who comes when the replica knows already is told at once.
    at_once = [answer["code"] for status, answer in answers if status != 202]
    assert set(at_once) <= {"slot-taken"}
    ends = await outcomes(nodes["CN"], clock) + await outcomes(nodes["IT"], clock)
    assert ends == {("confirmed", None): 1, ("gone", "slot-taken"): 2 * RACERS - 1 - len(at_once)}
    async with nodes["KE"].node.database.read() as session:
        (claim,) = (await session.exec(select(Claim))).all()
        cells = (await session.exec(select(ClaimCell.claim_id))).all()
    assert (claim.state, set(cells), len(cells)) == ("confirmed", {claim.id}, 2)
