"""The visit of Amina (KE) with Dr Li (CN) as KE's database has it, half an hour before it begins."""

from typing import Any

import pytest

from telemed.db import Database
from telemed.directory import replica
from tests.sample_rows import STARTS_AT, add_visit

DR_LI: dict[str, Any] = {
    "id": "li",
    "name": "Dr Li",
    "specialties": ["infectious-diseases"],
    "languages": ["en"],
    "zone": "Asia/Shanghai",
    "visit_minutes": 10,
    "licences": [
        {
            "jurisdiction": "CN",
            "number": "1",
            "authority": "Wuhan",
            "valid_from": "2020-01-01",
            "valid_until": "2030-12-31",
        }
    ],
    "active": True,
}


@pytest.fixture
async def booked(database: Database) -> Database:
    """Amina's confirmed visit, and the doctor in the replica of CN's directory."""
    async with database.write() as session:
        await add_visit(session)
        entry = {"cursor": 1, "doctor": DR_LI, "free": []}
        assert await replica.apply(session, "CN", "CN", [entry], after=0, cursor=1, more=False, now=STARTS_AT) == 0
    return database
