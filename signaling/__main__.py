"""`python -m signaling --dev` or `python -m signaling --config file`: the media server alone."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
import tomllib
import warnings
from pathlib import Path

import uvloop
from aiohttp import web
from pydantic import ValidationError
from yarl import URL

from signaling import memory
from signaling.app import MAX_LINE_BYTES, SESSIONS, create_app
from signaling.config import Settings
from signaling.operation.access_log import PathLogger
from signaling.operation.logs import JsonLines, is_news


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m signaling", description=__doc__)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--dev", action="store_true", help="loopback only, key devkey, secret secret")
    source.add_argument("--config", type=Path, help="a TOML file")
    parser.add_argument("--port", type=int, help="instead of the settings' port; 0 takes any")
    return parser.parse_args()


async def serve(settings: Settings) -> None:
    """Run until SIGINT or SIGTERM."""
    app = create_app(settings)
    runner = web.AppRunner(
        app,
        max_line_size=MAX_LINE_BYTES,
        max_field_size=MAX_LINE_BYTES,
        access_log_class=PathLogger,
        access_log=logging.getLogger("signaling.access"),
        shutdown_timeout=2.0,
    )
    await runner.setup()
    site = web.TCPSite(runner, settings.bind_address, settings.port)
    await site.start()
    memory.settle()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    host, port = runner.addresses[0][:2]
    sys.stdout.write(f"ready {URL.build(scheme='http', host=host, port=port)}\n")
    sys.stdout.flush()
    await stop.wait()
    # The listener stays open meanwhile: a balancer that asks after our health must hear that we close.
    await app[SESSIONS].drain()
    await asyncio.sleep(settings.drain_seconds)
    await runner.cleanup()


def main() -> int:
    """Read the arguments and serve."""
    arguments = _arguments()
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines("signaling"))
    handler.addFilter(is_news)
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.captureWarnings(capture=True)
    if arguments.dev:
        # LiveKit's own development secret is this short; any other key should warn.
        warnings.filterwarnings("ignore", message="Key size")
    try:
        settings = Settings.dev() if arguments.dev else Settings.from_file(arguments.config)
        if arguments.port is not None:
            settings = settings.model_copy(update={"port": arguments.port})
        uvloop.run(serve(settings))
    except (OSError, tomllib.TOMLDecodeError, ValidationError) as problem:
        sys.stderr.write(f"{problem}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
