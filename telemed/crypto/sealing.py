"""Sealing: AES-256-GCM over one entry, bound to the one place where it may be opened; pure."""

import secrets
import struct
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from telemed.errors import Unavailable

AES_256_GCM = 1
"""The only algorithm so far; the first byte of what is sealed, so that another can follow."""

_HEADER = struct.Struct("!B16s12s")
"""Algorithm, data key id, nonce."""


class CannotUnseal(Unavailable):
    """What is stored does not open in this place under this key: moved, changed or cut short."""

    code = "cannot-unseal"


@dataclass(frozen=True, slots=True)
class DataKeyValue:
    """An unwrapped data key. `id` is 32 hex digits, `secret` 32 bytes that never appear in a repr."""

    id: str
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a sealed value belongs: it opens nowhere else."""

    jurisdiction: str
    subject_id: str
    kind: str
    entry_id: str
    revision: int


def seal(key: DataKeyValue, place: Place, plaintext: bytes) -> bytes:
    """`plaintext` under `key`, with a header that names the algorithm and the key."""
    nonce = secrets.token_bytes(12)
    header = _HEADER.pack(AES_256_GCM, bytes.fromhex(key.id), nonce)
    return header + AESGCM(key.secret).encrypt(nonce, plaintext, _bound_to(key, place))


def unseal(key: DataKeyValue, place: Place, sealed: bytes) -> bytes:
    """What `seal` was given for the same key and place.

    Raises:
        CannotUnseal: another key, another place, or not one bit as it was.
    """
    try:
        algorithm, key_id, nonce = _HEADER.unpack_from(sealed)
        if algorithm != AES_256_GCM or key_id.hex() != key.id:
            raise CannotUnseal("This entry was not sealed with this key.")
        return AESGCM(key.secret).decrypt(nonce, sealed[_HEADER.size :], _bound_to(key, place))
    except (struct.error, InvalidTag) as error:
        raise CannotUnseal("This entry does not open here; it was moved or changed.") from error


def _bound_to(key: DataKeyValue, place: Place) -> bytes:
    """The additional data. Each part has its length before it, so that no two places read the same."""
    parts = (place.jurisdiction, place.subject_id, key.id, place.kind, place.entry_id, str(place.revision))
    return b"".join(struct.pack("!I", len(part)) + part for part in (text.encode() for text in parts))
