"""Rows of messages that other nodes must get, in the order of their next try."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, text
from sqlmodel import Field, SQLModel

from telemed.db import Json, UtcDateTime, strict


class OutboxMessage(SQLModel, table=True):
    """A signed POST to `peer`, written in the transaction that decided it, retried until answered or `give_up_at`.

    `id` is also its Idempotency-Key: every try carries the same. `kind` names the domain that hears the answer.
    """

    __tablename__ = "outbox_message"
    __table_args__ = strict(
        CheckConstraint("(settled_at IS NULL) OR (outcome IS NOT NULL)", name="outcome"),
        Index(
            "ix_outbox_message_due",
            "next_try_at",
            sqlite_where=text("settled_at IS NULL"),
            postgresql_where=text("settled_at IS NULL"),
        ),
    )

    id: str = Field(primary_key=True)
    kind: str
    subject_id: str = Field(index=True)
    peer: str
    path: str
    body: dict[str, Any] = Field(sa_type=Json)
    created_at: datetime = Field(sa_type=UtcDateTime)
    next_try_at: datetime = Field(sa_type=UtcDateTime)
    give_up_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    tries: int = 0
    settled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    outcome: str | None = None
