"""RFC 9421 signatures on what nodes send each other and answer; pure, the message and the time are arguments."""

import hashlib
import secrets
from base64 import b64encode
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from http_message_signatures import HTTPMessageSigner, HTTPMessageVerifier, HTTPSignatureKeyResolver
from http_message_signatures.algorithms import ED25519
from http_message_signatures.exceptions import HTTPMessageSignaturesException

from telemed.errors import TelemedError

TAG = "telemed-request"
ANSWER_TAG = "telemed-answer"
LIFE = timedelta(seconds=60)
"""How long a signature may be used, the longest that records of nonces must be kept."""
SKEW = timedelta(seconds=5)
"""How far ahead of this node's clock a signer's may be."""
MAX_NONCE = 128
"""Characters; it is stored as a key, which PostgreSQL takes up to some 2,700 bytes."""
ALWAYS_COVERED = ("@method", "@authority", "@path", "@query", "content-digest")
COVERED_WHEN_PRESENT = ("content-type", "idempotency-key")
COVERED_OF_ANSWERS = ("@status", "content-digest", '"signature";req')
"""With the request's signature, so that an answer is good for that request and no other."""


class SignatureRefused(TelemedError):
    """It is not signed as a trusted node signs, for this node, just now."""

    code = "signature-refused"


@dataclass(slots=True)
class Request:
    """A request as its signature sees it; `url` begins with the origin of the node it is meant for.

    `body` is None where only the header has arrived: then `require_digest` judges the body when it is there.
    """

    method: str
    url: str
    headers: MutableMapping[str, str]
    body: bytes | None


@dataclass(slots=True)
class Response:
    """An answer as its signature sees it."""

    status_code: int
    headers: MutableMapping[str, str]
    request: Request


@dataclass(frozen=True, slots=True)
class Verified:
    """Who signed. The caller refuses a request's (keyid, nonce) that it has seen, until `expires_at`."""

    keyid: str
    nonce: str
    expires_at: datetime


def sign_request(request: Request, *, keyid: str, key: Ed25519PrivateKey, now: datetime) -> None:
    """Add Content-Digest, Signature-Input and Signature to the request's headers, under a new nonce.

    Source: RFC 9421 section 3.1; RFC 9530 section 2.
    """
    _sign(request, request.body or b"", TAG, _covered(request.headers), keyid=keyid, key=key, now=now)


def sign_response(response: Response, body: bytes, *, keyid: str, key: Ed25519PrivateKey, now: datetime) -> None:
    """Sign an answer, bound to the signature of the request that it answers.

    Source: RFC 9421 section 2.4.
    """
    _sign(response, body, ANSWER_TAG, COVERED_OF_ANSWERS, keyid=keyid, key=key, now=now)


def verify_request(request: Request, *, keys: Mapping[str, Ed25519PublicKey], now: datetime) -> Verified:
    """Check a request against the trusted keys by keyid.

    The caller builds `request.url` from its own configured origin, never from Host, so that a request made for
    another node does not verify.

    Raises:
        SignatureRefused: unsigned, altered, stale, from the future, under-covered, or by no trusted key.
    """
    return _verified(request, request.body, TAG, _covered(request.headers), keys, now)


def verify_response(
    response: Response, body: bytes, *, keys: Mapping[str, Ed25519PublicKey], now: datetime
) -> Verified:
    """Check an answer against the keys of the node that was asked. Raises SignatureRefused."""
    return _verified(response, body, ANSWER_TAG, COVERED_OF_ANSWERS, keys, now)


def require_digest(headers: Mapping[str, str], body: bytes) -> None:
    """The body is the one whose digest was signed. Raises SignatureRefused."""
    if headers.get("Content-Digest") != content_digest(body):
        raise SignatureRefused("The body is not the one that was signed; send the request anew.")


def content_digest(body: bytes) -> str:
    """The Content-Digest field of a body. Source: RFC 9530 section 2."""
    return f"sha-256=:{b64encode(hashlib.sha256(body).digest()).decode()}:"


def _sign(
    message: Request | Response,
    body: bytes,
    tag: str,
    covered: tuple[str, ...],
    *,
    keyid: str,
    key: Ed25519PrivateKey,
    now: datetime,
) -> None:
    message.headers["Content-Digest"] = content_digest(body)
    signer = HTTPMessageSigner(signature_algorithm=ED25519, key_resolver=_Keys(private={keyid: key}))
    signer.sign(
        message,
        key_id=keyid,
        created=now,
        expires=now + LIFE,
        nonce=secrets.token_urlsafe(16),
        label="telemed",
        tag=tag,
        covered_component_ids=covered,
        body=body,
        use_existing_digest=True,
    )


def _verified(
    message: Request | Response,
    body: bytes | None,
    tag: str,
    covered: tuple[str, ...],
    keys: Mapping[str, Ed25519PublicKey],
    now: datetime,
) -> Verified:
    verifier = _Verifier(signature_algorithm=ED25519, key_resolver=_Keys(public=keys))
    try:
        results = verifier.verify(message, expect_tag=tag, require_components=covered, body=body)
    except (HTTPMessageSignaturesException, ValueError, KeyError) as refused:
        raise SignatureRefused("Sign it anew, as the protocol says.") from refused
    if len(results) != 1:
        raise SignatureRefused("Send exactly one signature.")
    return _within_its_life(results[0].parameters, now)


def _within_its_life(parameters: Mapping[str, Any], now: datetime) -> Verified:
    # The library takes expires and nonce as optional; between nodes they are not.
    created, expires, nonce = (parameters.get(name) for name in ("created", "expires", "nonce"))
    if not (isinstance(created, int) and isinstance(expires, int) and isinstance(nonce, str)):
        raise SignatureRefused("A signature needs created, expires and nonce.")
    if not 0 < len(nonce) <= MAX_NONCE:
        raise SignatureRefused(f"A nonce has at most {MAX_NONCE} characters, and at least one.")
    life_s = LIFE.total_seconds()
    if expires - created > life_s or not created - SKEW.total_seconds() <= now.timestamp() <= expires:
        raise SignatureRefused("The signature is outside its time; check the clock and sign anew.")
    return Verified(str(parameters["keyid"]), nonce, datetime.fromtimestamp(expires, tz=now.tzinfo))


def _covered(headers: Mapping[str, str]) -> tuple[str, ...]:
    present = {name.lower() for name in headers}
    return ALWAYS_COVERED + tuple(name for name in COVERED_WHEN_PRESENT if name in present)


class _Verifier(HTTPMessageVerifier):
    """The library's verifier without its own clock: `_within_its_life` judges the times against the caller's."""

    def validate_created_and_expires(self, sig_input: Any, max_age: timedelta | None = None) -> None:
        """Leave the times to the caller."""


class _Keys(HTTPSignatureKeyResolver):
    """The keys of one call; a key is never fetched from where a message says it is."""

    def __init__(
        self,
        *,
        public: Mapping[str, Ed25519PublicKey] | None = None,
        private: Mapping[str, Ed25519PrivateKey] | None = None,
    ) -> None:
        self._public = public or {}
        self._private = private or {}

    def resolve_public_key(self, key_id: str) -> Ed25519PublicKey | None:
        return self._public.get(key_id)

    def resolve_private_key(self, key_id: str) -> Ed25519PrivateKey:
        return self._private[key_id]
