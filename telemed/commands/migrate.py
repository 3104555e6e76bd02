"""`telemed migrate`: brings a node's database to the newest migration."""

import argparse
import asyncio

from telemed import schema
from telemed.commands.terminal import Commands, add_settings, say, settings_of


def add_command(commands: Commands) -> None:
    """Add `migrate` to the command line."""
    migrate = commands.add_parser("migrate", help="bring a node's database to the newest migration")
    add_settings(migrate)
    migrate.set_defaults(run=_migrate)


def _migrate(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    asyncio.run(schema.migrate(settings.database_url))
    say(f"{settings.node}: the database is at the newest migration.")
    return 0
