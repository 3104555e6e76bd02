"""Rows of this node's doctors, of what it publishes of them, and of its replica of its peers' directories."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint
from sqlmodel import Field, SQLModel

from telemed.db import Flag, Json, UtcDateTime, strict


class Doctor(SQLModel, table=True):
    """A doctor of this node; every column is public."""

    __tablename__ = "doctor"
    __table_args__ = strict(
        CheckConstraint("visit_minutes BETWEEN 5 AND 120 AND visit_minutes % 5 = 0", name="visit_minutes"),
    )

    id: str = Field(primary_key=True)
    name: str
    specialties: list[str] = Field(sa_type=Json)
    languages: list[str] = Field(sa_type=Json)
    zone: str
    visit_minutes: int
    active: bool = Field(default=True, sa_type=Flag)
    created_at: datetime = Field(sa_type=UtcDateTime)


class Licence(SQLModel, table=True):
    """A licence to practise. Days are ISO dates, both inclusive, in the licence's jurisdiction."""

    __tablename__ = "licence"
    __table_args__ = strict(CheckConstraint("valid_from <= valid_until", name="validity"))

    id: str = Field(primary_key=True)
    doctor_id: str = Field(foreign_key="doctor.id", index=True)
    jurisdiction: str
    number: str
    authority: str
    valid_from: str
    valid_until: str


class WorkingHours(SQLModel, table=True):
    """A weekly stretch in which a doctor sees patients; minutes of the day in the doctor's zone, Monday is 0."""

    __tablename__ = "working_hours"
    __table_args__ = strict(
        CheckConstraint("weekday BETWEEN 0 AND 6", name="weekday"),
        CheckConstraint("0 <= start_minute AND start_minute < end_minute AND end_minute <= 1440", name="minutes"),
    )

    id: str = Field(primary_key=True)
    doctor_id: str = Field(foreign_key="doctor.id", index=True)
    weekday: int
    start_minute: int
    end_minute: int


class Publication(SQLModel, table=True):
    """What this node last published of a doctor; `cursor` grows with every change and is never used twice."""

    __tablename__ = "publication"
    __table_args__ = strict()

    doctor_id: str = Field(primary_key=True, foreign_key="doctor.id")
    cursor: int = Field(unique=True)
    body: dict[str, Any] = Field(sa_type=Json)
    published_at: datetime = Field(sa_type=UtcDateTime)


class ReplicaEntry(SQLModel, table=True):
    """A peer's doctor as that peer last published it."""

    __tablename__ = "replica_entry"
    __table_args__ = strict()

    node: str = Field(primary_key=True)
    doctor_id: str = Field(primary_key=True)
    cursor: int
    body: dict[str, Any] = Field(sa_type=Json)
    pulled_at: datetime = Field(sa_type=UtcDateTime)


class ReplicaState(SQLModel, table=True):
    """How far this node has read a peer's directory, and when it last heard from it."""

    __tablename__ = "replica_state"
    __table_args__ = strict()

    node: str = Field(primary_key=True)
    cursor: int = 0
    pulled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
