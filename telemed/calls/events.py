"""What the media server reports, once it is sure that it was the media server. Source: LiveKit, webhooks."""

import hashlib
from base64 import b64encode
from dataclasses import dataclass

from google.protobuf import json_format
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey
from livekit.protocol.webhook import WebhookEvent

from telemed.errors import NotSignedIn

LEEWAY_S = 60
"""Seconds that the media server's clock may differ."""


class EventRefused(NotSignedIn):
    """The media server did not sign this."""

    code = "event-refused"


@dataclass(frozen=True, slots=True)
class Event:
    """`name` as LiveKit has it, such as room_started; `identity` is empty for what is about a room alone."""

    name: str
    room: str
    identity: str


def read(body: bytes, authorization: str, *, key: str, secret: str) -> Event:
    """The event, signed with the key and over exactly this body; judged by the machine's clock, as tokens are.

    Raises:
        EventRefused: not signed, not by this key, too old, or of another body.
    """
    registry = jwt.JWTClaimsRegistry(leeway=LEEWAY_S, iss={"essential": True, "value": key}, exp={"essential": True})
    try:
        claims = jwt.decode(
            authorization.removeprefix("Bearer "), OctKey.import_key(secret), algorithms=["HS256"]
        ).claims
        registry.validate(claims)
        if claims.get("sha256") != b64encode(hashlib.sha256(body).digest()).decode():
            raise EventRefused("The signature is of another body.")
        event = json_format.Parse(body, WebhookEvent(), ignore_unknown_fields=True)
    except (JoseError, ValueError, json_format.ParseError) as refused:
        raise EventRefused("Only the media server reports here, with its own signature.") from refused
    return Event(event.event, event.room.name, event.participant.identity)
