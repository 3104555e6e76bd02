"""Access tokens: made by livekit-api, judged by us."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from livekit import api
from livekit.protocol.models import ParticipantPermission, TrackSource

from signaling import tokens
from signaling.errors import UnauthenticatedError

KEYS = {"key": "a-secret-of-more-than-thirty-two-characters"}


def _token(key: str = "key", secret: str = KEYS["key"], **grants: Any) -> str:
    grant = api.VideoGrants(room="r", room_join=True, **grants)
    token = api.AccessToken(key, secret).with_identity("amina").with_name("Amina").with_grants(grant)
    return token.with_attributes({"a": "b"}).with_ttl(timedelta(minutes=1)).to_jwt()


def test_a_token_of_livekit_api_is_understood() -> None:
    claims = tokens.verify(_token(can_publish=False), KEYS, time.time())
    assert (claims.identity, claims.name, claims.attributes) == ("amina", "Amina", {"a": "b"})
    assert (claims.video.room, claims.video.room_join, claims.video.can_publish) == ("r", True, False)
    assert claims.video.can_subscribe


@pytest.mark.parametrize(
    ("grants", "may"),
    [
        ({}, True),
        ({"canPublish": False}, False),
        ({"canPublish": False, "canPublishData": True}, True),
        ({"canPublishData": False}, False),
    ],
)
def test_data_may_be_sent_by_whoever_may_publish_unless_a_token_says_otherwise(
    grants: dict[str, bool], may: bool
) -> None:
    payload = {"iss": "key", "sub": "amina", "exp": int(time.time()) + 60, "video": grants}
    assert tokens.verify(tokens.sign(payload, KEYS["key"]), KEYS, time.time()).video.can_publish_data is may


@pytest.mark.parametrize("token", ["", "a.b.c", "x" * 20000])
def test_what_is_no_token_opens_nothing(token: str) -> None:
    with pytest.raises(UnauthenticatedError):
        tokens.verify(token, KEYS, time.time())


@pytest.mark.parametrize("otherwise", [{"key": "other"}, {"secret": "y" * 40}])
def test_a_token_that_is_not_genuine_opens_nothing(otherwise: dict[str, str]) -> None:
    # Made now: one of when the tests were collected may have ended by itself.
    token = _token(**otherwise)
    with pytest.raises(UnauthenticatedError):
        tokens.verify(token, KEYS, time.time())


@pytest.mark.parametrize(
    "claims",
    [
        {"video": {"roomAdmin": "false"}},
        {"video": {"canPublish": 1}},
        {"video": {"canPublishSources": "microphone"}},
        {"video": {"canPublishSources": [{}]}},
        {"video": {"room": 5}},
        {"video": "room"},
        {"metadata": {"a": 1}},
        {"attributes": {"a": 1}},
        {"roomConfig": 5},
        {"roomConfig": "visit"},
        {"roomConfig": {"emptyTimeout": -1}},
    ],
)
def test_a_claim_that_is_not_what_it_should_be_allows_nothing(claims: dict[str, Any]) -> None:
    payload = {"iss": "key", "sub": "amina", "exp": int(time.time()) + 60, **claims}
    with pytest.raises(UnauthenticatedError):
        tokens.verify(tokens.sign(payload, KEYS["key"]), KEYS, time.time())


def test_a_claim_of_nothing_is_a_claim_left_out() -> None:
    video = {"roomJoin": True, "room": "r", "canPublish": None, "canPublishSources": None}
    nothing = dict.fromkeys(("name", "metadata", "attributes", "kind", "roomConfig"))
    payload = {"iss": "key", "sub": "amina", "exp": int(time.time()) + 60, "video": video, **nothing}
    claims = tokens.verify(tokens.sign(payload, KEYS["key"]), KEYS, time.time())
    assert tokens.may_publish(claims.video, TrackSource.CAMERA)
    assert (claims.name, claims.metadata, claims.attributes, claims.room_config) == ("", "", {}, None)


def test_a_token_ends() -> None:
    with pytest.raises(UnauthenticatedError):
        tokens.verify(_token(), KEYS, time.time() + 3600)


def test_clocks_may_be_a_minute_apart() -> None:
    made_at = time.time()
    token = _token()
    for now in (made_at - 55, made_at + 115):
        assert tokens.verify(token, KEYS, now).identity == "amina"
    for now in (made_at - 65, made_at + 125):
        with pytest.raises(UnauthenticatedError):
            tokens.verify(token, KEYS, now)


def test_an_unsigned_token_opens_nothing() -> None:
    parts = _token().split(".")
    with pytest.raises(UnauthenticatedError):
        tokens.verify(f"eyJhbGciOiJub25lIn0.{parts[1]}.", KEYS, time.time())


def test_a_refreshed_token_carries_changed_permissions() -> None:
    claims = tokens.verify(_token(can_publish=False, can_subscribe=False), KEYS, time.time())
    permission = tokens.permission(claims.video)
    permission.can_subscribe = True
    changed = tokens.with_permission(claims, permission)
    again = tokens.verify(tokens.refresh(changed, KEYS, time.time()), KEYS, time.time())
    assert again.video == changed.video
    assert again.video.can_subscribe
    assert not again.video.can_publish


@pytest.mark.parametrize(("life", "refreshed"), [(60, tokens.REFRESHED_SECONDS), (6 * 3600, 6 * 3600)])
def test_a_refreshed_token_is_good_at_least_as_long_as_the_first(life: int, refreshed: int) -> None:
    now = 1_000_000
    again = tokens.refresh(replace(tokens.verify(_token(), KEYS, time.time()), expires_at=now + life), KEYS, now)
    assert tokens.verify(again, KEYS, now).expires_at == now + refreshed


def test_a_refreshed_token_is_never_too_long_to_come_back_with() -> None:
    claims = tokens.verify(_token(can_publish=False), KEYS, time.time())
    large = replace(claims, metadata="m" * 60_000)
    again = tokens.verify(tokens.refresh(large, KEYS, time.time()), KEYS, time.time())
    assert (again.identity, again.name, again.video) == (claims.identity, claims.name, claims.video)
    assert again.metadata == ""


def test_a_source_that_nobody_knows_allows_no_other() -> None:
    claims = tokens.verify(_token(can_publish_sources=["nonsense"]), KEYS, time.time())
    assert not tokens.may_publish(claims.video, TrackSource.CAMERA)
    assert not tokens.may_publish(claims.video, TrackSource.UNKNOWN)
    assert tokens.permission(claims.video).can_publish_sources == [TrackSource.UNKNOWN]
    again = tokens.verify(tokens.refresh(claims, KEYS, time.time()), KEYS, time.time())
    assert again.video == claims.video
    wanted = ParticipantPermission(can_publish=True, can_publish_sources=[99])  # type: ignore[list-item]
    again = tokens.verify(tokens.refresh(tokens.with_permission(claims, wanted), KEYS, time.time()), KEYS, time.time())
    assert not tokens.may_publish(again.video, TrackSource.CAMERA)
    assert not tokens.may_publish(again.video, TrackSource.UNKNOWN)


def test_a_source_that_is_not_said_can_be_allowed_by_name() -> None:
    claims = tokens.verify(_token(can_publish_sources=["unknown"]), KEYS, time.time())
    again = tokens.verify(tokens.refresh(claims, KEYS, time.time()), KEYS, time.time())
    assert tokens.may_publish(again.video, TrackSource.UNKNOWN)
    assert not tokens.may_publish(again.video, TrackSource.CAMERA)
