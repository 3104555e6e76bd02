"""Settings of a media server, named as LiveKit names its own."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class RtcSettings(_Frozen):
    """Where media arrives. Each address is announced, and bound where this machine has it.

    Never 0.0.0.0: nobody can send to it, and of several addresses of one machine it answers from the wrong one.
    """

    udp_port: int = Field(0, ge=0, le=65535, description="0 takes any free port")
    tcp_port: int = Field(-1, ge=-1, le=65535, description="ICE over TCP; 0 takes any free port, -1 turns it off")
    node_ips: tuple[str, ...] = ("127.0.0.1",)


class RoomSettings(_Frozen):
    """What a room is like unless its creator says otherwise. Timeouts in seconds."""

    auto_create: bool = True
    empty_timeout: int = Field(300, ge=0, description="seconds before a room nobody has joined closes")
    departure_timeout: int = Field(20, ge=0, description="seconds before a room that everybody left closes")
    max_participants: int = Field(0, ge=0, description="0 means no limit")
    enable_remote_unmute: bool = False
    audio_ptime_ms: Literal[0, 20, 40, 60, 120] = Field(0, description="sound in one packet; 0 leaves it to clients")
    audio_ptime_narrow_ms: Literal[0, 20, 40, 60, 120] = Field(
        60, description="the same for whose link proves narrow; 0 never"
    )
    max_metadata_bytes: int = 64 * 1024
    max_attributes_bytes: int = 64 * 1024


class WebhookSettings(_Frozen):
    """Whom to tell what happens; `api_key` names the key that signs."""

    urls: tuple[str, ...] = ()
    api_key: str = ""


class TurnServer(_Frozen):
    """A TURN server announced to clients; with `secret` the credentials expire."""

    urls: tuple[str, ...]
    username: str = ""
    credential: str = ""
    secret: str = ""
    ttl_seconds: int = 14400


class PrometheusSettings(_Frozen):
    """Where metrics are read: never at the address that clients use."""

    port: int = Field(-1, ge=-1, le=65535, description="0 takes any free port, -1 turns it off")
    address: str = "127.0.0.1"


class LimitSettings(_Frozen):
    """Bounds that keep one client from harming others."""

    signal_message_bytes: int = 256 * 1024
    signal_messages_per_second: int = 100
    signal_bytes_per_second: int = 256 * 1024
    signal_queue: int = 512
    signal_queue_bytes: int = 16 * 1024 * 1024
    signal_send_seconds: float = Field(10.0, description="a client that takes longer over one message is cut off")
    name_bytes: int = Field(256, description="of rooms, identities, participants' and tracks' names")
    announcements_per_second: int = Field(10, description="changes of one participant told to others, at least 1")
    data_packet_bytes: int = 64 * 1024
    data_buffer_bytes: int = 16 * 1024 * 1024
    data_bytes_per_second: int = 16 * 1024 * 1024
    participants: int = 2000
    rooms: int = 1000
    tracks_per_participant: int = 32
    failed_joins_per_minute: int = Field(
        20, ge=0, description="tokens that are not good, of one address, until the answer is 429; 0 means no limit"
    )
    resume_seconds: float = 20.0
    join_seconds: float = 30.0


class Settings(_Frozen):
    """Everything a media server needs to know; built once by whoever starts it."""

    keys: dict[str, str] = Field(min_length=1)
    port: int = Field(7880, ge=0, le=65535)
    bind_address: str = "127.0.0.1"
    behind_proxy: bool = Field(
        default=False, description="a proxy is in front, and writes the caller last in X-Forwarded-For"
    )
    rtc: RtcSettings = RtcSettings()
    room: RoomSettings = RoomSettings()
    webhook: WebhookSettings = WebhookSettings()
    turn_servers: tuple[TurnServer, ...] = ()
    limits: LimitSettings = LimitSettings()
    prometheus: PrometheusSettings = PrometheusSettings()
    drain_seconds: float = Field(0.0, ge=0, description="how long /healthz says 503 before the port closes")
    allowed_origins: tuple[str, ...] | None = Field(None, description="WebSocket origins; None allows any")

    @model_validator(mode="after")
    def _can_sign_webhooks(self) -> Self:
        if self.webhook.api_key and self.webhook.api_key not in self.keys:
            raise ValueError("webhook.api_key is none of the keys")
        return self

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """Read a TOML file. Raises OSError, tomllib.TOMLDecodeError or pydantic.ValidationError."""
        return cls.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))

    @classmethod
    def dev(cls) -> Self:
        """What `livekit-server --dev` uses; good on loopback only."""
        return cls(keys={"devkey": "secret"})
