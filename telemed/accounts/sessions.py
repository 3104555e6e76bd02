"""Sessions of signed-in browsers: a random token in a cookie, its hash here, ended by idleness, age or wish."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlmodel import col, delete, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from telemed.accounts.models import Account, Session
from telemed.db import Database

IDLE = timedelta(hours=2)
"""Longer than any visit, so that a call does not end with the session."""
ABSOLUTE = timedelta(hours=12)
SEEN_EVERY = timedelta(minutes=1)
"""How exactly `last_seen_at` is kept: one write a minute, not one a request."""


async def begin(session: AsyncSession, account_id: str, now: datetime) -> str:
    """A new session; returns its token, which is stored nowhere."""
    token = secrets.token_urlsafe(32)
    session.add(
        Session(
            id=secrets.token_hex(16),
            token_hash=hashed(token),
            account_id=account_id,
            started_at=now,
            last_seen_at=now,
            expires_at=now + ABSOLUTE,
        )
    )
    await session.flush()
    return token


async def resume(database: Database, token: str, now: datetime) -> tuple[Session, Account] | None:
    """The live session behind a token, and its account."""
    wanted = select(Session, Account).join(Account).where(Session.token_hash == hashed(token))
    async with database.read() as reading:
        found = (await reading.exec(wanted)).first()
    if found is None or not is_live(found[0], now):
        return None
    if now - found[0].last_seen_at >= SEEN_EVERY:
        async with database.write() as writing:
            # Not by way of its row: that may be signed out between the look and the change.
            seen = update(Session).where(col(Session.id) == found[0].id).values(last_seen_at=now)
            if (await writing.exec(seen)).rowcount == 0:
                return None
    return found[0], found[1]


def is_live(session: Session, now: datetime) -> bool:
    """Whether the session has neither aged out nor idled out."""
    return now < session.expires_at and now < session.last_seen_at + IDLE


async def of_account(session: AsyncSession, account_id: str, now: datetime) -> Sequence[Session]:
    """The account's live sessions, the latest first."""
    rows = await session.exec(
        select(Session).where(Session.account_id == account_id).order_by(col(Session.started_at).desc())
    )
    return [row for row in rows if is_live(row, now)]


async def end(session: AsyncSession, session_id: str) -> None:
    """Sign out one browser."""
    await session.exec(delete(Session).where(col(Session.id) == session_id))


async def end_token(session: AsyncSession, token: str) -> None:
    """Sign out the browser that holds this token."""
    await session.exec(delete(Session).where(col(Session.token_hash) == hashed(token)))


async def end_all(session: AsyncSession, account_id: str) -> None:
    """Sign out every browser of an account."""
    await session.exec(delete(Session).where(col(Session.account_id) == account_id))


async def expire(session: AsyncSession, now: datetime) -> None:
    """Delete the sessions that are over."""
    over = (col(Session.expires_at) <= now) | (col(Session.last_seen_at) <= now - IDLE)
    await session.exec(delete(Session).where(over))


def hashed(secret: str) -> str:
    """What is stored of a token or a code, each of 256 random bits; of anything else that comes in, what nobody has."""
    # Bytes that are no UTF-8 come as surrogates, and are hashed as the bytes that they were.
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()
