"""`python -m tests.networks.measure edge ours 1`: one call over one link, measured, as a line of JSON."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from playwright.async_api import Error, Page

from tests.conformance.conftest import Server, new_room
from tests.networks import servers
from tests.networks.calling import join, received, two_pages
from tests.networks.figures import Run, difference
from tests.networks.namespace import FarSide, behind

SERVERS = ("ours", "ours+ptime", "livekit")
PTIME_MS = {"gprs": 120, "edge": 60}
"""How long sound packets are asked to be where that is measured too."""
SETTLE_SECONDS = 12.0
MEASURE_SECONDS = 25.0
PATIENCE_MS = 40_000
"""For a connection and for the first sound: on GPRS a description takes seconds, several times."""


def _publishing(width: int, height: int, frames: int, video_bps: int, audio_bps: int) -> dict[str, Any]:
    """Options for livekit-client's Room."""
    resolution = {"width": width, "height": height, "frameRate": frames}
    return {
        "dynacast": True,
        "videoCaptureDefaults": {"resolution": resolution},
        "publishDefaults": {
            "videoEncoding": {"maxBitrate": video_bps, "maxFramerate": frames},
            "audioPreset": {"maxBitrate": audio_bps},
            # Silence is sent too, or how much was concealed would depend on how much was said.
            "dtx": False,
        },
    }


PUBLISHING = {
    "gprs": _publishing(320, 180, 10, 60_000, 8_000),
    "edge": _publishing(320, 180, 15, 120_000, 12_000),
    "slow3g": _publishing(640, 360, 20, 450_000, 24_000),
    "3g": _publishing(640, 360, 20, 450_000, 24_000),
    "lossy4g": _publishing(640, 360, 20, 450_000, 48_000),
}
"""What a page would send that knows its network: the voice small enough to fit, the picture perhaps not."""


async def _call(url: str, profile: str, pages: dict[str, Page]) -> dict[str, dict[str, float]]:
    """Both join and publish, settle, and are measured. Raises playwright's Error when they cannot join."""
    server = Server(url, None, new_room())
    patience = {"peerConnectionTimeout": PATIENCE_MS, "websocketTimeout": PATIENCE_MS}
    for name, page in pages.items():
        await join(page, name, url, server.token(name), PUBLISHING[profile], **patience)
        await page.evaluate("name => rooms.get(name).localParticipant.enableCameraAndMicrophone()", name)
    await pages["phone"].wait_for_function(
        "received('phone').then(found => found['desk/microphone']?.packetsReceived > 0)"
    )
    await asyncio.sleep(SETTLE_SECONDS)
    before = {name: await _of_the_other(page, name) for name, page in pages.items()}
    began = time.monotonic()
    await asyncio.sleep(MEASURE_SECONDS)
    after = {name: await _of_the_other(page, name) for name, page in pages.items()}
    seconds = time.monotonic() - began
    return {name: difference(before[name], after[name], seconds) for name in pages}


async def _of_the_other(page: Page, name: str) -> dict[str, Any]:
    return {key.partition("/")[2]: found for key, found in (await received(page, name)).items()}


async def measure(profile: str, server: str, seed: int) -> Run:
    """One call from beginning to end; the seed is that of the link."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        link = await stack.enter_async_context(behind(profile, seed=seed))
        url = await stack.enter_async_context(_serving(server, profile, link, folder))
        inside, outside = await stack.enter_async_context(two_pages(link, folder))
        for page in (inside, outside):
            page.set_default_timeout(PATIENCE_MS)
        try:
            sides = await _call(url, profile, {"desk": outside, "phone": inside})
        except Error as problem:
            sys.stderr.write(f"{profile}, {server}: {problem.message.splitlines()[0]}\n")
            nothing = difference({}, {}, MEASURE_SECONDS)
            sides = {"desk": nothing, "phone": nothing}
    return Run(profile, server, seed, sides)


def _serving(server: str, profile: str, link: FarSide, folder: Path) -> Any:
    if server == "livekit":
        return servers.livekit(link.here, folder)
    return servers.ours(link.here, folder, ptime_ms=PTIME_MS.get(profile, 0) if server == "ours+ptime" else 0)


def main() -> None:
    """Read the arguments, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("profile", choices=PUBLISHING)
    parser.add_argument("server", choices=SERVERS)
    parser.add_argument("seed", type=int)
    arguments = parser.parse_args()
    run = asyncio.run(measure(arguments.profile, arguments.server, arguments.seed))
    sys.stdout.write(json.dumps(dataclasses.asdict(run)) + "\n")


if __name__ == "__main__":
    main()
