"""How large what a client or an application says of itself may be (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from google.protobuf.message import Message
from livekit.protocol.models import ClientInfo
from livekit.protocol.rtc import AddTrackRequest

from signaling.config import Settings
from signaling.errors import InvalidArgumentError

MAX_TRACK_BYTES = 8 * 1024
"""Layers, codecs and features of a track, with whatever a newer client adds; an SDK sends a tenth of this."""
MAX_CODECS = 8
"""Of one track; an SDK sends two."""
MAX_LAYERS = 8
"""Of one track or of one of its codecs; an SDK sends three."""

MAX_CAPABILITIES = 32
"""Of a client; LiveKit knows three."""


def check_names(settings: Settings, names: Iterable[str]) -> None:
    """Raises InvalidArgumentError when one is too long, or no text."""
    if any(_octets(name) > settings.limits.name_bytes for name in names):
        raise InvalidArgumentError("name too long")


def check_metadata(settings: Settings, metadata: str) -> None:
    """Raises InvalidArgumentError when it is too large, or no text."""
    if _octets(metadata) > settings.room.max_metadata_bytes:
        raise InvalidArgumentError("metadata too large")


def check_attributes(settings: Settings, attributes: Mapping[str, str]) -> None:
    """Raises InvalidArgumentError when all of them together are too large, or one is no text."""
    if sum(_octets(key) + _octets(value) for key, value in attributes.items()) > settings.room.max_attributes_bytes:
        raise InvalidArgumentError("attributes too large")


def check_client(client: ClientInfo) -> None:
    """Raises InvalidArgumentError when it can do more than any client: others are told it with every change."""
    if len(client.capabilities) > MAX_CAPABILITIES:
        raise InvalidArgumentError("too many capabilities")


def _octets(text: str) -> int:
    """How long a text is on the wire. JSON can write half a character (a lone surrogate), which no message can hold."""
    try:
        return len(text.encode())
    except UnicodeEncodeError as problem:
        raise InvalidArgumentError("text with half a character") from problem


def check_track(settings: Settings, request: AddTrackRequest) -> None:
    """Raises InvalidArgumentError when a track says more of itself than any track has to say."""
    check_names(settings, (request.name, request.cid, request.stream))
    check_description(request)
    if len(request.simulcast_codecs) > MAX_CODECS:
        raise InvalidArgumentError("too many codecs of a track")
    if any(len(layers) > MAX_LAYERS for layers in (request.layers, *(c.layers for c in request.simulcast_codecs))):
        raise InvalidArgumentError("too many layers of a track")


def check_description(message: Message) -> None:
    """Raises InvalidArgumentError when what is told to everyone about a track is too large."""
    if message.ByteSize() > MAX_TRACK_BYTES:
        raise InvalidArgumentError("description of a track too large")
