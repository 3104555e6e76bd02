"""`telemed verify-audit`: whether a node's audit chain is as it was written."""

import argparse
import asyncio
from collections.abc import Collection
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from telemed.audit import chain
from telemed.audit.chain import ChainBroken, Verified
from telemed.clock import system_clock
from telemed.commands.database import opened
from telemed.commands.terminal import Commands, add_settings, say, settings_of
from telemed.config import Settings
from telemed.errors import Invalid
from telemed.federation import keys
from telemed.federation.keys import SigningKey

SIGNED_WITHIN = timedelta(minutes=10)
"""A node that runs signs the chain's end each minute."""


def add_command(commands: Commands) -> None:
    """Add `verify-audit` to the command line."""
    verify = commands.add_parser("verify-audit", help="check that no row of a node's audit chain was changed")
    add_settings(verify)
    verify.add_argument(
        "--key", action="append", default=[], metavar="PUBLIC", help="a public key that the node signed with before"
    )
    verify.set_defaults(run=_verify)


def _verify(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    signing_key = SigningKey.open(settings.path(settings.signing_key))
    public = [signing_key.private.public_key(), *map(_public_key, arguments.key)]
    found = asyncio.run(_walk(settings, public))
    _require_signed(found, system_clock())
    unsigned = "" if found.unsigned_since is None else " The newest are not signed yet."
    say(f"{settings.node}: {found.rows} rows of the audit chain are as they were written.{unsigned}")
    return 0


def _public_key(text: str) -> Ed25519PublicKey:
    try:
        return keys.public_key(text)
    except ValueError as wrong:
        raise Invalid(f"{text} is no public key; write it as make-keys prints it.") from wrong


async def _walk(settings: Settings, public: Collection[Ed25519PublicKey]) -> Verified:
    async with opened(settings) as database, database.read() as session:
        return await chain.verify(session, public)


def _require_signed(found: Verified, now: datetime) -> None:
    since = found.unsigned_since
    if since is not None and now - since > SIGNED_WITHIN:
        raise ChainBroken(
            f"The chain's rows fit, but those since {since:%Y-%m-%d %H:%M} UTC are signed by no checkpoint. Unless the "
            "node stopped then, signatures were taken out: keep a copy before it runs again and signs what it finds."
        )
