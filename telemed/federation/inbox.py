"""What was heard of the peers before: a nonce counts once, and a retried request gets the answer it got."""

import hashlib
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from sqlalchemy.exc import IntegrityError
from sqlmodel import col, delete
from sqlmodel.ext.asyncio.session import AsyncSession

from telemed.errors import KeyReused, TelemedError
from telemed.federation.models import SeenNonce, StoredAnswer
from telemed.federation.signing import SignatureRefused, Verified

KEPT = timedelta(days=30)
"""How long an answer is given again; longer than any message is retried."""

Work = Callable[[AsyncSession], Awaitable[tuple[int, str]]]
"""What a request does, in the transaction that stores its answer: the status and the JSON text."""

Refuse = Callable[[TelemedError], tuple[int, str]]
"""A refusal as status and JSON text."""


async def remember(session: AsyncSession, verified: Verified) -> None:
    """Take a signature's nonce. Raises SignatureRefused for one that was used before."""
    session.add(SeenNonce(keyid=verified.keyid, nonce=verified.nonce, expires_at=verified.expires_at))
    try:
        await session.flush()
    except IntegrityError:
        raise SignatureRefused("This signature was used before; sign the request anew.") from None


async def answer(
    session: AsyncSession, *, peer: str, key: str, digest: str, work: Work, refuse: Refuse, now: datetime
) -> tuple[int, str]:
    """Do the work once for a peer's key, and answer every retry alike.

    A refusal undoes what the work began and is an answer too; a failure of this node's own is none, so that the
    retry finds it able.

    Args:
        digest: of the request; the same key with another is refused.

    Raises:
        KeyReused: the key belongs to another request.
    """
    stored = await session.get(StoredAnswer, (peer, key))
    if stored is not None:
        if stored.body_digest != digest:
            raise KeyReused("This Idempotency-Key belongs to another request; take a new one.")
        return stored.status, stored.body
    try:
        async with session.begin_nested():
            status, body = await work(session)
    except TelemedError as refused:
        status, body = refuse(refused)
        if status >= 500:
            raise
    session.add(
        StoredAnswer(peer=peer, idempotency_key=key, body_digest=digest, status=status, body=body, answered_at=now)
    )
    await session.flush()
    return status, body


def digest(method: str, path: str, content_digest: str) -> str:
    """What makes two requests the same: method, path and body."""
    return hashlib.sha256("\n".join((method, path, content_digest)).encode()).hexdigest()


async def expire(session: AsyncSession, now: datetime) -> None:
    """Delete nonces whose signatures are over and answers that nobody retries any more."""
    await session.exec(delete(SeenNonce).where(col(SeenNonce.expires_at) < now))
    await session.exec(delete(StoredAnswer).where(col(StoredAnswer.answered_at) < now - KEPT))
