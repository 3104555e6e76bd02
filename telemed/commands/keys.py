"""`telemed make-keys`: a node's key ring and signing key, made where they are missing and never written over."""

import argparse
import sys

from telemed.commands.terminal import Commands, add_settings, say, settings_of
from telemed.crypto.keyring import FileKeyRing
from telemed.federation.keys import SigningKey
from telemed.federation.trust_list import TrustedNode


def add_command(commands: Commands) -> None:
    """Add `make-keys` to the command line."""
    make = commands.add_parser(
        "make-keys", help="make a node's keys where missing; prints its entry for the trust list"
    )
    add_settings(make)
    make.set_defaults(run=_make_keys)


def _make_keys(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    ring, key = settings.path(settings.key_ring), settings.path(settings.signing_key)
    if ring.exists():
        FileKeyRing.open(ring)
    else:
        FileKeyRing.create(ring)
        _note(f"Made the key ring {ring}. Whoever has it reads every record; without it nobody does: keep a copy safe.")
    if not key.exists():
        SigningKey.create(key)
        _note(f"Made the signing key {key}. Give the line below to whoever signs the trust list.")
    entry = TrustedNode(
        id=settings.node,
        jurisdiction=settings.jurisdiction,
        origin=settings.origin,
        keys=(SigningKey.open(key).public,),
    )
    say(entry.model_dump_json())
    return 0


def _note(line: str) -> None:
    # Beside the output, which is for a file.
    sys.stderr.write(line + "\n")
