"""Limits on what could be guessed: how often one account or one address may try within a window."""

import ipaddress
from datetime import UTC, datetime, timedelta

from sqlmodel import col, delete
from sqlmodel.ext.asyncio.session import AsyncSession

from telemed.accounts.models import AttemptWindow
from telemed.db import upsert
from telemed.errors import TooMany

WINDOW = timedelta(minutes=15)
PER_ACCOUNT = 10
PER_ADDRESS = 100
"""More than for one account: a hospital or a village may share an address."""
SUBSCRIBER_BITS = 64
"""Of an IPv6 address: whoever has one has all that begin so."""


async def count(session: AsyncSession, subject: str, now: datetime) -> int:
    """Count one more try of `subject` (an HMAC) in the present window, and say how many that makes."""
    row = upsert(session, AttemptWindow).values(subject=subject, window_at=window_at(now), count=1)
    counted = row.on_conflict_do_update(
        index_elements=["subject", "window_at"], set_={"count": col(AttemptWindow.count) + 1}
    ).returning(col(AttemptWindow.count))
    return int((await (await session.connection()).execute(counted)).scalar_one())


async def forget(session: AsyncSession, subject: str) -> None:
    """Start anew: the right password was given."""
    await session.exec(delete(AttemptWindow).where(col(AttemptWindow.subject) == subject))


async def expire(session: AsyncSession, now: datetime) -> None:
    """Delete the windows that have passed."""
    await session.exec(delete(AttemptWindow).where(col(AttemptWindow.window_at) < window_at(now)))


def subscriber(address: str) -> str:
    """The part of an address that one subscriber of a network has; what is no address stays as it is, in ASCII."""
    host = _without_port(address)
    try:
        known = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return ascii(host)
    if known.version == 4:
        return str(known)
    return str(known.ipv4_mapped or ipaddress.ip_network((int(known), SUBSCRIBER_BITS), strict=False))


def _without_port(address: str) -> str:
    # Some proxies write the caller's port behind the address, and then IPv6 in brackets.
    if address.startswith("["):
        return address[1:].partition("]")[0]
    host, _, port = address.partition(":")
    return address if ":" in port else host


def window_at(now: datetime) -> datetime:
    """When the window of `now` began."""
    return datetime.fromtimestamp(now.timestamp() // WINDOW.total_seconds() * WINDOW.total_seconds(), UTC)


def require_at_most(counted: int, limit: int, now: datetime) -> None:
    """Raises TooMany, with the time until the next window."""
    if counted > limit:
        raise TooMany("Too many tries. Wait a few minutes and try again.", retry_after=window_at(now) + WINDOW - now)
