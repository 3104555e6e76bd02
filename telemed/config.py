"""A node's settings, read from one TOML file and never from a global."""

import tomllib
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError
from yarl import URL

from telemed.directory.licence_rules import SAMPLE

BUILT_PAGE = Path(__file__).parent.parent / "web" / "dist"
"""Where `make setup` builds the page."""
DRIVERS = ("postgresql+asyncpg", "sqlite+aiosqlite")
"""The two databases, each with the driver that is installed."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _is_one(address: str) -> bool:
    try:
        return not ip_address(address).is_unspecified
    except ValueError:
        return False


def _one_address(address: str) -> str:
    if not _is_one(address):
        raise ValueError("write an address at which browsers reach the node, such as 192.0.2.7; no name, nor 0.0.0.0")
    return address


class MediaSettings(_Frozen):
    """The embedded media server: where calls arrive, and the key pair that signs their tokens."""

    udp_port: int = Field(ge=0, le=65535)
    node_ips: tuple[Annotated[str, AfterValidator(_one_address)], ...] = Field(
        (), description="addresses that browsers are told to send calls to; none means `host`"
    )
    key: str = Field(min_length=1)
    secret: str = Field(min_length=32)


class Limits(_Frozen):
    """How much may be open at once, so that nobody takes a calendar away from everybody else."""

    bookings_per_patient: int = Field(3, ge=1, description="bookings that are not settled yet")
    visits_per_patient: int = Field(20, ge=1, description="confirmed visits that lie ahead")
    holds_per_node: int = Field(200, ge=1, description="unconfirmed holds of one peer in this node's calendar")
    visits_per_node: int = Field(5_000, ge=1, description="confirmed visits of one peer that lie ahead")


class Settings(_Frozen):
    """Everything one node needs to know of itself. Relative paths begin at the folder of the settings file."""

    node: str = Field(pattern="^[A-Z]{2}[A-Z0-9-]*$")
    jurisdiction: str = Field(pattern="^[A-Z]{2}$")
    name: str
    origin: str
    host: str = "127.0.0.1"
    port: int = Field(ge=0, le=65535)
    behind_proxy: bool = Field(
        default=False, description="a proxy is in front, and writes the caller last in X-Forwarded-For"
    )
    sample: bool = False
    media: MediaSettings
    folder: Path = Path()
    database: str | None = Field(None, description="SQLAlchemy URL; None is SQLite in the folder")
    key_ring: Path = Path("key-ring.json")
    signing_key: Path = Path("signing-key.pem")
    trust_list: Path = Path("trust-list.jws")
    trust_root: str | None = Field(None, description="the public key that signs trust lists, pinned")
    page: Path = BUILT_PAGE
    licence_rules: Path = SAMPLE
    pull_every_s: float = Field(5.0, gt=0, description="how often peers' directories are pulled")
    hold_minutes: int = Field(3, ge=1, le=15)
    limits: Limits = Limits()

    @field_validator("origin")
    @classmethod
    def _is_an_origin(cls, origin: str) -> str:
        parts = urlsplit(origin)
        if origin != f"{parts.scheme}://{parts.netloc}" or not parts.hostname:
            raise ValueError("write the origin as scheme://host[:port], with nothing after it")
        # What a browser sends is compared with it.
        if origin != (sent := str(URL(origin).origin())):
            raise ValueError(f"write the origin as browsers do: {sent}")
        local = parts.hostname.endswith(".localhost") or parts.hostname in ("localhost", "127.0.0.1", "::1")
        if parts.scheme != "https" and not (parts.scheme == "http" and local):
            raise ValueError("an origin is https; http only for names that end in .localhost, or loopback")
        return origin

    @field_validator("database")
    @classmethod
    def _has_a_driver(cls, database: str | None) -> str | None:
        try:
            is_usable = database is None or make_url(database).drivername in DRIVERS
        except (ArgumentError, ValueError):
            is_usable = False
        if not is_usable:
            raise ValueError(f"write a URL that begins with {' or '.join(f'{driver}://' for driver in DRIVERS)}")
        return database

    @field_validator("media")
    @classmethod
    def _says_where_calls_arrive(cls, media: MediaSettings, info: ValidationInfo) -> MediaSettings:
        # A host that is wrong itself is named apart.
        if not media.node_ips and not _is_one(info.data.get("host", "127.0.0.1")):
            raise ValueError(
                'write node_ips = ["..."] in the section [media], the addresses of this machine at which browsers '
                "reach it, because host is not a single address"
            )
        return media

    @property
    def node_ips(self) -> tuple[str, ...]:
        """The addresses at which calls arrive."""
        return self.media.node_ips or (self.host,)

    @property
    def database_url(self) -> str:
        """The database's SQLAlchemy URL with an asynchronous driver."""
        return self.database or f"sqlite+aiosqlite:///{self.folder / 'node.sqlite'}"

    def inside(self, path: str) -> str:
        """The URL of a path for this process itself: where it listens, whatever the origin's name leads to."""
        return str(URL.build(scheme="http", host=self.host, port=self.port, path=path))

    def path(self, name: Path) -> Path:
        """A path of these settings as it is meant: relative ones from the folder."""
        return self.folder / name

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """Read a TOML file. Raises OSError, tomllib.TOMLDecodeError or pydantic.ValidationError."""
        read = tomllib.loads(path.read_text(encoding="utf-8"))
        return cls.model_validate({"folder": path.resolve().parent, **read})
