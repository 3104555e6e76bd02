"""The `telemed` command: `serve` runs one node, `demo` a federation of three on this machine."""

import argparse
import asyncio
import signal
import sys
import tomllib
from pathlib import Path

import uvloop
from pydantic import ValidationError

from telemed.app import start
from telemed.config import Settings
from telemed.demo import federation
from telemed.errors import TelemedError


def main() -> None:
    """Run the command that the arguments name."""
    parser = argparse.ArgumentParser(prog="telemed", description=__doc__)
    commands = parser.add_subparsers(required=True)
    serve = commands.add_parser("serve", help="run one node")
    serve.add_argument("--settings", type=Path, required=True, help="the node's settings, a TOML file")
    serve.set_defaults(run=_serve)
    federation.add_command(commands)
    arguments = parser.parse_args()
    sys.exit(arguments.run(arguments))


def _serve(arguments: argparse.Namespace) -> int:
    try:
        settings = Settings.from_file(arguments.settings)
    except (OSError, tomllib.TOMLDecodeError, ValidationError) as problem:
        sys.stderr.write(f"{arguments.settings}: {problem}\n")
        return 2
    try:
        uvloop.run(_until_signalled(settings))
    except OSError as problem:
        sys.stderr.write(f"{settings.node} cannot listen: {problem}\n")
        return 2
    except TelemedError as problem:
        sys.stderr.write(f"{settings.node}: {problem.detail}\n")
        return 2
    return 0


async def _until_signalled(settings: Settings) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    runner = await start(settings)
    try:
        await stop.wait()
    finally:
        await runner.cleanup()


if __name__ == "__main__":
    main()
