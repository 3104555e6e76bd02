"""Rows of what this node has already heard from its peers."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from telemed.db import UtcDateTime, strict


class SeenNonce(SQLModel, table=True):
    """A signature's nonce, kept while the signature could still be valid: the same one twice is a replay."""

    __tablename__ = "seen_nonce"
    __table_args__ = strict()

    keyid: str = Field(primary_key=True)
    nonce: str = Field(primary_key=True)
    expires_at: datetime = Field(sa_type=UtcDateTime, index=True)


class StoredAnswer(SQLModel, table=True):
    """The answer to a peer's request, given again to a retry with the same key and body."""

    __tablename__ = "stored_answer"
    __table_args__ = strict()

    peer: str = Field(primary_key=True)
    idempotency_key: str = Field(primary_key=True)
    body_digest: str
    status: int
    body: str
    answered_at: datetime = Field(sa_type=UtcDateTime, index=True)


class KnownTrustList(SQLModel, table=True):
    """The newest trust list this node has accepted; an older version is refused from then on."""

    __tablename__ = "known_trust_list"
    __table_args__ = strict()

    root: str = Field(primary_key=True)
    version: int
    accepted_at: datetime = Field(sa_type=UtcDateTime)
