"""A database with every table, and the rows of one confirmed visit of Amina (KE) with Dr Li (CN)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlmodel import SQLModel
from sqlmodel.ext.asyncio.session import AsyncSession

import telemed.audit.models
import telemed.calls.models
import telemed.directory.models
import telemed.outbox.models
import telemed.records.models  # noqa: F401
from telemed.accounts.models import Account
from telemed.crypto.sealing import DataKeyValue
from telemed.db import Database
from telemed.records import consent
from telemed.scheduling.models import Visit

STARTS_AT = datetime(2026, 11, 24, 9, tzinfo=UTC)
ENDS_AT = STARTS_AT + timedelta(minutes=10)
KEY = DataKeyValue("0" * 32, bytes(32))
AMINA = "amina"
VISIT = "a" * 32


@asynccontextmanager
async def tables(path: Path) -> AsyncIterator[Database]:
    """A SQLite database under `path` with every table of the models."""
    database = Database(f"sqlite+aiosqlite:///{path}/node.sqlite")
    async with database.engine.begin() as connection:
        await connection.run_sync(SQLModel.metadata.create_all)
    yield database
    await database.close()


async def add_visit(session: AsyncSession, visit_id: str = VISIT, patient_id: str = AMINA) -> Visit:
    """A patient, her confirmed visit and her consent."""
    session.add(
        Account(
            id=patient_id,
            role="patient",
            contact_hmac=f"hmac-{patient_id}",
            password_hash="-",
            sealed_profile=b"",
            language="en",
            zone="Africa/Nairobi",
            audit_handle=f"handle-{patient_id}",
            created_at=STARTS_AT,
        )
    )
    await session.flush()
    visit = Visit(
        id=visit_id,
        patient_id=patient_id,
        handle=f"handle-{visit_id}",
        doctor_node="CN",
        doctor_id="li",
        doctor={"id": "li", "name": "Dr Li", "node": "CN", "jurisdiction": "CN"},
        starts_at=STARTS_AT,
        minutes=10,
        language="en",
        specialty="infectious-diseases",
        rule={"kind": "direct-care"},
        state="confirmed",
        request_key="key",
        request_digest="digest",
        requested_at=STARTS_AT - timedelta(hours=1),
        room=f"room-{visit_id}",
    )
    session.add(visit)
    await session.flush()
    await consent.give(
        session,
        visit_id=visit_id,
        patient_id=patient_id,
        doctor_node="CN",
        doctor_id="li",
        country="CN",
        items=["name", "reason"],
        until=ENDS_AT + timedelta(hours=2),
        now=STARTS_AT - timedelta(hours=1),
    )
    return visit
