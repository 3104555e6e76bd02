"""Rows of people who sign in on this node, of their sessions, and of failed attempts."""

from datetime import datetime

from sqlalchemy import CheckConstraint
from sqlmodel import Field, SQLModel

from telemed.db import UtcDateTime, strict


class Account(SQLModel, table=True):
    """A patient, a doctor or an administrator of this node.

    Name and contact are in `sealed_profile`, under the account's own data key; sign-in finds the row by
    `contact_hmac`. `audit_handle` stands for the person in the audit chain.
    """

    __tablename__ = "account"
    __table_args__ = strict(
        CheckConstraint("role IN ('patient', 'doctor', 'administrator')", name="role"),
    )

    id: str = Field(primary_key=True)
    role: str
    contact_hmac: str = Field(unique=True)
    password_hash: str
    sealed_profile: bytes
    language: str
    zone: str
    doctor_id: str | None = Field(default=None, unique=True, foreign_key="doctor.id")
    audit_handle: str = Field(unique=True)
    created_at: datetime = Field(sa_type=UtcDateTime)


class Session(SQLModel, table=True):
    """A signed-in browser. The token itself is only in its cookie; here is its SHA-256."""

    __tablename__ = "session"
    __table_args__ = strict()

    id: str = Field(primary_key=True)
    token_hash: str = Field(unique=True)
    account_id: str = Field(foreign_key="account.id", index=True, ondelete="CASCADE")
    started_at: datetime = Field(sa_type=UtcDateTime)
    last_seen_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)


class AttemptWindow(SQLModel, table=True):
    """How often something limited was tried within one window; `subject` is an HMAC of an account or address."""

    __tablename__ = "attempt_window"
    __table_args__ = strict(CheckConstraint("count > 0", name="count"))

    subject: str = Field(primary_key=True)
    window_at: datetime = Field(primary_key=True, sa_type=UtcDateTime)
    count: int
