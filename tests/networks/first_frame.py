"""`python -m tests.networks.first_frame 3g`: how long somebody behind a link waits for the first picture of a call."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median, quantiles

from playwright.async_api import Error

from tests.conformance.conftest import Server, build_page, new_room
from tests.networks import servers
from tests.networks.calling import join, two_pages
from tests.networks.measure import PATIENCE_MS
from tests.networks.namespace import behind
from tests.networks.profiles import PROFILES
from tests.networks.tunnels import missing

PAUSE_SECONDS = 1.0
"""Until what came before is taken down on both sides of the link."""
OPTIONS = {"videoCaptureDefaults": {"resolution": {"width": 320, "height": 180, "frameRate": 20}}}

_PAINT = """([url, token, patience]) =>
  firstFrame(url, token, { peerConnectionTimeout: patience, websocketTimeout: patience }, patience)"""


async def measure(profile: str, joins: int, seed: int) -> dict[str, list[float]]:
    """Milliseconds from connect() to the first painted frame, by server; they take turns on one link."""
    waits: dict[str, list[float]] = {"ours": [], "livekit": []}
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        link = await stack.enter_async_context(behind(profile, seed=seed))
        urls = {
            "ours": await stack.enter_async_context(servers.ours(link.here, folder)),
            "livekit": await stack.enter_async_context(servers.livekit(link.here, folder)),
        }
        phone, desk = await stack.enter_async_context(two_pages(link, folder))
        rooms = {name: Server(url, None, new_room()) for name, url in urls.items()}
        for name, room in rooms.items():
            await join(desk, name, room.url, room.token("desk"), OPTIONS)
            await desk.evaluate("name => rooms.get(name).localParticipant.setCameraEnabled(true)", name)
        for number in range(joins + 1):
            for name, room in rooms.items():
                await asyncio.sleep(PAUSE_SECONDS)
                try:
                    ms = await phone.evaluate(_PAINT, [room.url, room.token(f"phone-{number}"), PATIENCE_MS])
                except Error as problem:
                    sys.stderr.write(f"{profile}, {name}: {problem.message.splitlines()[0]}\n")
                    ms = float(PATIENCE_MS)
                # The first warms all sides up.
                if number:
                    waits[name].append(ms)
    return waits


def main() -> None:
    """Read the arguments, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("profiles", nargs="+", choices=PROFILES)
    parser.add_argument("--joins", type=int, default=9)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    if reason := missing():
        sys.stdout.write(f"Skipped: {reason}.\n")
        return
    build_page()
    for profile in arguments.profiles:
        waits = asyncio.run(measure(profile, arguments.joins, arguments.seed))
        for name, found in waits.items():
            low, _, high = quantiles(found, n=4)
            sys.stdout.write(f"{profile}, {name}: {median(found):.0f} ms ({low:.0f} to {high:.0f})\n")
        ours, livekit = (median(found) for found in waits.values())
        sys.stdout.write(f"{profile}: ours / LiveKit's {ours / livekit:.2f}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
