"""The wrapped data keys: destroying a row here is what erases a person's record."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from telemed.db import UtcDateTime, strict


class DataKey(SQLModel, table=True):
    """A subject's data key (DEK), wrapped by the key ring; `wrapped` opens only for this subject and id."""

    __tablename__ = "data_key"
    __table_args__ = strict()

    id: str = Field(primary_key=True)
    subject_id: str = Field(index=True)
    wrapped: str
    created_at: datetime = Field(sa_type=UtcDateTime)
