"""The servers under load: how each is found, started on its own core, and ended."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
LIVEKIT = ROOT / "tests" / "conformance" / "livekit_server"
KEY = "benchkey"
SECRET = secrets.token_urlsafe(32)
START_SECONDS = 20.0
NICE = -15
"""What the servers and the load run at when root measures, so that other programs disturb them less."""


@dataclass(frozen=True, slots=True)
class Running:
    """A server that answers."""

    name: str
    pid: int
    url: str


@dataclass(frozen=True, slots=True)
class Server:
    """A server to compare; `is_pinned` keeps it on one core under load, as ours is by nature."""

    name: str
    text: str
    command: Callable[[Path], tuple[list[str], str]]
    missing: Callable[[], str]
    is_pinned: bool = True


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """A port of the loopback that nobody holds now."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _ours(folder: Path) -> tuple[list[str], str]:
    port, config = free_port(), folder / "media.toml"
    config.write_text(f'port = {port}\n[keys]\n{KEY} = "{SECRET}"\n', encoding="utf-8")
    return [sys.executable, "-m", "signaling", "--config", str(config)], f"ws://127.0.0.1:{port}"


def _livekit(folder: Path) -> tuple[list[str], str]:
    port, config = free_port(), folder / "livekit.yaml"
    settings = {
        "port": port,
        "bind_addresses": ["127.0.0.1"],
        # One UDP port on one address, as ours: else clients might choose another path to each server.
        "rtc": {
            "udp_port": free_port(socket.SOCK_DGRAM),
            "use_external_ip": False,
            "node_ip": "127.0.0.1",
            "enable_loopback_candidate": True,
            "ips": {"includes": ["127.0.0.1/32"]},
        },
        "keys": {KEY: SECRET},
        "logging": {"level": "warn"},
    }
    config.write_text(json.dumps(settings), encoding="utf-8")
    binary = subprocess.run([LIVEKIT], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    return [binary, "--config", str(config)], f"ws://127.0.0.1:{port}"


JANUS_PLUGINS = Path("/usr/lib/x86_64-linux-gnu/janus")


def _janus(folder: Path) -> tuple[list[str], str]:
    port, config = free_port(), folder / "janus.jcfg"
    config.write_text(
        f"""
general: {{
  configs_folder = "{folder}"
  plugins_folder = "{JANUS_PLUGINS}/plugins"
  transports_folder = "{JANUS_PLUGINS}/transports"
  session_timeout = 0
  debug_level = 2
}}
nat: {{ ice_lite = true, ice_enforce_list = "127.0.0.1" }}
plugins: {{ disable = "{_all_but("plugins", "libjanus_videoroom.so")}" }}
transports: {{ disable = "{_all_but("transports", "libjanus_websockets.so")}" }}
""",
        encoding="utf-8",
    )
    sockets = f'general: {{ ws = true, ws_port = {port}, ws_ip = "127.0.0.1" }}'
    (folder / "janus.transport.websockets.jcfg").write_text(sockets, encoding="utf-8")
    return ["janus", "-C", str(config), "-F", str(folder)], f"ws://127.0.0.1:{port}"


def _all_but(kind: str, kept: str) -> str:
    return ",".join(path.name for path in (JANUS_PLUGINS / kind).glob("*.so") if path.name != kept)


def _go_missing() -> str:
    return "" if shutil.which("go") else "Go is not installed"


def _janus_missing() -> str:
    return "" if shutil.which("janus") and JANUS_PLUGINS.exists() else "it is not installed (`apt install janus`)"


def _nothing_missing() -> str:
    return ""


SERVERS = (
    Server("ours", "ours", _ours, _nothing_missing),
    Server("livekit", "LiveKit 1.13.5", _livekit, _go_missing),
    Server("janus", "Janus of Debian", _janus, _janus_missing),
    Server("livekit-free", "LiveKit 1.13.5 on every core", _livekit, _go_missing, is_pinned=False),
)


def on_core(number: int, command: list[str]) -> list[str]:
    """The command kept on one core."""
    cores = sorted(os.sched_getaffinity(0))
    return ["taskset", "--cpu-list", str(cores[number % len(cores)]), *command]


def launch(command: list[str], **options: Any) -> subprocess.Popen[bytes]:
    """Start a process, before everything else when root asks for it."""
    if os.geteuid() != 0:
        return subprocess.Popen(command, cwd=ROOT, **options)
    command = ["nice", f"--adjustment={NICE}", *command]
    process = subprocess.Popen(command, cwd=ROOT, start_new_session=True, **options)
    # Between sessions Linux looks at the autogroup's number, not at each process's (sched(7)).
    with suppress(OSError):
        Path(f"/proc/{process.pid}/autogroup").write_text(str(NICE), encoding="ascii")
    return process


@contextmanager
def running(server: Server, *, is_pinned: bool = True) -> Iterator[Running]:
    """A fresh server, killed at the end. Raises RuntimeError when it does not answer."""
    with tempfile.TemporaryDirectory() as folder:
        command, url = server.command(Path(folder))
        command = on_core(0, command) if is_pinned and server.is_pinned else command
        log = Path(folder) / "log"
        with log.open("wb") as output:
            process = launch(command, stdout=output, stderr=output)
        try:
            _await_answer(process, url.replace("ws", "http", 1), log)
            yield Running(server.name, process.pid, url)
        finally:
            # LiveKit's would wait on SIGTERM until its rooms are empty.
            process.kill()
            process.wait()


def _await_answer(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=1).close()
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"the server did not start: {log.read_text(errors='replace')[-500:]}")
