"""The node's database as a command opens it: refused where a migration is missing, closed at the end."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from telemed import schema
from telemed.config import Settings
from telemed.db import Database


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Database]:
    """The database that the settings name. Raises SchemaBehind."""
    database = Database(settings.database_url)
    try:
        await schema.require_newest(database)
        yield database
    finally:
        await database.close()
