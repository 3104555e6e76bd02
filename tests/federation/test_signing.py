"""The signature on a request: what verifies, and the attacks that do not."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from http_message_signatures import HTTPMessageSigner
from http_message_signatures.algorithms import ED25519

from telemed.federation.signing import LIFE, TAG, Request, SignatureRefused, _Keys, sign_request, verify_request

NOW = datetime(2026, 11, 24, 8, tzinfo=UTC)
KEY = Ed25519PrivateKey.generate()
KEYS = {"KE#1": KEY.public_key()}


def post(url: str = "http://cn.localhost:8442/federation/v1/appointments/a1/hold?x=1") -> Request:
    return Request("POST", url, {"Content-Type": "application/json", "Idempotency-Key": "k1"}, b'{"minutes":10}')


def signed(*, now: datetime = NOW, key: Ed25519PrivateKey = KEY) -> Request:
    request = post()
    sign_request(request, keyid="KE#1", key=key, now=now)
    return request


def sign_badly(**changes: Any) -> Request:
    request = post()
    arguments: dict[str, Any] = {
        "key_id": "KE#1",
        "created": NOW,
        "expires": NOW + LIFE,
        "nonce": "n",
        "tag": TAG,
        "covered_component_ids": ("@method", "@authority", "@path", "@query", "content-type", "idempotency-key"),
        "body": request.body,
    }
    signer = HTTPMessageSigner(signature_algorithm=ED25519, key_resolver=_Keys(private={"KE#1": KEY}))
    signer.sign(request, **{**arguments, **changes})
    return request


def test_a_signed_request_names_its_signer_and_a_fresh_nonce() -> None:
    first, second = (verify_request(signed(), keys=KEYS, now=NOW) for _ in range(2))
    assert first.keyid == "KE#1"
    assert first.expires_at == NOW + LIFE
    assert first.nonce != second.nonce


def test_a_get_without_body_or_optional_fields_verifies() -> None:
    request = Request("GET", "http://cn.localhost:8442/federation/v1/directory", {}, b"")
    sign_request(request, keyid="KE#1", key=KEY, now=NOW)
    assert verify_request(request, keys=KEYS, now=NOW).keyid == "KE#1"


def _path(request: Request) -> None:
    request.url = request.url.replace("/a1/", "/a2/")


def _query(request: Request) -> None:
    request.url = request.url.replace("x=1", "x=2")


def _host(request: Request) -> None:
    request.url = request.url.replace("cn.", "it.")


def _method(request: Request) -> None:
    request.method = "PUT"


def _body(request: Request) -> None:
    request.body = b'{"minutes":99}'


def _idempotency_key(request: Request) -> None:
    request.headers["Idempotency-Key"] = "k2"


def _unsigned(request: Request) -> None:
    del request.headers["Signature"], request.headers["Signature-Input"]


def _algorithm(request: Request) -> None:
    field = request.headers["Signature-Input"]
    request.headers["Signature-Input"] = field.replace('alg="ed25519"', 'alg="hmac-sha256"')


@pytest.mark.parametrize("attack", [_path, _query, _host, _method, _body, _idempotency_key, _unsigned, _algorithm])
def test_a_request_changed_on_the_way_is_refused(attack: Callable[[Request], None]) -> None:
    request = signed()
    attack(request)
    with pytest.raises(SignatureRefused):
        verify_request(request, keys=KEYS, now=NOW)


@pytest.mark.parametrize(
    "changes",
    [
        {"tag": "another-protocol"},
        {"nonce": None},
        {"expires": None},
        {"expires": NOW + LIFE * 2},
        {"covered_component_ids": ("@method", "@authority", "@path", "content-type", "idempotency-key")},
        {"covered_component_ids": ("@method", "@authority", "@path", "@query", "content-type")},
    ],
    ids=["wrong tag", "no nonce", "no end", "too long a life", "query not covered", "idempotency key not covered"],
)
def test_a_signature_that_covers_too_little_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(SignatureRefused):
        verify_request(sign_badly(**changes), keys=KEYS, now=NOW)


@pytest.mark.parametrize("away", [-LIFE - timedelta(seconds=1), timedelta(seconds=6)], ids=["stale", "future"])
def test_a_signature_outside_its_time_is_refused(away: timedelta) -> None:
    with pytest.raises(SignatureRefused):
        verify_request(signed(now=NOW + away), keys=KEYS, now=NOW)


def test_a_key_that_is_not_trusted_is_refused() -> None:
    with pytest.raises(SignatureRefused):
        verify_request(signed(key=Ed25519PrivateKey.generate()), keys=KEYS, now=NOW)
    with pytest.raises(SignatureRefused):
        verify_request(signed(), keys={}, now=NOW)
