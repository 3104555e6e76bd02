"""Putting a message in the outbox, in the transaction that decided it."""

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from telemed.outbox.models import OutboxMessage


async def post(
    session: AsyncSession,
    *,
    kind: str,
    subject_id: str,
    peer: str,
    path: str,
    body: Mapping[str, Any],
    now: datetime,
    give_up_at: datetime | None = None,
) -> OutboxMessage:
    """A message to `peer`, due at once, tried until it is answered or `give_up_at`."""
    message = OutboxMessage(
        id=secrets.token_hex(16),
        kind=kind,
        subject_id=subject_id,
        peer=peer,
        path=path,
        body=dict(body),
        created_at=now,
        next_try_at=now,
        give_up_at=give_up_at,
    )
    session.add(message)
    await session.flush()
    return message
