"""Keys and other files that are there whole or not at all, whenever whoever writes them is killed."""

import errno
import os
import resource
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any, NoReturn

import pytest

from telemed.crypto.keyring import FileKeyRing
from telemed.federation.keys import SigningKey
from telemed.files import write_new, write_whole

KILLED_AT_BYTE = 20
KILLABLE = """\
import pathlib, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
path = pathlib.Path(sys.argv[1])"""
WRITERS = {
    "a key ring": "from telemed.crypto.keyring import FileKeyRing; FileKeyRing.create(path)",
    "a signing key": "from telemed.federation.keys import SigningKey; SigningKey.create(path)",
    "settings": "from telemed.files import write_new, write_whole; write_whole(path, 'whole ' * 100)",
}


def killed_within(writer: str, path: Path) -> None:
    """Let a process write, which the kernel kills once the first bytes are in the file."""
    ended = subprocess.run(
        [sys.executable, "-B", "-c", f"{KILLABLE}\n{writer}", path],
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (KILLED_AT_BYTE, KILLED_AT_BYTE)),
    )
    assert ended.returncode == -signal.SIGXFSZ


@pytest.mark.parametrize("writer", WRITERS.values(), ids=WRITERS)
def test_who_is_killed_while_writing_leaves_nothing_of_that_name(tmp_path: Path, writer: str) -> None:
    killed_within(writer, tmp_path / "file")
    assert not (tmp_path / "file").exists()


def test_after_a_kill_keys_are_made_as_if_nothing_had_been(tmp_path: Path) -> None:
    for name in ("ring", "key"):
        killed_within(WRITERS["a key ring" if name == "ring" else "a signing key"], tmp_path / name)
    FileKeyRing.create(tmp_path / "ring")
    FileKeyRing.open(tmp_path / "ring")
    assert SigningKey.create(tmp_path / "key").keyid == SigningKey.open(tmp_path / "key").keyid


def test_a_file_that_is_there_is_not_written_over_unless_that_is_meant(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_new(path, b"first")
    with pytest.raises(FileExistsError, match=f"'{path}'"):
        write_new(path, b"second")
    assert path.read_text() == "first"
    write_whole(path, "third")
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("third", 0o600)
    assert os.listdir(tmp_path) == ["file"]  # noqa: PTH208


def test_what_is_in_the_way_is_told_of_the_name_that_was_asked_for(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file" / "key", tmp_path / ("n" * 250)):
        with pytest.raises(OSError, match=f"'{path}'"):
            write_new(path, b"key")


@pytest.fixture
def bare_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system as it answers on exFAT and on some network shares: no hard links, and no fsync of a folder."""

    def link(*_: Any) -> NoReturn:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    def fsync(handle: int) -> None:
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    monkeypatch.setattr(os, "link", link)
    monkeypatch.setattr(os, "fsync", fsync)


@pytest.mark.usefixtures("bare_disk")
def test_keys_are_made_where_a_disk_has_no_hard_links(tmp_path: Path) -> None:
    FileKeyRing.create(tmp_path / "ring")
    FileKeyRing.open(tmp_path / "ring")
    with pytest.raises(FileExistsError, match=f"'{tmp_path}/ring'"):
        write_new(tmp_path / "ring", b"second")
    FileKeyRing.open(tmp_path / "ring")
    write_whole(tmp_path / "settings", "whole")
    assert {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {"ring": 0o600, "settings": 0o600}
