"""What was heard of the peers before: a nonce counts once, and a retried request gets the answer it got."""

import hashlib
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from sqlalchemy.exc import IntegrityError
from sqlmodel import col, delete
from sqlmodel.ext.asyncio.session import AsyncSession

from telemed.db import upsert
from telemed.errors import KeyReused, TelemedError
from telemed.federation.models import SeenNonce, StoredAnswer
from telemed.federation.signing import SignatureRefused, Verified

KEPT = timedelta(days=30)
"""How long an answer is given again; longer than any message is retried."""

UNANSWERED = 0
"""The status of an answer that is being worked out, which nobody but its own transaction sees."""

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
    stored = await _claimed(session, peer, key, digest, now)
    if stored.body_digest != digest:
        raise KeyReused("This Idempotency-Key belongs to another request; take a new one.")
    if stored.status != UNANSWERED:
        return stored.status, stored.body
    try:
        async with session.begin_nested():
            status, body = await work(session)
    except TelemedError as refused:
        status, body = refuse(refused)
        if status >= 500:
            raise
    stored.status, stored.body = status, body
    await session.flush()
    return status, body


async def _claimed(session: AsyncSession, peer: str, key: str, digest: str, now: datetime) -> StoredAnswer:
    """The key's row. Of two tries at once the second waits here until the first is answered, or has failed."""
    claim = upsert(session, StoredAnswer).values(
        peer=peer, idempotency_key=key, body_digest=digest, status=UNANSWERED, body="", answered_at=now
    )
    await (await session.connection()).execute(claim.on_conflict_do_nothing())
    return await session.get_one(StoredAnswer, (peer, key))


def digest(method: str, path: str, content_digest: str) -> str:
    """What makes two requests the same: method, path and body."""
    return hashlib.sha256("\n".join((method, path, content_digest)).encode()).hexdigest()


async def expire(session: AsyncSession, now: datetime) -> None:
    """Delete nonces whose signatures are over and answers that nobody retries any more."""
    await session.exec(delete(SeenNonce).where(col(SeenNonce.expires_at) < now))
    await session.exec(delete(StoredAnswer).where(col(StoredAnswer.answered_at) < now - KEPT))
