"""Rows of the calendar that this node owns (claims), and of its patients' visits anywhere."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from telemed.db import Flag, Json, UtcDateTime, strict


class Claim(SQLModel, table=True):
    """On the doctor's node: a time that a patient's node holds. Nothing else of the visit is known here.

    `id` is the appointment's, `handle` stands for the patient in this appointment alone.
    """

    __tablename__ = "claim"
    __table_args__ = strict(
        CheckConstraint("state IN ('held', 'confirmed', 'lapsed', 'ended')", name="state"),
        CheckConstraint("(state = 'held') = (hold_until IS NOT NULL)", name="hold"),
        CheckConstraint("minutes > 0 AND minutes % 5 = 0", name="minutes"),
    )

    id: str = Field(primary_key=True)
    patient_node: str = Field(index=True)
    handle: str = Field(index=True)
    doctor_id: str = Field(foreign_key="doctor.id", index=True)
    starts_at: datetime = Field(sa_type=UtcDateTime)
    minutes: int
    language: str
    specialty: str
    state: str
    hold_until: datetime | None = Field(default=None, sa_type=UtcDateTime, index=True)


class ClaimCell(SQLModel, table=True):
    """Five minutes of a doctor's time, taken. The key is what makes a double booking impossible."""

    __tablename__ = "claim_cell"
    __table_args__ = strict()

    doctor_id: str = Field(primary_key=True, foreign_key="doctor.id")
    cell_at: datetime = Field(primary_key=True, sa_type=UtcDateTime)
    claim_id: str = Field(foreign_key="claim.id", index=True)


class Visit(SQLModel, table=True):
    """On the patient's node: one appointment, whole, from the request to the end of the visit.

    `doctor` is the directory's public entry at the time of booking, `rule` the licence rule that allowed it.
    `hold_until` is until when the calendar's node is asked to hold the time, and once held, until when it does.
    """

    __tablename__ = "visit"
    __table_args__ = strict(
        CheckConstraint("state IN ('requested', 'held', 'confirmed', 'gone', 'unreachable', 'ended')", name="state"),
        CheckConstraint("(state = 'ended') = (ended_at IS NOT NULL)", name="ended"),
        CheckConstraint("minutes > 0 AND minutes % 5 = 0", name="minutes"),
        UniqueConstraint("patient_id", "request_key"),
        Index("ix_visit_patient_id_starts_at", "patient_id", "starts_at"),
        Index("ix_visit_state_starts_at", "state", "starts_at"),
        Index("ix_visit_state_room_closed_at", "state", "room_closed_at"),
    )

    id: str = Field(primary_key=True)
    patient_id: str = Field(foreign_key="account.id")
    handle: str = Field(unique=True)
    doctor_node: str
    doctor_id: str
    doctor: dict[str, Any] = Field(sa_type=Json)
    starts_at: datetime = Field(sa_type=UtcDateTime)
    minutes: int
    language: str
    specialty: str
    rule: dict[str, Any] = Field(sa_type=Json)
    state: str
    detail: str | None = None
    trying: bool = Field(default=False, sa_type=Flag)
    request_key: str
    request_digest: str
    requested_at: datetime = Field(sa_type=UtcDateTime)
    hold_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    room: str = Field(unique=True)
    admitted_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    end_reason: str | None = None
    room_closed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
