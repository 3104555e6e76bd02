"""The languages that the search form offers: those of the doctors who are listed now, and cheap to ask for."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import event

from telemed.db import Database
from telemed.directory import publication, replica
from telemed.directory.languages import Languages
from telemed.directory.models import Doctor, ReplicaEntry
from tests.conftest import SetClock
from tests.directory.test_directory import LI, add, entries, pull
from tests.nodes import federation


async def test_every_active_doctors_languages_are_listed_once(database: Database, clock: SetClock) -> None:
    languages = Languages()
    assert await languages.listed(database) == []
    doctor_id = await add(database, clock)
    (entry,) = (await entries(database)).entries
    peers = {**entry, "doctor": {**entry["doctor"], "languages": ["sw", "en"]}}
    assert await languages.listed(database) == ["en", "zh-Hans"]
    assert await pull(database, clock, [peers], 7) == 0
    assert await languages.listed(database) == ["en", "sw", "zh-Hans"]
    async with database.write() as session:
        (await session.get_one(Doctor, doctor_id)).active = False
        await publication.publish(session, doctor_id, clock())
    assert await languages.listed(database) == ["en", "sw"]
    async with database.write() as session:
        await replica.forget(session, "CN")
    assert await languages.listed(database) == []


async def test_nothing_of_an_entry_is_read_but_its_languages(tmp_path: Path, clock: SetClock) -> None:
    body = {"doctor": {"active": True, "languages": ["it"]}, "free": "whatever may be here"}
    async with federation(tmp_path, clock, "KE") as nodes:
        async with nodes["KE"].node.database.write() as session:
            session.add(ReplicaEntry(node="CN", doctor_id="d", cursor=1, body=body, pulled_at=clock()))
        status, node, _ = await nodes["KE"].call("GET", "/node")
    assert (status, node["languages"]) == (200, ["it"])


async def test_the_entries_are_read_again_only_after_a_change(database: Database, clock: SetClock) -> None:
    reads: list[str] = []

    def count(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "replica_entry" in statement:
            reads.append(statement)

    languages = Languages()
    await add(database, clock)
    event.listen(database.engine.sync_engine, "before_cursor_execute", count)
    for _ in range(3):
        assert await languages.listed(database) == ["en", "zh-Hans"]
    assert len(reads) == 1
    await add(database, clock, replace(LI, languages=["fr"]))
    for _ in range(3):
        assert await languages.listed(database) == ["en", "fr", "zh-Hans"]
    assert len(reads) == 2


async def test_a_peers_doctor_with_what_no_database_keeps_is_refused(database: Database, clock: SetClock) -> None:
    await add(database, clock)
    (entry,) = (await entries(database)).entries
    assert await pull(database, clock, [{**entry, "doctor": {**entry["doctor"], "name": "Dr\0 Li"}}], 7) == 1
    assert await Languages().listed(database) == ["en", "zh-Hans"]
