"""Rows of a patient's record: sealed entries, the doctor's draft, and consent."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, UniqueConstraint
from sqlmodel import Field, SQLModel

from telemed.db import Json, UtcDateTime, strict


class Entry(SQLModel, table=True):
    """One sealed revision of an intake or a note. Rows are never altered; triggers of the first migration see to it.

    `author` is {node, doctor_id, name, licence} and `assertion` the token that vouched for the doctor (notes only).
    """

    __tablename__ = "entry"
    __table_args__ = strict(
        UniqueConstraint("visit_id", "kind", "revision"),
        CheckConstraint("kind IN ('intake', 'note')", name="kind"),
        CheckConstraint("(kind = 'note') = (author IS NOT NULL)", name="author"),
        CheckConstraint("(kind = 'note') = (assertion IS NOT NULL)", name="assertion"),
    )

    id: str = Field(primary_key=True)
    patient_id: str = Field(foreign_key="account.id", index=True)
    visit_id: str = Field(foreign_key="visit.id")
    kind: str
    revision: int
    sealed: bytes
    author: dict[str, Any] | None = Field(default=None, sa_type=Json)
    assertion: str | None = None
    created_at: datetime = Field(sa_type=UtcDateTime)


class Draft(SQLModel, table=True):
    """The note a doctor is writing: sealed, replaced as it is typed, gone when signed or discarded."""

    __tablename__ = "draft"
    __table_args__ = strict()

    visit_id: str = Field(primary_key=True, foreign_key="visit.id")
    revision: int
    sealed: bytes
    saved_at: datetime = Field(sa_type=UtcDateTime)


class Consent(SQLModel, table=True):
    """What one doctor, in one country, may see of one visit, and until when."""

    __tablename__ = "consent"
    __table_args__ = strict()

    id: str = Field(primary_key=True)
    visit_id: str = Field(unique=True, foreign_key="visit.id")
    patient_id: str = Field(foreign_key="account.id", index=True)
    doctor_node: str
    doctor_id: str
    country: str
    items: list[str] = Field(sa_type=Json)
    until: datetime = Field(sa_type=UtcDateTime)
    given_at: datetime = Field(sa_type=UtcDateTime)
    withdrawn_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
