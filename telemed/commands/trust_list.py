"""`telemed trust-list`: makes the root key, signs the list of nodes with it, and shows a list."""

import argparse
from datetime import timedelta
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from telemed.clock import system_clock
from telemed.commands.terminal import Commands, FileUnusable, named, say, text_of
from telemed.federation import trust_list
from telemed.federation.keys import SigningKey
from telemed.federation.trust_list import TrustedNode, TrustList
from telemed.files import write_whole

LIFE_DAYS = 90
MAX_LIFE_DAYS = 400
"""A list lives little more than a year at most: a node that nobody looks after stops being trusted by itself."""

_NODES = TypeAdapter(tuple[TrustedNode, ...])


def add_command(commands: Commands) -> None:
    """Add `trust-list` to the command line."""
    deeds = commands.add_parser("trust-list", help="make the root key; sign and show trust lists").add_subparsers(
        required=True
    )
    root = deeds.add_parser("make-root", help="make the root key, on a machine that is no node")
    root.add_argument("--key", type=Path, required=True, help="the new key's file")
    root.set_defaults(run=_make_root)
    sign = deeds.add_parser("sign", help="sign a list, with a higher version than the last")
    sign.add_argument("--key", type=Path, required=True, help="the root key's file")
    sign.add_argument("--nodes", type=Path, required=True, help="a JSON array of what make-keys prints")
    sign.add_argument("--out", type=Path, required=True, help="the list's file; the last one may be there")
    sign.add_argument("--days", type=_days, default=LIFE_DAYS, help="how long it is valid")
    sign.set_defaults(run=_sign)
    show = deeds.add_parser("show", help="check a list's signature and print it")
    show.add_argument("file", type=Path)
    show.add_argument("--root", required=True, help="the root's public key, as make-root printed it")
    show.set_defaults(run=_show)


def _days(text: str) -> int:
    if not 0 < (days := int(text)) <= MAX_LIFE_DAYS:
        raise argparse.ArgumentTypeError(f"1 to {MAX_LIFE_DAYS} days")
    return days


def _make_root(arguments: argparse.Namespace) -> int:
    root = SigningKey.create(arguments.key)
    say(f'trust_root = "{root.public}"')
    return 0


def _sign(arguments: argparse.Namespace) -> int:
    root = SigningKey.open(arguments.key)
    version = _last_version(arguments.out, root) + 1
    try:
        nodes = _NODES.validate_json(text_of(arguments.nodes))
        signed = trust_list.make(nodes, version=version, now=system_clock(), life=timedelta(days=arguments.days))
    except ValidationError as wrong:
        raise FileUnusable(f"{arguments.nodes} needs another look:", fields=named(wrong)) from wrong
    write_whole(arguments.out, trust_list.sign(signed, root))
    say(f"{arguments.out}: version {version}, {len(nodes)} nodes, until {signed.expires_at:%Y-%m-%d}.")
    return 0


def _show(arguments: argparse.Namespace) -> int:
    read = trust_list.read(text_of(arguments.file), root=arguments.root)
    say(read.model_dump_json(indent=2))
    return 0 if system_clock() < read.expires_at else _expired(read)


def _expired(read: TrustList) -> int:
    say(f"It expired on {read.expires_at:%Y-%m-%d}: no node accepts it any more; sign a new one.")
    return 1


def _last_version(path: Path, root: SigningKey) -> int:
    # An expired list counts too: its successor must still be higher.
    return trust_list.read(text_of(path), root=root.public).version if path.exists() else 0
