"""What a client says when it opens its WebSocket, in the words of v0 and of v1."""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from google.protobuf.message import DecodeError
from livekit.protocol.models import ClientInfo
from livekit.protocol.rtc import JoinRequest, WrappedJoinRequest

from signaling.errors import InvalidArgumentError

MAX_JOIN_BYTES = 512 * 1024

_SDKS = {
    "js": ClientInfo.JS,
    "ios": ClientInfo.SWIFT,
    "swift": ClientInfo.SWIFT,
    "android": ClientInfo.ANDROID,
    "flutter": ClientInfo.FLUTTER,
    "go": ClientInfo.GO,
    "rust": ClientInfo.RUST,
    "python": ClientInfo.PYTHON,
    "node": ClientInfo.NODE,
    "reactnative": ClientInfo.REACT_NATIVE,
    "cpp": ClientInfo.CPP,
    "unity": ClientInfo.UNITY,
    "unityweb": ClientInfo.UNITY_WEB,
    "esp32": ClientInfo.ESP32,
}


@dataclass(frozen=True, slots=True)
class Joining:
    """A join or a comeback. `single` means one peer connection for both directions."""

    client: ClientInfo
    single: bool
    auto_subscribe: bool = True
    reconnect: bool = False
    participant_sid: str = ""
    metadata: str = ""
    attributes: dict[str, str] = field(default_factory=dict)
    request: JoinRequest | None = None


def read(query: Mapping[str, str], *, needs_request: bool) -> Joining:
    """Read the query of `/rtc` or, with `needs_request`, `/rtc/v1`. Raises InvalidArgumentError."""
    wrapped = query.get("join_request", "")
    if wrapped:
        return _from_request(_unwrap(wrapped))
    if needs_request:
        raise InvalidArgumentError("join_request is required")
    return Joining(
        client=ClientInfo(
            sdk=_SDKS.get(query.get("sdk", ""), ClientInfo.UNKNOWN),
            version=query.get("version", ""),
            protocol=_number(query.get("protocol", "")),
            os=query.get("os", ""),
            browser=query.get("browser", ""),
            client_protocol=_number(query.get("client_protocol", "")),
            capabilities=_capabilities(query.get("capabilities", "")),
        ),
        single=False,
        auto_subscribe=_true(query.get("auto_subscribe", "1")),
        reconnect=_true(query.get("reconnect", "")),
        participant_sid=query.get("sid", ""),
        attributes=_attributes(query.get("attributes", "")),
    )


def _from_request(request: JoinRequest) -> Joining:
    return Joining(
        client=request.client_info,
        single=True,
        auto_subscribe=request.connection_settings.auto_subscribe,
        reconnect=request.reconnect,
        participant_sid=request.participant_sid,
        metadata=request.metadata,
        attributes=dict(request.participant_attributes),
        request=request,
    )


def _unwrap(text: str) -> JoinRequest:
    try:
        wrapped = WrappedJoinRequest.FromString(_decode64(text))
        data = wrapped.join_request
        if wrapped.compression == WrappedJoinRequest.GZIP:
            inflater = zlib.decompressobj(wbits=31)
            data = inflater.decompress(data, MAX_JOIN_BYTES)
            if inflater.unconsumed_tail:
                raise InvalidArgumentError("join request too large")
        return JoinRequest.FromString(data)
    except (binascii.Error, DecodeError, zlib.error, ValueError) as problem:
        raise InvalidArgumentError("cannot read join_request") from problem


def _decode64(text: str) -> bytes:
    standard = text.replace("-", "+").replace("_", "/").rstrip("=")
    return base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)


def _attributes(text: str) -> dict[str, str]:
    if not text:
        return {}
    try:
        found = json.loads(_decode64(text))
    except (binascii.Error, ValueError, RecursionError):
        return {}
    return {str(key): str(value) for key, value in found.items()} if isinstance(found, dict) else {}


def _capabilities(text: str) -> set[str]:
    """Those that are known, each once: others are told them with every change."""
    return {name.strip() for name in text.split(",")}.intersection(ClientInfo.Capability.keys())


def _true(text: str) -> bool:
    return text.lower() in ("1", "true")


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 6 else 0
