"""From connect() to the first painted frame, with livekit-client in Chromium."""

from __future__ import annotations

import functools
import http.server
import random
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from livekit import api
from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.servers import KEY, ROOT, SECRET, Running

CHROMIUM = Path("/usr/bin/chromium")
PAGE = ROOT / "tests" / "conformance" / "page"
JOINS = 9
"""Times measured on each server in a run, after one that warms all sides up."""
PAUSE_SECONDS = (0.3, 0.5)
"""Before each join, until what came before is taken down; at random, for a camera ticks, and a join in step with it
would always wait equally long."""
ROOM = "first-frame"

_PUBLISH = """async ([url, token]) => {
  await join("publisher", url, token);
  const options = { resolution: { width: 320, height: 180, frameRate: 30 } };
  await rooms.get("publisher").localParticipant.setCameraEnabled(true, options, { simulcast: false });
}"""

_PAINT = "([url, token]) => firstFrame(url, token)"


def missing() -> str:
    """Why it cannot be measured, or an empty string."""
    return "" if CHROMIUM.exists() else "Chromium is not installed"


def build() -> None:
    """Build the page of the conformance tests. Raises CalledProcessError."""
    if not (PAGE / "node_modules").exists():
        subprocess.run(["npm", "ci", "--silent"], cwd=PAGE, check=True)
    subprocess.run(["npm", "run", "--silent", "build"], cwd=PAGE, check=True)


def first_frames_ms(servers: Sequence[Running]) -> dict[str, list[float]]:
    """How long each of several people waited for the first picture of somebody who is there already, by server.

    The joins go round the servers in one browser, so that whatever disturbs the machine meets all alike. No server has
    two in a row: a page that has only just left joins more slowly.
    """
    waits: dict[str, list[float]] = {server.name: [] for server in servers}
    with _page_server() as origin, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(CHROMIUM),
            args=["--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"],
        )
        for server in servers:
            _open(browser, origin).evaluate(_PUBLISH, [server.url, _token("publisher")])
        viewers = {server.name: _open(browser, origin) for server in servers}
        for join in range(JOINS + 1):
            for server in servers:
                time.sleep(random.uniform(*PAUSE_SECONDS))
                ms = viewers[server.name].evaluate(_PAINT, [server.url, _token(f"viewer-{join}")])
                waits[server.name].append(float(ms))
        browser.close()
    return {name: found[1:] for name, found in waits.items()}


def _open(browser: Browser, origin: str) -> Page:
    page = browser.new_context(permissions=["camera", "microphone"]).new_page()
    page.goto(f"{origin}/index.html")
    return page


def _token(identity: str) -> str:
    grants = api.VideoGrants(room_join=True, room=ROOM)
    return api.AccessToken(KEY, SECRET).with_identity(identity).with_grants(grants).to_jwt()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        """Say nothing of each request."""


@contextmanager
def _page_server() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=PAGE)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
