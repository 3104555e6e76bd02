"""Writes the settings of the demo's nodes, each in a folder of its own, and keeps what is already there."""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from telemed import schema
from telemed.config import MediaSettings, Settings
from telemed.crypto.keyring import FileKeyRing
from telemed.db import Database

NAMES = {"KE": "Kenya (sample)", "CN": "China (sample)", "IT": "Italy (sample)"}


def prepare(var: Path, ports: Mapping[str, int]) -> dict[Path, Settings]:
    """Make every node's folder and settings under `var`; a second time keeps the keys and takes the ports given.

    Returns:
        Each node's settings by the path of their file.
    """
    return {path: _settled(path, node, port) for node, port in ports.items() for path in [_file(var, node)]}


async def migrate(settings: Settings) -> None:
    """Bring a node's database to the newest migration."""
    database = Database(settings.database_url)
    try:
        await schema.upgrade(database)
    finally:
        await database.close()


def _file(var: Path, node: str) -> Path:
    return var / node.lower() / "settings.toml"


def _settled(path: Path, node: str, port: int) -> Settings:
    secret = Settings.from_file(path).media.secret if path.exists() else secrets.token_urlsafe(32)
    settings = Settings(
        node=node,
        jurisdiction=node,
        name=NAMES[node],
        origin=f"http://{node.lower()}.localhost:{port}",
        port=port,
        sample=True,
        folder=path.parent.resolve(),
        media=MediaSettings(udp_port=port, key=f"{node.lower()}-media", secret=secret),
    )
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write_whole(path, _toml(settings))
    if not settings.path(settings.key_ring).exists():
        FileKeyRing.create(settings.path(settings.key_ring))
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
            "",
            "[media]",
            f"udp_port = {settings.media.udp_port}",
            f'key = "{settings.media.key}"',
            f'secret = "{settings.media.secret}"',
            "",
        ]
    )


def _write_whole(path: Path, text: str) -> None:
    # Beside it first and then renamed: a demo killed half way leaves the old file or the new one.
    beside = path.with_suffix(".new")
    beside.unlink(missing_ok=True)
    with os.fdopen(os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    beside.rename(path)
