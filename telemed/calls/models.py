"""Rows of a visiting doctor's way in: the one-time code, and the session limited to one visit."""

from datetime import datetime
from typing import Any

from sqlmodel import Field, SQLModel

from telemed.db import Json, UtcDateTime, strict


class Arrival(SQLModel, table=True):
    """An accepted assertion and the one-time code answered to it. `jti` is used once, so is the code."""

    __tablename__ = "arrival"
    __table_args__ = strict()

    jti: str = Field(primary_key=True)
    visit_id: str = Field(foreign_key="visit.id", index=True)
    issuer: str
    doctor: dict[str, Any] = Field(sa_type=Json)
    assertion: str
    code_hash: str = Field(unique=True)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    spent_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class VisitSession(SQLModel, table=True):
    """The visiting doctor's session: this visit and nothing else; checked on every request."""

    __tablename__ = "visit_session"
    __table_args__ = strict()

    id: str = Field(primary_key=True)
    token_hash: str = Field(unique=True)
    visit_id: str = Field(foreign_key="visit.id", index=True)
    jti: str = Field(foreign_key="arrival.jti")
    started_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
