"""The twelve attacks on a signed request, each against a running node and a request that would change its calendar."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from http_message_signatures import HTTPMessageSigner
from http_message_signatures.algorithms import ED25519, HMAC_SHA256
from multidict import CIMultiDict

from telemed.federation.client import Answer
from telemed.federation.signing import (
    ALWAYS_COVERED,
    ANSWER_TAG,
    COVERED_WHEN_PRESENT,
    LIFE,
    SKEW,
    TAG,
    Request,
    _Keys,
    content_digest,
)
from tests.api.test_federation_appointments import claims, doctor_of, new_hold
from tests.conftest import SetClock
from tests.nodes import RunningNode, federation

SECOND = timedelta(seconds=1)
ALL = ALWAYS_COVERED + COVERED_WHEN_PRESENT


@dataclass(frozen=True, slots=True)
class Wire:
    """What CN signs for KE, and whoever stands between the two."""

    ke: RunningNode
    cn: RunningNode
    clock: SetClock
    hold: dict[str, Any]

    def signed(
        self, method: str = "POST", origin: str = "", algorithm: Any = ED25519, key: Any = None, **changes: Any
    ) -> Request:
        """A hold that KE grants, unless it is signed otherwise."""
        request = Request(
            method,
            f"{origin or self.ke.origin}/federation/v1/appointments/{uuid4().hex}/hold",
            CIMultiDict({"Content-Type": "application/json", "Idempotency-Key": uuid4().hex}),
            json.dumps(self.hold).encode(),
        )
        request.headers["Content-Digest"] = content_digest(request.body or b"")
        own = self.cn.node.signing_key
        keys = _Keys(private={own.keyid: key or own.private})
        arguments: dict[str, Any] = {
            "key_id": own.keyid,
            "created": self.clock(),
            "expires": self.clock() + LIFE,
            "nonce": uuid4().hex,
            "tag": TAG,
            "covered_component_ids": ALL,
            "use_existing_digest": True,
            **changes,
        }
        HTTPMessageSigner(signature_algorithm=algorithm, key_resolver=keys).sign(request, **arguments)
        return request

    async def sent(self, request: Request) -> tuple[int, str]:
        """KE's answer: the status, and the problem's code if it is one."""
        parts = urlsplit(request.url)
        url = f"{self.ke.origin}{parts.path}" + (f"?{parts.query}" if parts.query else "")
        async with self.ke.http.request(
            request.method, url, headers=request.headers, data=request.body, skip_auto_headers=["Content-Type"]
        ) as answer:
            return answer.status, (await answer.json(content_type=None)).get("code", "")


@pytest.fixture
async def wire(tmp_path: Path, clock: SetClock) -> AsyncIterator[Wire]:
    async with federation(tmp_path, clock, "KE", "CN") as nodes:
        yield Wire(nodes["KE"], nodes["CN"], clock, new_hold(await doctor_of(nodes["KE"])))


async def replay(wire: Wire) -> Request:
    # Also the proof that a request to which nothing was done is granted.
    request = wire.signed()
    assert await wire.sent(request) == (201, "")
    return request


async def body(wire: Wire) -> Request:
    request = wire.signed()
    request.body = (request.body or b"").replace(b'"en"', b'"zh"')
    return request


async def body_with_its_digest(wire: Wire) -> Request:
    request = await body(wire)
    request.headers["Content-Digest"] = content_digest(request.body or b"")
    return request


async def path(wire: Wire) -> Request:
    request = wire.signed()
    request.url = request.url.replace(urlsplit(request.url).path.split("/")[4], uuid4().hex)
    return request


async def query(wire: Wire) -> Request:
    request = wire.signed()
    request.url += "?for=another"
    return request


async def method(wire: Wire) -> Request:
    request = wire.signed("PUT")
    request.method = "POST"
    return request


async def stale(wire: Wire) -> Request:
    request = wire.signed()
    wire.clock.pass_(LIFE + SECOND)
    return request


async def future(wire: Wire) -> Request:
    begins = wire.clock() + SKEW + SECOND
    return wire.signed(created=begins, expires=begins + LIFE)


async def digest_not_covered(wire: Wire) -> Request:
    return wire.signed(covered_component_ids=[name for name in ALL if name != "content-digest"])


async def key_not_covered(wire: Wire) -> Request:
    return wire.signed(covered_component_ids=[name for name in ALL if name != "idempotency-key"])


async def wrong_tag(wire: Wire) -> Request:
    return wire.signed(tag=ANSWER_TAG)


async def other_host(wire: Wire) -> Request:
    return wire.signed(origin=wire.cn.origin)


async def unsigned(wire: Wire) -> Request:
    request = wire.signed()
    del request.headers["Signature"], request.headers["Signature-Input"]
    return request


async def algorithm_swap(wire: Wire) -> Request:
    # Whoever takes the algorithm from the message checks an HMAC with a key that everybody knows.
    known = wire.cn.node.signing_key.private.public_key().public_bytes_raw()
    return wire.signed(algorithm=HMAC_SHA256, key=known)


ATTACKS = (
    replay,
    body,
    body_with_its_digest,
    path,
    query,
    method,
    stale,
    future,
    digest_not_covered,
    key_not_covered,
    wrong_tag,
    other_host,
    unsigned,
    algorithm_swap,
)


async def test_a_request_that_was_tampered_with_is_refused_and_changes_nothing(wire: Wire) -> None:
    for attack in ATTACKS:
        request = await attack(wire)
        before = await claims(wire.ke)
        assert await wire.sent(request) == (401, "signature-refused"), attack.__name__
        assert (await claims(wire.ke)).keys() == before.keys(), attack.__name__


async def test_only_an_answer_to_a_whole_request_as_it_was_signed_is_signed(wire: Wire) -> None:
    """Whoever stands between two nodes gets no 404 or 413 that the sender would take for the peer's last word."""

    async def is_answer_signed(status: int, request: Request) -> bool:
        async with wire.ke.http.request(
            request.method, request.url, headers=request.headers, data=request.body
        ) as answer:
            assert answer.status == status
            return "Signature" in answer.headers

    assert await is_answer_signed(201, wire.signed())
    elsewhere, larger, without = wire.signed(), wire.signed(), await unsigned(wire)
    elsewhere.url = f"{wire.ke.origin}/federation/v1/nothing"
    larger.body = b" " * 100_000
    without.headers["Signature"] = "telemed=:AA==:"
    for status, request in ((404, elsewhere), (413, larger), (401, without)):
        assert not await is_answer_signed(status, request)
    assert not Answer(413, {}).settles, "a peer of an older version signs it all the same"
