"""Passwords as argon2id, hashed in threads so that nobody else waits, and few at a time so that memory is bounded."""

import asyncio
import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from telemed.errors import Invalid

AT_ONCE = 4
"""So many hashes at a time: each takes 64 MiB (RFC 9106, the second recommended option)."""

MIN_LENGTH = 10
MAX_LENGTH = 256
"""In characters; the upper one bounds the work of a request."""


def require_length(password: str) -> None:
    """Raises Invalid for a password that is too short, or longer than anybody types."""
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        message = f"Choose a password of {MIN_LENGTH} to {MAX_LENGTH} characters."
        raise Invalid(message, fields=[{"pointer": "/password", "message": message}])


class Passwords:
    """Hashes and checks passwords. `hasher` is weaker in tests only."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._free = asyncio.Semaphore(AT_ONCE)
        # What an unknown contact's password is checked against: as slow as a real one, and never right.
        self._nobodys = self._hasher.hash(secrets.token_urlsafe(32))

    async def hash(self, password: str) -> str:
        """The password's hash, with its parameters and salt in it."""
        async with self._free:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def fits(self, password_hash: str | None, password: str) -> bool:
        """Whether it is the password; with no hash at all it takes as long, and is not."""
        async with self._free:
            return await asyncio.to_thread(self._fits, password_hash, password)

    def _fits(self, password_hash: str | None, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash or self._nobodys, password) and password_hash is not None
        except (VerificationError, InvalidHashError):
            return False
