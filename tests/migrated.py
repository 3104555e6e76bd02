"""Databases at the newest migration: migrated once a run, then copied, because every test wants one of its own."""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import asyncpg

from telemed import schema

_SCRATCH = TemporaryDirectory(prefix="telemed-migrated-")
_TEMPLATE = Path(_SCRATCH.name) / "node.sqlite"
_TEMPLATE_NAME = "migrated"
_prepared: set[str] = set()


async def new_sqlite(path: Path) -> str:
    """The URL of a new migrated SQLite database at `path`."""
    if "sqlite" not in _prepared:
        await schema.migrate(f"sqlite+aiosqlite:///{_TEMPLATE}")
        _prepared.add("sqlite")
    shutil.copyfile(_TEMPLATE, path)
    return f"sqlite+aiosqlite:///{path}"


async def new_postgresql(socket: str) -> str:
    """The URL of a new migrated database of the cluster behind the socket."""
    if socket not in _prepared:
        await schema.migrate(await empty_postgresql(socket, _TEMPLATE_NAME))
        _prepared.add(socket)
    return await empty_postgresql(socket, f"t{uuid4().hex}", f"TEMPLATE {_TEMPLATE_NAME}")


async def empty_postgresql(socket: str, name: str, options: str = "") -> str:
    """The URL of a new database of that name."""
    admin = await asyncpg.connect(host=socket, user="postgres", database="postgres")  # type: ignore[no-untyped-call]
    await admin.execute(f"CREATE DATABASE {name} {options}")
    await admin.close()
    return f"postgresql+asyncpg://postgres@/{name}?host={socket}"
