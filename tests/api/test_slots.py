"""Looking for a doctor over HTTP: what a patient finds on every node, and on whose clock."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from telemed.directory.doctors import add_doctor
from tests.conftest import SetClock
from tests.directory.test_directory import LI
from tests.nodes import Client, RunningNode, federation


@pytest.fixture
async def nodes(tmp_path: Path, clock: SetClock) -> AsyncIterator[dict[str, RunningNode]]:
    async with federation(tmp_path, clock, "KE", "CN") as running:
        yield running


async def found_by(ke: Client, token: str, query: str, count: int) -> Any:
    """What the search finds, once that many doctors have been pulled."""
    async with asyncio.timeout(10):
        while True:
            status, found, _ = await ke.call("GET", f"/slots?{query}", token)
            assert status == 200
            if len(found["results"]) == count:
                return found
            await asyncio.sleep(0.02)


async def test_a_patient_sees_the_doctors_of_another_node_in_both_local_times(
    nodes: dict[str, RunningNode], clock: SetClock
) -> None:
    ke, cn = nodes["KE"], nodes["CN"]
    for _ in range(3):
        async with cn.node.database.write() as session:
            await add_doctor(session, LI, jurisdiction="CN", now=clock())
    token = await ke.patient()
    found = await found_by(ke, token, "specialty=infectious-diseases&language=&days=2", 3)
    assert found["zone"] == "Africa/Nairobi"
    (first, *_) = found["results"]
    assert first["doctor"]["node"] == "CN"
    assert first["rule"]["kind"] == "direct-care"
    assert first["rule"]["sample"]
    assert first["more"]
    assert len(first["slots"]) == 40
    assert first["slots"][0] == {
        "starts_at": "2026-11-24T08:00:00Z",
        "ends_at": "2026-11-24T08:10:00Z",
        "hers": {"date": "2026-11-24", "time": "11:00", "zone": "Africa/Nairobi"},
        "doctors": {"date": "2026-11-24", "time": "16:00", "zone": "Asia/Shanghai"},
    }
    assert found["replicas"] == [{"node": "CN", "pulled_at": "2026-11-24T08:00:00Z", "stale": False}]


async def test_a_directory_that_was_not_heard_of_for_long_is_called_stale(tmp_path: Path, clock: SetClock) -> None:
    async with federation(tmp_path, clock, "KE", "CN") as nodes:
        ke = nodes["KE"]
        token = await ke.patient()
        async with asyncio.timeout(10):
            while True:
                if (await ke.call("GET", "/slots", token))[1]["replicas"][0]["pulled_at"]:
                    break
                await asyncio.sleep(0.02)
        await nodes["CN"].stop()
        clock.pass_(timedelta(minutes=2))
        assert (await ke.call("GET", "/slots", token))[1]["replicas"][0]["stale"]


async def test_a_node_never_heard_from_is_named_because_its_doctors_are_missing(
    tmp_path: Path, clock: SetClock
) -> None:
    async with federation(tmp_path, clock, "KE", "CN", absent=("CN",)) as nodes:
        token = await nodes["KE"].patient()
        found = (await nodes["KE"].call("GET", "/slots", token))[1]
    assert found["replicas"] == [{"node": "CN", "pulled_at": None, "stale": True}]


async def test_a_search_that_makes_no_sense_is_refused_with_what_is_wrong(nodes: dict[str, RunningNode]) -> None:
    token = await nodes["KE"].patient()
    for query in ("days=15", "days=0", "from=yesterday", "from=9999-12-31", "specialty=<b>", "who=me"):
        status, problem, _ = await nodes["KE"].call("GET", f"/slots?{query}", token)
        assert status == 422, query
        assert problem["fields"]
