"""Ed25519 keys as files and as text: a node's own, and the root's that signs trust lists."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from joserfc.jwk import OKPKey

from telemed.errors import Unavailable
from telemed.files import write_new


class SigningKeyUnusable(Unavailable):
    """A signing key is missing, can be read by others, or is no such key."""

    code = "signing-key-unusable"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key and the keyid under which others know it: its JWK thumbprint. Source: RFC 7638, RFC 8037."""

    keyid: str
    private: Ed25519PrivateKey

    @classmethod
    def of(cls, private: Ed25519PrivateKey) -> Self:
        """The key with its keyid."""
        return cls(keyid(private.public_key()), private)

    @classmethod
    def create(cls, path: Path) -> Self:
        """A new key in a new file that only its owner reads. Raises FileExistsError."""
        key = cls.of(Ed25519PrivateKey.generate())
        while key.public.startswith("-"):
            # Typed after --root it would be an option: one in 64 is so.
            key = cls.of(Ed25519PrivateKey.generate())
        pem = key.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        write_new(path, pem)
        return key

    @classmethod
    def load(cls, path: Path) -> Self:
        """The key in a PEM file. Raises OSError; ValueError for a file that others may read or of another kind."""
        if path.stat().st_mode & 0o077:
            raise ValueError(f"{path} can be read by others; make it 0600 and consider its key known.")
        try:
            private = load_pem_private_key(path.read_bytes(), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            private = None
        if not isinstance(private, Ed25519PrivateKey):
            raise ValueError(f"{path} is no Ed25519 key in PEM without a password; restore it from its backup.")
        return cls.of(private)

    @classmethod
    def open(cls, path: Path) -> Self:
        """The key in a PEM file. Raises SigningKeyUnusable, which says what to do."""
        try:
            return cls.load(path)
        except FileNotFoundError:
            raise SigningKeyUnusable(
                f"There is no key at {path}; make a node's with telemed make-keys, a root's with telemed trust-list."
            ) from None
        except OSError as unusable:
            raise SigningKeyUnusable(f"The key {path} cannot be read: {unusable.strerror}.") from unusable
        except ValueError as unusable:
            raise SigningKeyUnusable(str(unusable)) from unusable

    @property
    def public(self) -> str:
        """The public key as text."""
        return public_text(self.private.public_key())

    @property
    def jwk(self) -> OKPKey:
        """The private key for JWS."""
        return OKPKey.import_key(self.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def public_text(key: Ed25519PublicKey) -> str:
    """A public key as 43 characters of base64url, JWK's `x`. Source: RFC 8037 section 2."""
    return urlsafe_b64encode(key.public_bytes_raw()).decode().rstrip("=")


def public_key(text: str) -> Ed25519PublicKey:
    """The public key that `public_text` wrote. Raises ValueError."""
    return Ed25519PublicKey.from_public_bytes(urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def public_jwk(text: str) -> OKPKey:
    """The public key that `public_text` wrote, for JWS."""
    return OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": text})


def keyid(key: Ed25519PublicKey) -> str:
    """The JWK thumbprint, by SHA-256. Source: RFC 7638."""
    return public_jwk(public_text(key)).thumbprint()
