"""The demo's processes start, are announced, are reported when they die, and are all stopped."""

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

from telemed.demo.watch import Child, watch
from tests.nodes import free_port

NODE = """
import http.server, os, pathlib, sys
class Healthy(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        assert self.headers["Host"] == sys.argv[2], self.headers["Host"]
        self.send_response(200); self.end_headers()
    def log_message(self, *_): pass
server = http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Healthy)
print("pid", os.getpid(), flush=True)
server.serve_forever()
"""
DEAF = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + NODE
BROKEN = "import sys; print('no key ring'); sys.exit(3)"


def child(folder: Path, name: str, program: str) -> Child:
    port = free_port()
    host = f"{name.lower()}.localhost:{port}"
    return Child(name, (sys.executable, "-c", program, str(port), host), f"http://{host}", port, folder / f"{name}.log")


def pid_of(one: Child) -> int:
    return int(one.log.read_text().split()[1])


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


async def test_each_node_is_announced_and_all_stop_when_asked(tmp_path: Path) -> None:
    children = [child(tmp_path, name, NODE) for name in ("KE", "CN")]
    said: list[str] = []
    stop = asyncio.Event()
    assert await watch(children, stop=stop, all_ready=stop.set, say=said.append) == 0
    assert sorted(said) == sorted(f"ready {one.name} {one.origin}" for one in children)
    assert all(is_gone(pid_of(one)) for one in children)


async def test_a_node_that_ignores_the_signal_is_killed_within_five_seconds(tmp_path: Path) -> None:
    deaf = child(tmp_path, "KE", DEAF)
    stop = asyncio.Event()
    asked_at = 0.0

    def ask() -> None:
        nonlocal asked_at
        asked_at = time.monotonic()
        stop.set()

    assert await watch([deaf], stop=stop, all_ready=ask, say=lambda _: None) == 0
    assert time.monotonic() - asked_at < 5
    assert is_gone(pid_of(deaf))


async def test_a_node_that_cannot_start_is_reported_and_the_others_stop(tmp_path: Path) -> None:
    children = [child(tmp_path, "KE", NODE), child(tmp_path, "CN", BROKEN)]
    said: list[str] = []
    assert await watch(children, stop=asyncio.Event(), all_ready=lambda: None, say=said.append) == 1
    report = "\n".join(said)
    assert "CN ended with code 3" in report
    assert "no key ring" in report


async def test_a_death_is_reported_and_the_other_node_lives_on(tmp_path: Path) -> None:
    victim, other = child(tmp_path, "KE", NODE), child(tmp_path, "CN", NODE)
    stop = asyncio.Event()
    said: list[str] = []

    def say(line: str) -> None:
        said.append(line)
        if "SIGKILL" in line:
            assert not is_gone(pid_of(other))
            stop.set()

    def kill() -> None:
        os.kill(pid_of(victim), signal.SIGKILL)

    assert await watch([victim, other], stop=stop, all_ready=kill, say=say) == 0
    assert any("KE was ended by signal SIGKILL" in line for line in said)
    assert is_gone(pid_of(other))
