"""The intake: what a patient says before a visit, sealed; and which of it the doctor may see."""

import json
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from telemed.crypto.sealing import DataKeyValue, Place, seal, unseal
from telemed.errors import NotFound
from telemed.records.models import Entry


@dataclass(frozen=True, slots=True)
class Intake:
    """Why she comes, her allergies and her medicines, in her own words."""

    reason: str
    allergies: str
    medicines: str


async def add_intake(
    session: AsyncSession,
    key: DataKeyValue,
    *,
    jurisdiction: str,
    visit_id: str,
    patient_id: str,
    intake: Intake,
    now: datetime,
) -> None:
    """Seal the intake of a visit; there is one, and it is never altered."""
    entry_id = secrets.token_hex(16)
    place = Place(jurisdiction, patient_id, "intake", entry_id, 1)
    sealed = seal(key, place, json.dumps(asdict(intake)).encode())
    session.add(
        Entry(
            id=entry_id,
            patient_id=patient_id,
            visit_id=visit_id,
            kind="intake",
            revision=1,
            sealed=sealed,
            created_at=now,
        )
    )
    await session.flush()


async def read_intake(session: AsyncSession, key: DataKeyValue, *, jurisdiction: str, visit_id: str) -> Intake:
    """The intake of a visit. Whoever calls this for another than the patient has recorded it before."""
    wanted = select(Entry).where(Entry.visit_id == visit_id, Entry.kind == "intake")
    entry = (await session.exec(wanted)).first()
    if entry is None:
        raise NotFound("There is no intake for this visit.")
    place = Place(jurisdiction, entry.patient_id, "intake", entry.id, entry.revision)
    return Intake(**json.loads(unseal(key, place, entry.sealed)))


def shared(items: Sequence[str], intake: Intake, name: str) -> dict[str, str]:
    """What of it the doctor may see: the ticked items and nothing else."""
    known = {"name": name, **asdict(intake)}
    return {item: known[item] for item in known if item in items}
