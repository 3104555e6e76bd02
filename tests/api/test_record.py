"""A patient's record over HTTP, page by page: every visit is reached once, and nobody else's page is."""

from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from telemed.api import record
from telemed.records.intake import add_intake
from telemed.scheduling.models import Visit
from tests.appointments import INTAKE, Appointment, book
from tests.conftest import SetClock
from tests.nodes import RunningNode, federation


async def visited_before(ke: RunningNode, visit_id: str, *days: int) -> None:
    """Visits like that one, so many days before it."""
    node, now = ke.node, ke.node.clock()
    async with node.database.write() as session:
        visit = await session.get_one(Visit, visit_id)
        key = await node.data_keys.of(session, visit.patient_id)
        for day in days:
            new = {name: uuid4().hex for name in ("id", "handle", "room", "request_key")}
            row = Visit(**{**visit.model_dump(), **new, "starts_at": visit.starts_at - timedelta(days=day)})
            session.add(row)
            await session.flush()
            await add_intake(
                session,
                key,
                jurisdiction="KE",
                visit_id=row.id,
                patient_id=row.patient_id,
                intake=INTAKE,
                now=now,
            )


async def page(visit: Appointment, before: str = "") -> tuple[list[str], bool]:
    query = f"?before={before}" if before else ""
    status, found, _ = await visit.ke.call("GET", f"/record{query}", visit.hers)
    assert status == 200
    return [one["appointment"]["id"] for one in found["visits"]], found["more"]


async def test_older_visits_are_on_the_next_page(
    tmp_path: Path, clock: SetClock, databases: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record, "SHOWN", 2)
    async with federation(tmp_path, clock, "KE", "CN", databases=databases) as nodes:
        visit = await book(nodes["KE"], nodes["CN"])
        assert await page(visit) == ([visit.id], False)
        # Two at the same time, on either side of where a page ends.
        await visited_before(visit.ke, visit.id, 1, 1, 2)
        first, more = await page(visit)
        assert (first[0], len(first), more) == (visit.id, 2, True)
        second, more = await page(visit, first[-1])
        assert (len({*first, *second}), more) == (4, False)
        assert await page(visit, second[-1]) == ([], False)

        stranger = await visit.ke.patient("Brian")
        for token, before, status in (
            (stranger, visit.id, 404),
            (visit.hers, "0" * 32, 404),
            (visit.hers, "no%20id", 422),
        ):
            assert (await visit.ke.call("GET", f"/record?before={before}", token))[0] == status
