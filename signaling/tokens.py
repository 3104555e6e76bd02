"""Access tokens: JSON Web Tokens signed with HS256, whose claims are LiveKit's grants."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar, cast

from google.protobuf import json_format
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey
from livekit.protocol.models import ParticipantPermission, TrackSource
from livekit.protocol.room import RoomConfiguration

from signaling.errors import UnauthenticatedError

LEEWAY_SECONDS = 60
"""By which an application's clock may be wrong, as by LiveKit's server."""
REFRESHED_SECONDS = 600
"""Least life of a token the server hands to a connected client, as LiveKit's tokenDefaultTTL."""
MAX_TOKEN_LENGTH = 16 * 1024
LATEST_DATE = 1 << 53
"""In seconds; a later one is no number that JSON's readers agree on."""

_SOURCES = {
    "unknown": TrackSource.UNKNOWN,
    "camera": TrackSource.CAMERA,
    "microphone": TrackSource.MICROPHONE,
    "screen_share": TrackSource.SCREEN_SHARE,
    "screen_share_audio": TrackSource.SCREEN_SHARE_AUDIO,
}
NO_SOURCE = 1 << 31
"""Stands for a name that nobody knows: no track can have it, a source is a number of 32 bits with a sign."""
_SOURCE_NAMES = {int(value): name for name, value in _SOURCES.items()}

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class VideoGrant:
    """What a token allows. The `can_` that default to True do so in LiveKit too; data may go where tracks may."""

    room_join: bool = False
    room: str = ""
    room_create: bool = False
    room_list: bool = False
    room_admin: bool = False
    can_publish: bool = True
    can_subscribe: bool = True
    can_publish_data: bool = True
    can_publish_sources: tuple[int, ...] = ()
    can_update_own_metadata: bool = False
    hidden: bool = False
    recorder: bool = False
    agent: bool = False


@dataclass(frozen=True, slots=True)
class Claims:
    """A verified token."""

    identity: str
    expires_at: int
    name: str = ""
    metadata: str = ""
    attributes: dict[str, str] = field(default_factory=dict)
    kind: str = ""
    video: VideoGrant = VideoGrant()
    api_key: str = ""
    room_config: RoomConfiguration | None = None


def _claim_name(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


_BOOLEANS = [name for name in VideoGrant.__slots__ if name not in ("room", "can_publish_sources")]


def _of(kind: type[T], value: object, default: T) -> T:
    """A claim, or the default of one left out. Never what it might mean: "false" is a text, and true like any other."""
    if value is None:
        return default
    if not isinstance(value, kind):
        raise UnauthenticatedError("token malformed")
    return value


def _grant(video: dict[str, Any]) -> VideoGrant:
    values: dict[str, Any] = {}
    for name in _BOOLEANS:
        value = video.get(_claim_name(name))
        if value is not None:
            values[name] = _of(bool, value, default=False)
    values.setdefault("can_publish_data", values.get("can_publish", True))
    names = [_of(str, source, "").lower() for source in _of(list, video.get("canPublishSources"), [])]
    # One that is unknown stays in the list: an empty one would allow every source.
    values["can_publish_sources"] = tuple(_SOURCES.get(name, NO_SOURCE) for name in names)
    return VideoGrant(room=_of(str, video.get("room"), ""), **values)


def _issuer(token: str) -> str:
    try:
        body = token.split(".")[1]
        return str(json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))["iss"])
    except (IndexError, ValueError, KeyError, TypeError, RecursionError, binascii.Error) as problem:
        raise UnauthenticatedError("not an access token") from problem


def _date(value: object) -> float:
    if not isinstance(value, int | float) or not 0 <= value <= LATEST_DATE:
        raise UnauthenticatedError("token without dates")
    return value


def verify(token: str, keys: dict[str, str], now: float) -> Claims:
    """Check signature and dates. Raises UnauthenticatedError."""
    if len(token) > MAX_TOKEN_LENGTH:
        raise UnauthenticatedError("token too long")
    issuer = _issuer(token)
    secret = keys.get(issuer)
    if secret is None:
        raise UnauthenticatedError("token of an unknown key")
    try:
        claims = jwt.decode(token, OctKey.import_key(secret), algorithms=["HS256"]).claims
    except (JoseError, ValueError, RecursionError) as problem:
        raise UnauthenticatedError("token not genuine") from problem
    expires_at, not_before = _date(claims.get("exp")), _date(claims.get("nbf", 0))
    if now > expires_at + LEEWAY_SECONDS:
        raise UnauthenticatedError("token expired")
    if now < not_before - LEEWAY_SECONDS:
        raise UnauthenticatedError("token not valid yet")
    attributes = _of(dict, claims.get("attributes"), {})
    return Claims(
        identity=_of(str, claims.get("sub"), ""),
        expires_at=int(expires_at),
        name=_of(str, claims.get("name"), ""),
        metadata=_of(str, claims.get("metadata"), ""),
        attributes={key: _of(str, value, "") for key, value in attributes.items()},
        kind=_of(str, claims.get("kind"), ""),
        video=_grant(_of(dict, claims.get("video"), {})),
        api_key=issuer,
        room_config=_room_config(claims.get("roomConfig")),
    )


def _room_config(claim: Any) -> RoomConfiguration | None:
    if claim is None:
        return None
    try:
        return json_format.ParseDict(_of(dict, claim, {}), RoomConfiguration(), ignore_unknown_fields=True)
    except json_format.ParseError as problem:
        raise UnauthenticatedError("token malformed") from problem


def sign(payload: dict[str, Any], secret: str) -> str:
    """Sign any claims with a key's secret."""
    return jwt.encode({"alg": "HS256"}, payload, OctKey.import_key(secret))


def refresh(claims: Claims, keys: dict[str, str], now: float) -> str:
    """A new token of the same grants, for a client to come back with, good at least as long as its own.

    Metadata and attributes are left out where the token would be too long for `verify`, and for a URL.
    """
    video: dict[str, Any] = {_claim_name(name): getattr(claims.video, name) for name in _BOOLEANS}
    video["room"] = claims.video.room
    if claims.video.can_publish_sources:
        video["canPublishSources"] = [
            _SOURCE_NAMES.get(source, str(source)) for source in claims.video.can_publish_sources
        ]
    payload: dict[str, Any] = {
        "iss": claims.api_key,
        "sub": claims.identity,
        "nbf": int(now),
        "exp": max(int(now) + REFRESHED_SECONDS, claims.expires_at),
        "video": video,
    }
    optional = {
        "name": claims.name,
        "metadata": claims.metadata,
        "attributes": claims.attributes,
        "kind": claims.kind,
        "roomConfig": json_format.MessageToDict(claims.room_config) if claims.room_config is not None else None,
    }
    whole = payload | {name: value for name, value in optional.items() if value}
    token = sign(whole, keys[claims.api_key])
    return (
        token
        if len(token) <= MAX_TOKEN_LENGTH
        else sign(payload | {"name": claims.name, "kind": claims.kind}, keys[claims.api_key])
    )


def permission(grant: VideoGrant) -> ParticipantPermission:
    """The part of a grant that clients are shown; for a source that nobody knows they have no better word."""
    sources = [TrackSource.UNKNOWN if source == NO_SOURCE else source for source in grant.can_publish_sources]
    return ParticipantPermission(
        can_subscribe=grant.can_subscribe,
        can_publish=grant.can_publish,
        can_publish_data=grant.can_publish_data,
        can_publish_sources=cast("Any", sources),
        can_update_metadata=grant.can_update_own_metadata,
        hidden=grant.hidden,
        recorder=grant.recorder,
        agent=grant.agent,
    )


def with_permission(claims: Claims, wanted: ParticipantPermission) -> Claims:
    """The same claims with the permissions an administrator gives."""
    grant = replace(
        claims.video,
        can_subscribe=wanted.can_subscribe,
        can_publish=wanted.can_publish,
        can_publish_data=wanted.can_publish_data,
        can_publish_sources=tuple(wanted.can_publish_sources),
        can_update_own_metadata=wanted.can_update_metadata,
        hidden=wanted.hidden,
        recorder=wanted.recorder,
        agent=wanted.agent,
    )
    return replace(claims, video=grant)


def may_publish(grant: VideoGrant, source: int) -> bool:
    """Whether a track of this source may be published; an empty list of sources means all."""
    return grant.can_publish and (not grant.can_publish_sources or source in grant.can_publish_sources)
