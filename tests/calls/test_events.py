"""The media server's reports: only what it signed, and only as it signed it."""

import base64
import hashlib
import json
import time
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from telemed.calls import events
from telemed.calls.events import Event, EventRefused

KEY, SECRET = "ke-media", "s" * 32
BODY = json.dumps({"event": "participant_joined", "room": {"name": "r"}, "participant": {"identity": "patient"}})


def signed(body: str = BODY, *, secret: str = SECRET, issuer: str = KEY, age_s: float = 0) -> str:
    digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
    now = time.time() - age_s
    claims = {"iss": issuer, "nbf": int(now), "exp": int(now + 300), "sha256": digest}
    return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(secret))


def test_an_event_is_read() -> None:
    for authorization in (signed(), f"Bearer {signed()}"):
        assert events.read(BODY.encode(), authorization, key=KEY, secret=SECRET) == Event(
            "participant_joined", "r", "patient"
        )


@pytest.mark.parametrize("authorization", ["", "Bearer x.y.z"])
def test_an_event_without_a_signature_is_refused(authorization: str) -> None:
    with pytest.raises(EventRefused):
        events.read(BODY.encode(), authorization, key=KEY, secret=SECRET)


@pytest.mark.parametrize(
    "otherwise",
    [{"secret": "t" * 32}, {"issuer": "another"}, {"body": "{}"}, {"age_s": 400}, {"age_s": -86_400}],
    ids=["another secret", "another key", "another body", "old", "from the future"],
)
def test_what_it_did_not_sign_is_refused(otherwise: dict[str, Any]) -> None:
    # Signed now: what was when the tests were collected may be too old by itself.
    authorization = signed(**otherwise)
    with pytest.raises(EventRefused):
        events.read(BODY.encode(), authorization, key=KEY, secret=SECRET)


@pytest.mark.parametrize("body", ["", "{", '{"room": 7}'])
def test_what_is_no_event_is_refused(body: str) -> None:
    with pytest.raises(EventRefused):
        events.read(body.encode(), signed(body), key=KEY, secret=SECRET)
