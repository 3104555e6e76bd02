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
    serve.add_argument(
        "--until-stdin-ends", action="store_true", help="stop when standard input ends, as when its other side dies"
    )
    serve.set_defaults(run=_serve)


def _serve(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    logs.to_stdout()
    try:
        uvloop.run(_until_signalled(settings, also_by_stdin=arguments.until_stdin_ends))
    except OSError as problem:
        sys.stderr.write(f"{settings.node} cannot listen: {problem}\n")
        return 2
    return 0


async def _until_signalled(settings: Settings, *, also_by_stdin: bool) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)

    def stdin_ended() -> None:
        loop.remove_reader(sys.stdin)
        stop.set()

    if also_by_stdin:
        loop.add_reader(sys.stdin, stdin_ended)
    runner = await start(settings)
    memory.settle()
    logger.info("the node answers", extra={"node": settings.node, "origin": settings.origin})
    try:
        await stop.wait()
    finally:
        await runner.cleanup()
    logger.info("the node has stopped", extra={"node": settings.node})
