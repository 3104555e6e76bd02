"""The signatures on a request and on its answer: what verifies, and the attacks that do not."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from http_message_signatures import HTTPMessageSigner
from http_message_signatures.algorithms import ED25519

from telemed.federation.signing import (
    LIFE,
    TAG,
    Request,
    Response,
    SignatureRefused,
    _Keys,
    sign_request,
    sign_response,
    verify_request,
    verify_response,
)

NOW = datetime(2026, 11, 24, 8, tzinfo=UTC)
KEY = Ed25519PrivateKey.generate()
KEYS = {"KE#1": KEY.public_key()}


def post(url: str = "http://cn.localhost:8442/federation/v1/appointments/a1/hold?x=1") -> Request:
    return Request("POST", url, {"Content-Type": "application/json", "Idempotency-Key": "k1"}, b'{"minutes":10}')


def signed(*, now: datetime = NOW, key: Ed25519PrivateKey = KEY) -> Request:
    request = post()
    sign_request(request, keyid="KE#1", key=key, now=now)
    return request


ANSWER = b'{"state":"confirmed"}'


def answered(request: Request, *, key: Ed25519PrivateKey = KEY, now: datetime = NOW) -> Response:
    answer = Response(200, {"Content-Type": "application/json"}, request)
    sign_response(answer, ANSWER, keyid="KE#1", key=key, now=now)
    return answer


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
        {"nonce": ""},
        {"nonce": "n" * 129},
        {"expires": None},
        {"expires": NOW + LIFE * 2},
        {"covered_component_ids": ("@method", "@authority", "@path", "content-type", "idempotency-key")},
        {"covered_component_ids": ("@method", "@authority", "@path", "@query", "content-type")},
    ],
    ids=["wrong tag", "no nonce", "empty nonce", "long nonce", "no end", "long life", "no query", "no key"],
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


def test_an_answer_is_good_for_its_own_request() -> None:
    assert verify_response(answered(signed()), ANSWER, keys=KEYS, now=NOW).keyid == "KE#1"


def _status(answer: Response) -> None:
    answer.status_code = 410


def _another_request(answer: Response) -> None:
    answer.request = signed()


def _unsigned_answer(answer: Response) -> None:
    del answer.headers["Signature"], answer.headers["Signature-Input"]


def _the_requests_own_signature(answer: Response) -> None:
    answer.headers.update(answer.request.headers)


@pytest.mark.parametrize("attack", [_status, _another_request, _unsigned_answer, _the_requests_own_signature])
def test_an_answer_changed_on_the_way_is_refused(attack: Callable[[Response], None]) -> None:
    answer = answered(signed())
    attack(answer)
    with pytest.raises(SignatureRefused):
        verify_response(answer, ANSWER, keys=KEYS, now=NOW)


def test_another_body_another_key_or_another_time_makes_no_answer() -> None:
    other = Ed25519PrivateKey.generate()
    for answer, body in (
        (answered(signed()), b'{"state":"gone"}'),
        (answered(signed(), key=other), ANSWER),
        (answered(signed(), now=NOW - LIFE - timedelta(seconds=1)), ANSWER),
    ):
        with pytest.raises(SignatureRefused):
            verify_response(answer, body, keys=KEYS, now=NOW)
