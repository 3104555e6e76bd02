"""`telemed serve`: runs one node until it is told to stop."""

import argparse
import asyncio
import logging
import signal
import sys

import uvloop

from signaling import memory
from telemed import logs
from telemed.app import start
from telemed.commands.terminal import Commands, add_settings, settings_of
from telemed.config import Settings

logger = logging.getLogger(__name__)


def add_command(commands: Commands) -> None:
    """Add `serve` to the command line."""
    serve = commands.add_parser("serve", help="run one node")
    add_settings(serve)
    serve.set_defaults(run=_serve)


def _serve(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    logs.to_stdout()
    try:
        uvloop.run(_until_signalled(settings))
    except OSError as problem:
        sys.stderr.write(f"{settings.node} cannot listen: {problem}\n")
        return 2
    return 0


async def _until_signalled(settings: Settings) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    runner = await start(settings)
    memory.settle()
    logger.info("the node answers", extra={"node": settings.node, "origin": settings.origin})
    try:
        await stop.wait()
    finally:
        await runner.cleanup()
    logger.info("the node has stopped", extra={"node": settings.node})
