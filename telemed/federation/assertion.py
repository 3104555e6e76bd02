"""What a doctor's node says to a patient's node when its doctor comes to a visit; pure, keys and time are arguments."""

import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from telemed.directory.entries import Instant
from telemed.errors import NotAllowed

TYP = "telemed-arrival+jwt"
ALGORITHM = "Ed25519"
"""The algorithm by its own name; `EdDSA` would leave the curve open. Source: RFC 9864."""
ROLE = "visiting-doctor"
LIFE = timedelta(seconds=120)
"""How long an assertion may be used."""
SKEW = timedelta(seconds=5)
"""How far ahead of this node's clock the issuer's may be."""
MAX_CHARS = 16_000
"""A doctor's public entry with a few licences takes a tenth of it."""

KeysOf = Callable[[str], Sequence[Ed25519PublicKey]]
"""The keys of a node that is trusted to send visiting doctors; none for any other."""


class AssertionRefused(NotAllowed):
    """The assertion does not vouch for this doctor, at this node, just now; leaves name the reason."""

    code = "assertion-refused"


class AssertionMalformed(AssertionRefused):
    """It is no assertion of a visiting doctor."""

    code = "assertion-malformed"


class IssuerNotTrusted(AssertionRefused):
    """No key of a trusted node signed it."""

    code = "assertion-untrusted"


class ForAnotherNode(AssertionRefused):
    """It introduces the doctor somewhere else."""

    code = "assertion-elsewhere"


class OutOfTime(AssertionRefused):
    """It has expired, or its issuer's clock is wrong."""

    code = "assertion-out-of-time"


@dataclass(frozen=True, slots=True)
class Assertion:
    """`doctor` is the public entry that the issuer's directory gives, with `id` and `licences`. `jti` is used once."""

    issuer: str
    visit_id: str
    doctor: Mapping[str, Any]
    jti: str
    expires_at: datetime


def make(
    key: Ed25519PrivateKey, *, issuer: str, audience: str, visit_id: str, doctor: Mapping[str, Any], now: datetime
) -> str:
    """A compact JWS by which `issuer` vouches for its doctor at `audience`, for one visit, once, for `LIFE`.

    Source: RFC 7515; RFC 7519 section 4.1 for the claims.
    """
    issued_s = int(now.timestamp())
    claims = {
        "iss": issuer,
        "sub": doctor["id"],
        "aud": audience,
        "jti": secrets.token_urlsafe(16),
        "nbf": issued_s,
        "exp": issued_s + int(LIFE.total_seconds()),
        "appointment": visit_id,
        "role": ROLE,
        "doctor": dict(doctor),
    }
    header = {"alg": ALGORITHM, "typ": TYP}
    return jws.serialize_compact(header, json.dumps(claims), OKPKey.import_key(key), algorithms=[ALGORITHM])


def verify(token: str, *, keys_of: KeysOf, audience: str, now: datetime) -> Assertion:
    """What a trusted node asserts of its doctor.

    The caller still checks that the issuer sent the request itself, owns the doctor's calendar and booked this
    doctor for this visit; and it refuses a `jti` that it has seen.

    Raises:
        AssertionRefused: one of its leaves; nothing of a refused assertion may be used.
    """
    claims = _claims(token)
    if not any(_signed_by(key, token) for key in keys_of(claims.iss)):
        raise IssuerNotTrusted("Have the doctor's node sign the assertion with a key of the trust list.")
    if claims.aud != audience:
        raise ForAnotherNode("Ask for an assertion that is addressed to the patient's node.")
    if not claims.nbf - SKEW <= now < claims.exp or claims.exp - claims.nbf > LIFE:
        raise OutOfTime("Press Join again; if that does not help, the clocks of the two nodes differ.")
    return Assertion(claims.iss, claims.appointment, claims.doctor, claims.jti, claims.exp)


class _Claims(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    iss: str
    sub: str
    aud: str
    jti: str = Field(pattern="^[!-~]{16,64}$")
    nbf: Instant
    exp: Instant
    appointment: str = Field(pattern="^[!-~]{1,64}$")
    role: str
    doctor: dict[str, Any]


def _claims(token: str) -> _Claims:
    # Read before the signature is checked, only to learn whose keys to check it with.
    if len(token) > MAX_CHARS:
        raise AssertionMalformed("Send a shorter assertion.")
    try:
        unverified = jws.extract_compact(token.encode())
        claims = _Claims.model_validate_json(unverified.payload)
        header = unverified.headers()
    except (JoseError, ValidationError, ValueError, TypeError) as malformed:
        raise AssertionMalformed("Send the assertion as the protocol says.") from malformed
    if (header.get("typ"), header.get("alg"), claims.role) != (TYP, ALGORITHM, ROLE):
        raise AssertionMalformed("Send an assertion of a visiting doctor.")
    if claims.doctor.get("id") != claims.sub:
        raise AssertionMalformed("The assertion's subject and its doctor must be the same.")
    return claims


def _signed_by(key: Ed25519PublicKey, token: str) -> bool:
    try:
        jws.deserialize_compact(token, OKPKey.import_key(key), algorithms=[ALGORITHM])
    except JoseError:
        return False
    return True
