"""The assertion of a visiting doctor: what vouches, and what does not."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import OKPKey

from telemed.federation.assertion import (
    ALGORITHM,
    LIFE,
    MAX_CHARS,
    TYP,
    Assertion,
    AssertionMalformed,
    AssertionRefused,
    ForAnotherNode,
    IssuerNotTrusted,
    OutOfTime,
    make,
    verify,
)

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
KEY = Ed25519PrivateKey.generate()
OTHER = Ed25519PrivateKey.generate()
LI = {"id": "li", "name": "李医生", "licences": [{"jurisdiction": "CN", "number": "110"}]}


def keys_of(node: str) -> Sequence[Ed25519PublicKey]:
    return {"CN": [KEY.public_key()], "IT": [OTHER.public_key()]}.get(node, [])


def made(**changes: Any) -> str:
    arguments = {"issuer": "CN", "audience": "KE", "visit_id": "a1", "doctor": LI, "now": NOW, **changes}
    return make(arguments.pop("key", KEY), **arguments)


def read(token: str, *, now: datetime = NOW) -> Assertion:
    return verify(token, keys_of=keys_of, audience="KE", now=now)


def altered(header: dict[str, Any] | None = None, **claims: Any) -> str:
    """An assertion with other claims, signed by the trusted key all the same."""
    payload = json.loads(jws.extract_compact(made().encode()).payload) | claims
    whole = {"alg": ALGORITHM, "typ": TYP} | (header or {})
    return jws.serialize_compact(whole, json.dumps(payload), OKPKey.import_key(KEY), algorithms=[ALGORITHM])


def test_it_names_the_issuer_the_visit_and_the_doctor_with_licence() -> None:
    assertion = read(made())
    assert (assertion.issuer, assertion.visit_id, assertion.doctor) == ("CN", "a1", LI)
    assert assertion.expires_at == NOW + LIFE


def test_two_assertions_for_one_visit_can_be_told_apart() -> None:
    assert read(made()).jti != read(made()).jti


def test_a_node_may_have_two_keys_while_it_changes_them() -> None:
    both = [OTHER.public_key(), KEY.public_key()]
    assert verify(made(), keys_of=lambda _node: both, audience="KE", now=NOW).issuer == "CN"


@pytest.mark.parametrize("token", [made(issuer="XX"), made(key=OTHER), made(issuer="IT")])
def test_a_signature_of_no_trusted_node_or_in_anothers_name_is_refused(token: str) -> None:
    with pytest.raises(IssuerNotTrusted):
        read(token)


def test_a_changed_payload_is_refused() -> None:
    header, payload, signature = made().split(".")
    other = urlsafe_b64decode(payload + "==").replace(b"110", b"111")
    with pytest.raises(IssuerNotTrusted):
        read(".".join([header, urlsafe_b64encode(other).decode().rstrip("="), signature]))


def test_an_assertion_for_another_node_is_refused() -> None:
    with pytest.raises(ForAnotherNode):
        read(made(audience="IT"))


@pytest.mark.parametrize("away", [LIFE, -timedelta(seconds=6)], ids=["expired", "from the future"])
def test_an_assertion_outside_its_time_is_refused(away: timedelta) -> None:
    with pytest.raises(OutOfTime):
        read(made(), now=NOW + away)


def test_an_assertion_that_lives_too_long_is_refused() -> None:
    with pytest.raises(OutOfTime):
        read(altered(exp=int((NOW + LIFE).timestamp()) + 1))


@pytest.mark.parametrize(
    "token",
    [
        "",
        "a.b.c",
        "x" * (MAX_CHARS + 1),
        "é.é.é",
        altered(extra=1),
        altered(jti=""),
        altered(jti="\0" * 16),
        altered(appointment="\0"),
        altered(role="administrator"),
        altered(sub="another"),
        altered(doctor={}),
        altered(nbf="yesterday"),
        altered(nbf="0001-01-01T00:00:00Z"),
        altered(exp="9999-12-31T23:59:59-12:00"),
        altered(nbf="2026-11-24T09:00:00"),
        altered({"typ": "JWT"}),
    ],
)
def test_what_is_not_an_assertion_is_refused(token: str) -> None:
    with pytest.raises(AssertionMalformed):
        read(token)


def test_a_token_signed_with_another_algorithm_is_refused() -> None:
    header, payload, _signature = made().split(".")
    none = urlsafe_b64encode(json.dumps({"alg": "none", "typ": TYP}).encode()).decode().rstrip("=")
    for forged in (f"{none}.{payload}.", f"{none}.{payload}.AAAA", f"{header}.{payload}."):
        with pytest.raises(AssertionRefused):
            read(forged)


@given(st.text(max_size=300))
def test_no_text_makes_it_fail_otherwise(token: str) -> None:
    with pytest.raises(AssertionRefused):
        read(token)
