"""The node's key ring: wraps data keys and fingerprints contacts; here the file-based one."""

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from telemed.errors import Unavailable
from telemed.files import write_new

KEY_BYTES = 32
"""AES-256."""

NONCE_BYTES = 12
"""AES-GCM's own length (NIST SP 800-38D, 8.2)."""


class KeyRingUnusable(Unavailable):
    """The key ring cannot be opened, or does not open what it is given."""

    code = "key-ring-unusable"


class KeyRing(Protocol):
    """What holds the jurisdiction's key: a file on a small node, a key service on a large one."""

    async def wrap(self, context: str, key: bytes) -> str:
        """`key` wrapped so that it opens under the same `context` only."""

    async def unwrap(self, context: str, wrapped: str) -> bytes:
        """The key that `wrap` was given.

        Raises:
            KeyRingUnusable: another context, another ring, or a changed text.
        """

    async def fingerprint(self, purpose: str, value: str) -> str:
        """HMAC-SHA256 of `value` in hex, under a key of the ring that serves this `purpose` alone."""


class FileKeyRing:
    """A key ring in one file of mode 0600: numbered wrapping keys (the newest wraps) and one for fingerprints."""

    def __init__(self, wrapping: Mapping[int, bytes], fingerprinting: bytes) -> None:
        self._wrapping = dict(wrapping)
        self._newest = max(self._wrapping)
        self._fingerprinting = fingerprinting

    @classmethod
    def create(cls, path: Path) -> "FileKeyRing":
        """A new ring, written to `path`, where no file may be. Raises FileExistsError."""
        wrapping, fingerprinting = secrets.token_bytes(KEY_BYTES), secrets.token_bytes(KEY_BYTES)
        text = json.dumps({"wrapping": {"1": _text(wrapping)}, "fingerprinting": _text(fingerprinting)})
        # A ring lost in a power cut would take every record sealed since with it.
        write_new(path, text.encode())
        return cls({1: wrapping}, fingerprinting)

    @classmethod
    def open(cls, path: Path) -> "FileKeyRing":
        """The ring in the file at `path`.

        Raises:
            KeyRingUnusable: no such file, one that others may read, or one that is no key ring.
        """
        try:
            if path.stat().st_mode & 0o077:
                raise KeyRingUnusable(f"Others may read the key ring {path}; run: chmod 600 {path}")
            ring = json.loads(path.read_text())
            wrapping = {int(version): _key(text) for version, text in ring["wrapping"].items()}
            return cls(wrapping, _key(ring["fingerprinting"]))
        except OSError as error:
            raise KeyRingUnusable(f"The key ring {path} cannot be read: {error.strerror}.") from error
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise KeyRingUnusable(f"The file {path} is no key ring; restore it from its backup.") from error

    async def wrap(self, context: str, key: bytes) -> str:
        """See `KeyRing`; the text is `version.base64url(nonce and ciphertext)`."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return f"{self._newest}.{_text(nonce + self._cipher(self._newest, context).encrypt(nonce, key, None))}"

    async def unwrap(self, context: str, wrapped: str) -> bytes:
        """See `KeyRing`."""
        version, _, text = wrapped.partition(".")
        try:
            blob = base64.b64decode(text, altchars=b"-_", validate=True)
            return self._cipher(int(version), context).decrypt(blob[:NONCE_BYTES], blob[NONCE_BYTES:], None)
        except (ValueError, KeyError, binascii.Error, InvalidTag) as error:
            raise KeyRingUnusable("This key does not open here; nothing was read.") from error

    async def fingerprint(self, purpose: str, value: str) -> str:
        """See `KeyRing`."""
        key = _derived(self._fingerprinting, f"fingerprint|{purpose}")
        return hmac.new(key, value.encode(), hashlib.sha256).hexdigest()

    def _cipher(self, version: int, context: str) -> AESGCM:
        # A key of its own for each context, as OpenBao's derived transit keys: rewrapping then needs no plaintext.
        return AESGCM(_derived(self._wrapping[version], f"wrap|{context}"))


def _derived(key: bytes, info: str) -> bytes:
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=info.encode()).derive(key)


def _text(key: bytes) -> str:
    return base64.urlsafe_b64encode(key).decode()


def _key(text: str) -> bytes:
    key = base64.b64decode(text, altchars=b"-_", validate=True)
    if len(key) != KEY_BYTES:
        raise ValueError("a key has 32 bytes")
    return key
