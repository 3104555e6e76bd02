"""A node's settings, read from one TOML file and never from a global."""

import tomllib
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class MediaSettings(_Frozen):
    """The embedded media server: where calls arrive, and the key pair that signs their tokens."""

    udp_port: int = Field(ge=0, le=65535)
    key: str = Field(min_length=1)
    secret: str = Field(min_length=32)


class Settings(_Frozen):
    """Everything one node needs to know of itself."""

    node: str = Field(pattern="^[A-Z]{2}[A-Z0-9-]*$")
    jurisdiction: str = Field(pattern="^[A-Z]{2}$")
    name: str
    origin: str
    host: str = "127.0.0.1"
    port: int = Field(ge=0, le=65535)
    sample: bool = False
    media: MediaSettings

    @field_validator("origin")
    @classmethod
    def _is_an_origin(cls, origin: str) -> str:
        parts = urlsplit(origin)
        if origin != f"{parts.scheme}://{parts.netloc}" or not parts.hostname:
            raise ValueError("write the origin as scheme://host[:port], with nothing after it")
        local = parts.hostname.endswith(".localhost") or parts.hostname in ("localhost", "127.0.0.1", "::1")
        if parts.scheme != "https" and not (parts.scheme == "http" and local):
            raise ValueError("an origin is https; http only for names that end in .localhost, or loopback")
        return origin

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """Read a TOML file. Raises OSError, tomllib.TOMLDecodeError or pydantic.ValidationError."""
        return cls.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
