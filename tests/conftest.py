"""What tests share: a real database, SQLite and PostgreSQL in turn, and a clock that they set."""

import logging
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings

from telemed.db import Database
from tests.migrated import empty_postgresql, new_postgresql, new_sqlite

# Hypothesis takes a busy machine for a slow function.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

POSTGRESQL = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


class SetClock:
    """A clock that stands until it is moved."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, span: timedelta) -> None:
        self.now += span


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """A program that a test runs in this process sets up logging for all of it; the next test finds nothing of that."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def clock() -> SetClock:
    return SetClock(datetime(2026, 11, 24, 8, tzinfo=UTC))


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The folder of the socket of a temporary cluster; as root it runs under the user postgres."""
    if not POSTGRESQL:
        pytest.skip("PostgreSQL is not installed")
    folder = Path(tempfile.mkdtemp(prefix="telemed-pg-"))
    try:
        if _is_root():
            shutil.chown(folder, "postgres")
        _as_postgres("initdb", "-D", f"{folder}/data", "-A", "trust", "-U", "postgres", "--no-sync")
        options = f"-k {folder} -c listen_addresses='' -c fsync=off"
        _as_postgres("pg_ctl", "-D", f"{folder}/data", "-w", "-o", options, "-l", f"{folder}/log", "start")
        try:
            yield str(folder)
        finally:
            _as_postgres("pg_ctl", "-D", f"{folder}/data", "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
async def empty_database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    """A database without a table."""
    if request.param == "sqlite":
        url = f"sqlite+aiosqlite:///{tmp_path}/node.sqlite"
    else:
        url = await empty_postgresql(request.getfixturevalue("postgresql"), f"t{uuid4().hex}")
    database = Database(url)
    yield database
    await database.close()


@pytest.fixture(params=["sqlite", "postgresql"])
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    """A database at the newest migration."""
    if request.param == "sqlite":
        url = await new_sqlite(tmp_path / "node.sqlite")
    else:
        url = await new_postgresql(request.getfixturevalue("postgresql"))
    database = Database(url)
    yield database
    await database.close()


@pytest.fixture(params=["sqlite", "postgresql"])
async def databases(request: pytest.FixtureRequest) -> dict[str, str]:
    """A database's URL for each node of a federation; none where its own SQLite file is meant."""
    if request.param == "sqlite":
        return {}
    socket = request.getfixturevalue("postgresql")
    return {node: await new_postgresql(socket) for node in ("KE", "CN", "IT")}


def _as_postgres(program: str, *arguments: str) -> None:
    command = [str(POSTGRESQL[-1] / program), *arguments]
    if _is_root():
        command = ["runuser", "-u", "postgres", "--", *command]
    subprocess.run(command, check=True, capture_output=True, cwd="/")


def _is_root() -> bool:
    return Path("/proc/self").stat().st_uid == 0
