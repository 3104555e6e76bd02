"""The media path as machine code: mypyc compiles signaling/sfu as it stands, where there is a C compiler.

`python -m signaling.compiled` builds it, and with it `native.c`, the little that is written in C. The result lies in
this Python's own folder, under the digest of the sources and flags that it was made from: changed sources are
interpreted until they are compiled anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import io
import os
import shutil
import sys
import sysconfig
import tempfile
from pathlib import Path

SOURCES = Path(__file__).parent / "sfu"
INTERPRETED = ("__init__.py", "stream_wire.py")
"""Only copied: what makes folders packages, and a protocol class of asyncio, which sees no packet of UDP."""
KEPT = Path(sys.prefix) / "compiled"
OPT_LEVEL = "2"
FLAGS = ["-fno-plt", "-fno-semantic-interposition"]
"""Calls without detours, a thirtieth of a packet's cost; -O3 makes the code larger and no faster, -Os slower."""
NATIVE = SOURCES / "network" / "native.c"
NATIVE_MODULE = "signaling.sfu.network._native"
SWITCH = "TELEMED_INTERPRETED"
"""Set to anything, this environment variable has the sources interpreted although they are compiled."""


def _sources() -> list[Path]:
    return sorted([*SOURCES.rglob("*.py"), *SOURCES.rglob("*.c")])


def place() -> Path:
    """Where machine code of the present sources belongs, made with the present flags."""
    digest = hashlib.sha256(" ".join((OPT_LEVEL, *FLAGS)).encode())
    for path in _sources():
        digest.update(str(path.relative_to(SOURCES)).encode() + b"\0" + path.read_bytes())
    return KEPT / digest.hexdigest()[:16]


def folder() -> Path | None:
    """Where the machine code of the present sources is, or None: then they are interpreted."""
    if SWITCH in os.environ or not KEPT.is_dir():
        return None
    found = place()
    return found if found.is_dir() else None


def lacking() -> str:
    """What this machine lacks to compile, in words for a person; empty when nothing."""
    if importlib.util.find_spec("mypyc") is None:
        return "mypy is not installed"
    if shutil.which(str(sysconfig.get_config_var("CC") or "cc").split()[0]) is None:
        return "there is no C compiler (Debian: gcc)"
    if not Path(sysconfig.get_path("include"), "Python.h").is_file():
        return "there is no Python.h (Debian: python3-dev)"
    return ""


def build() -> Path:
    """Compile the present sources, unless that was done. Raises SystemExit or CCompilerError."""
    target = place()
    if target.is_dir():
        return target
    from mypyc.build import mypycify
    from setuptools import Distribution, Extension

    # Beside its place, so that it comes there whole or not at all.
    with tempfile.TemporaryDirectory(dir=KEPT.parent) as scratch, contextlib.chdir(SOURCES.parent.parent):
        options = ["--config-file=", "--follow-imports=skip", "--ignore-missing-imports", f"--cache-dir={scratch}/mypy"]
        sources = [path.relative_to(Path.cwd()) for path in _sources()]
        paths = [str(path) for path in sources if path.suffix == ".py" and path.name not in INTERPRETED]
        extensions = mypycify(
            [*options, *paths], opt_level=OPT_LEVEL, target_dir=scratch, group_name="signaling.sfu.whole"
        )
        extensions.append(Extension(NATIVE_MODULE, [str(NATIVE.relative_to(Path.cwd()))]))
        for extension in extensions:
            extension.extra_compile_args = [*extension.extra_compile_args, *FLAGS]
        command = Distribution({"name": "signaling", "ext_modules": extensions}).get_command_obj("build_ext")
        command.build_lib, command.build_temp = f"{scratch}/lib", f"{scratch}/temp"
        command.ensure_finalized()
        command.run()
        made = Path(scratch, "lib", "signaling", "sfu")
        for path in _sources():
            if path.name in INTERPRETED:
                shutil.copyfile(path, made / path.relative_to(SOURCES))
        shutil.rmtree(KEPT, ignore_errors=True)
        KEPT.mkdir(parents=True)
        made.rename(target)
    return target


def main() -> int:
    """Compile if that is possible, and say so if it is not: then everything works, at twice the cost a packet."""
    from setuptools.errors import CCompilerError

    reason = lacking()
    said = io.StringIO()
    if not reason and not place().is_dir():
        sys.stdout.write("Compiling the media path (about a minute) ...\n")
        try:
            with contextlib.redirect_stdout(said):
                build()
        except CCompilerError as problem:
            reason = f"the C compiler failed, {problem}"
        except SystemExit:
            # What mypyc does not understand it says there, among hints that nobody needs.
            sys.stderr.write(said.getvalue())
            return 1
    if reason:
        sys.stdout.write(f"The media path will be interpreted, at twice its cost: {reason}.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
