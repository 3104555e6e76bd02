"""Says in one sentence what is missing before anything is made: `python3 telemed/demo/preflight.py [setup|run]`.

Run as a file by any Python 3 and before anything is installed: so standard library only, and no syntax newer than 3.6.
"""

import importlib.util
import os
import shutil
import socket
import subprocess
import sys

PYTHON = (3, 11)
NODE = (20, 19)
"""The oldest Node that the page's tools run on."""

PORTS = {"KE": 8441, "CN": 8442, "IT": 8443}
"""Each node's port: TCP for its pages and its peers, UDP of the same number for calls."""


def python_problem(version: "tuple[int, ...]") -> str:
    """What is wrong with this Python, or an empty string."""
    if version < PYTHON:
        running = ".".join(str(part) for part in version)
        return f"Python 3.11 or newer is needed, not {running}; install it, or name one: `make PYTHON=python3.11`."
    if importlib.util.find_spec("venv") is None or importlib.util.find_spec("ensurepip") is None:
        return (
            "This Python cannot make virtual environments (ensurepip is missing); "
            "install it with `apt install python3-venv`."
        )
    return ""


def node_problem() -> str:
    """What is wrong with Node and npm, or an empty string."""
    wanted = "Node {}.{} or newer".format(*NODE)
    node = shutil.which("node")
    if node is None:
        return f"Node is missing; install {wanted}, which brings npm (https://nodejs.org)."
    said = subprocess.run([node, "--version"], stdout=subprocess.PIPE, check=False).stdout.decode().strip()  # noqa: S603
    version = tuple(int(part) for part in said.lstrip("v").split(".")[:2] if part.isdigit())
    if version < NODE:
        return f"Node is too old ({said}); install {wanted} (https://nodejs.org)."
    if shutil.which("npm") is None:
        return (
            f"npm is missing; install it with `apt install npm`, or {wanted} from https://nodejs.org, which brings it."
        )
    return ""


def writable_problem(folder: str) -> str:
    """Why nothing can be written in a folder, there yet or not; or an empty string."""
    present = os.path.abspath(folder)  # noqa: PTH100
    while not os.path.lexists(present):
        present = os.path.dirname(present)  # noqa: PTH120
    if not os.path.isdir(present):  # noqa: PTH112
        return f"{present} is in the way: a folder is needed there; move it and start again."
    if not _can_write(present):
        return f"{folder} cannot be written to; make {present} yours (chown, chmod), or use a copy elsewhere."
    return ""


def _can_write(folder: str) -> bool:
    # os.access says yes to root on a read-only disk, so ask the disk.
    probe = os.path.join(folder, f".writable-{os.getpid()}")  # noqa: PTH118
    try:
        os.close(os.open(probe, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        os.unlink(probe)  # noqa: PTH108
    except OSError:
        return False
    return True


def ports_problem(ports: "dict[str, int]") -> str:
    """Which port another program holds, or an empty string."""
    for node, port in ports.items():
        for kind, name in ((socket.SOCK_STREAM, "TCP"), (socket.SOCK_DGRAM, "UDP")):
            with socket.socket(socket.AF_INET, kind) as probe:
                if kind == socket.SOCK_STREAM:
                    # Without it, connections that the last run left behind would look like a program.
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError:
                    return (
                        f"{name} port {port}, which node {node} needs, is taken; "
                        "stop what listens there (perhaps another `make run`) and start again."
                    )
    return ""


def problem(goal: str) -> str:
    """The first thing in the way of `setup` or `run` in this folder, or an empty string."""
    found = python_problem(tuple(sys.version_info[:2])) or node_problem() or writable_problem(".")
    if goal == "run":
        found = found or writable_problem("var") or ports_problem(PORTS)
    return found


if __name__ == "__main__":
    FOUND = problem(sys.argv[1] if len(sys.argv) > 1 else "setup")
    if FOUND:
        sys.stderr.write(FOUND + "\n")
        sys.exit(2)
