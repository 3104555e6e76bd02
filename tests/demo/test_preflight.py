"""What is missing is said in one sentence, with exit code 2, before anything is made."""

import importlib.util
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from telemed.demo import preflight

SCRIPT = Path(preflight.__file__)


def program(folder: Path, name: str, says: str = "") -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\necho {says}\n")
    (folder / name).chmod(0o755)


def run(goal: str, folder: Path, path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, SCRIPT, goal],
        cwd=folder,
        env={"PATH": str(path)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_machine_with_everything_passes_in_silence(tmp_path: Path) -> None:
    program(tmp_path / "bin", "node", "v20.19.0")
    program(tmp_path / "bin", "npm")
    done = run("setup", tmp_path, tmp_path / "bin")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert [path.name for path in tmp_path.iterdir()] == ["bin"]


@pytest.mark.parametrize(
    ("programs", "words"),
    [
        ({}, "Node is missing"),
        ({"node": "v20.19.0"}, "npm is missing"),
        ({"node": "v18.13.0", "npm": ""}, "Node is too old (v18.13.0)"),
    ],
)
def test_missing_or_old_tools_are_named(tmp_path: Path, programs: dict[str, str], words: str) -> None:
    (tmp_path / "bin").mkdir()
    for name, says in programs.items():
        program(tmp_path / "bin", name, says)
    done = run("setup", tmp_path, tmp_path / "bin")
    assert done.returncode == 2
    assert words in done.stderr
    assert done.stderr.count("\n") == 1


def test_an_old_python_is_named() -> None:
    assert "not 3.9" in preflight.python_problem((3, 9))


def test_a_python_without_ensurepip_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "ensurepip" else object())
    assert "python3-venv" in preflight.python_problem((3, 11))


def test_a_var_that_is_a_file_is_named_and_kept(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("something of yours")
    assert "is in the way" in preflight.writable_problem(str(tmp_path / "var"))
    assert (tmp_path / "var").read_text() == "something of yours"


@pytest.mark.parametrize("closed", ["/proc/self", "/proc/self/var"])
def test_an_unwritable_var_is_named(closed: str) -> None:
    # Nobody makes a file there, not even root, whom a folder's mode does not stop.
    assert f"{closed} cannot be written to" in preflight.writable_problem(closed)


@pytest.mark.parametrize(("kind", "name"), [(socket.SOCK_STREAM, "TCP"), (socket.SOCK_DGRAM, "UDP")])
def test_a_taken_port_is_named_with_its_node(kind: int, name: str) -> None:
    with socket.socket(socket.AF_INET, kind) as other:
        other.bind(("127.0.0.1", 0))
        if kind == socket.SOCK_STREAM:
            other.listen()
        port = other.getsockname()[1]
        assert f"{name} port {port}, which node CN needs, is taken" in preflight.ports_problem({"CN": port})
    assert preflight.ports_problem({"CN": port}) == ""
