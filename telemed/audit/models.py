"""Rows of the audit chain and of its signed checkpoints."""

from datetime import datetime
from typing import Any

from sqlmodel import Field, SQLModel

from telemed.db import Json, UtcDateTime, strict


class AuditEvent(SQLModel, table=True):
    """One look or deed; `hash` covers this row and the one before. `subject` is the patient's audit handle.

    `actor` is {kind, node, id, name}: public for a doctor, the audit handle for a patient.
    """

    __tablename__ = "audit_event"
    __table_args__ = strict()

    seq: int = Field(primary_key=True)
    at: datetime = Field(sa_type=UtcDateTime)
    actor: dict[str, Any] = Field(sa_type=Json)
    action: str
    subject: str = Field(index=True)
    visit_id: str | None = None
    detail: dict[str, Any] = Field(sa_type=Json)
    previous_hash: str
    hash: str = Field(unique=True)


class AuditCheckpoint(SQLModel, table=True):
    """The node's signature over the chain's head at one moment."""

    __tablename__ = "audit_checkpoint"
    __table_args__ = strict()

    seq: int = Field(primary_key=True, foreign_key="audit_event.seq")
    head: str
    signed_at: datetime = Field(sa_type=UtcDateTime)
    signature: str
