"""Writes the settings of the demo's nodes, each in a folder of its own, and keeps what is already there."""

import fcntl
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from telemed import schema
from telemed.commands.terminal import read_settings
from telemed.config import MediaSettings, Settings
from telemed.crypto.keyring import FileKeyRing
from telemed.errors import Conflict
from telemed.federation.keys import SigningKey
from telemed.files import write_whole

NAMES = {"KE": "Kenya (sample)", "CN": "China (sample)", "IT": "Italy (sample)"}


class AlreadyRunning(Conflict):
    """Another demo runs on the same files."""

    code = "demo-running"


@contextmanager
def alone(var: Path) -> Iterator[None]:
    """Keep other demos off `var`; the system lets them in again however this process ends. Raises AlreadyRunning."""
    var.mkdir(parents=True, exist_ok=True)
    with (var / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning(
                f"Another demo runs on {var}/; stop that one, or give this one files of its own with --var and --ports."
            ) from None
        yield


def prepare(var: Path, ports: Mapping[str, int]) -> dict[Path, Settings]:
    """Make every node's folder and settings under `var`; a second time keeps the keys and takes the ports given.

    Returns:
        Each node's settings by the path of their file.
    """
    root = root_key(var)
    return {
        path: _settled(path, node, port, root.public) for node, port in ports.items() for path in [_file(var, node)]
    }


async def migrate(settings: Settings) -> None:
    """Bring a node's database to the newest migration."""
    await schema.migrate(settings.database_url)


def root_key(var: Path) -> SigningKey:
    """The key that signs the demo's trust lists, in a folder that no node reads; made at the first start."""
    path = var / "root" / "root-key.pem"
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return SigningKey.open(path) if path.exists() else SigningKey.create(path)


def _file(var: Path, node: str) -> Path:
    return var / node.lower() / "settings.toml"


def _settled(path: Path, node: str, port: int, root: str) -> Settings:
    secret = read_settings(path).media.secret if path.exists() else secrets.token_urlsafe(32)
    settings = Settings(
        node=node,
        jurisdiction=node,
        name=NAMES[node],
        origin=f"http://{node.lower()}.localhost:{port}",
        port=port,
        sample=True,
        folder=path.parent.resolve(),
        trust_root=root,
        media=MediaSettings(udp_port=port, key=f"{node.lower()}-media", secret=secret),
    )
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_whole(path, _toml(settings))
    if not settings.path(settings.key_ring).exists():
        FileKeyRing.create(settings.path(settings.key_ring))
    if not settings.path(settings.signing_key).exists():
        SigningKey.create(settings.path(settings.signing_key))
    return settings


def _toml(settings: Settings) -> str:
    return "\n".join(
        [
            "# Written by `telemed demo`; a sample, not a template for a hospital.",
            f'node = "{settings.node}"',
            f'jurisdiction = "{settings.jurisdiction}"',
            f'name = "{settings.name}"',
            f'origin = "{settings.origin}"',
            f"port = {settings.port}",
            f"sample = {str(settings.sample).lower()}",
            f'trust_root = "{settings.trust_root}"',
            "",
            "[media]",
            f"udp_port = {settings.media.udp_port}",
            f'key = "{settings.media.key}"',
            f'secret = "{settings.media.secret}"',
            "",
        ]
    )
