"""Data keys: made and wrapped for a subject, unwrapped when needed, remembered for minutes."""

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from telemed.crypto.keyring import KEY_BYTES, KeyRing
from telemed.crypto.models import DataKey
from telemed.crypto.sealing import DataKeyValue
from telemed.errors import Gone

REMEMBERED_FOR_S = 300.0
"""How long an unwrapped key stays in memory: a key service that is sealed stops all reading this soon."""

REMEMBERED_KEYS = 1_000
"""So many unwrapped keys at most; the least recently used goes first."""


class KeyDestroyed(Gone):
    """The subject's record was erased: no key is left that could open it."""

    code = "key-destroyed"


class DataKeys:
    """The data keys of one jurisdiction's subjects."""

    def __init__(self, keyring: KeyRing, jurisdiction: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._keyring = keyring
        self._jurisdiction = jurisdiction
        self._monotonic = monotonic
        self._remembered: OrderedDict[str, tuple[str, DataKeyValue, float]] = OrderedDict()

    async def new(self, subject_id: str, now: datetime) -> tuple[DataKeyValue, DataKey]:
        """A fresh key, and its row, which the caller adds in the transaction that first seals with it."""
        value = DataKeyValue(secrets.token_hex(16), secrets.token_bytes(KEY_BYTES))
        wrapped = await self._keyring.wrap(self._context(subject_id, value.id), value.secret)
        return value, DataKey(id=value.id, subject_id=subject_id, wrapped=wrapped, created_at=now)

    async def of(self, session: AsyncSession, subject_id: str) -> DataKeyValue:
        """The subject's newest key. Call it before a writing transaction: a key service is a network away.

        Raises:
            KeyDestroyed: the subject has no key (any more).
            KeyRingUnusable: the key ring refuses the wrapped key.
        """
        # The row is read each time, so that erasing it works at once whatever is remembered.
        newest = select(DataKey).where(DataKey.subject_id == subject_id).order_by(col(DataKey.created_at).desc())
        row = (await session.exec(newest.limit(1))).first()
        if row is None:
            raise KeyDestroyed("This record was erased and cannot be opened.")
        return self._recall(row) or await self._unwrap(row)

    def _recall(self, row: DataKey) -> DataKeyValue | None:
        remembered = self._remembered.get(row.id)
        if remembered is None:
            return None
        bound, value, until = remembered
        if bound != self._bound(row) or until <= self._monotonic():
            return None
        self._remembered.move_to_end(row.id)
        return value

    async def _unwrap(self, row: DataKey) -> DataKeyValue:
        secret = await self._keyring.unwrap(self._context(row.subject_id, row.id), row.wrapped)
        value = DataKeyValue(row.id, secret)
        self._remembered[row.id] = (self._bound(row), value, self._monotonic() + REMEMBERED_FOR_S)
        self._remembered.move_to_end(row.id)
        if len(self._remembered) > REMEMBERED_KEYS:
            self._remembered.popitem(last=False)
        return value

    def _bound(self, row: DataKey) -> str:
        # A row moved to another subject must fail as it would without the memory.
        return f"{row.subject_id}|{row.wrapped}"

    def _context(self, subject_id: str, key_id: str) -> str:
        return f"v1|{self._jurisdiction}|{subject_id}|{key_id}"
