"""Nonces of user packets: an application that tries SendData again must not say a thing twice (pure)."""

from __future__ import annotations

from collections import OrderedDict

KEPT = 1024
"""Nonces of one room; an application's retry comes within seconds."""
NONCE_BYTES = 16


class Nonces:
    """The newest nonces of a room."""

    def __init__(self) -> None:
        self._seen: OrderedDict[bytes, None] = OrderedDict()

    def is_repeated(self, nonce: bytes) -> bool:
        """Whether this one was seen before; it is remembered. What is no UUID is never a repetition."""
        if len(nonce) != NONCE_BYTES:
            return False
        if nonce in self._seen:
            return True
        self._seen[nonce] = None
        if len(self._seen) > KEPT:
            self._seen.popitem(last=False)
        return False
