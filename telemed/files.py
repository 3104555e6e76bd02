"""Files that are written whole or not at all, and stay written when the power fails."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def write_whole(path: Path, text: str) -> None:
    """Write a file that only its owner reads, in the place of the one that may be there."""
    with _beside(path, text.encode()) as beside:
        beside.rename(path)


def write_new(path: Path, content: bytes) -> None:
    """Write a file that only its owner reads, where none may be. Raises FileExistsError."""
    with _beside(path, content) as beside:
        try:
            path.hardlink_to(beside)
        except FileExistsError:
            raise
        except OSError:
            # Some disks know no hard links. The name is taken first, so that of two at once one is refused.
            path.touch(mode=0o600, exist_ok=False)
            beside.rename(path)


@contextmanager
def _beside(path: Path, content: bytes) -> Iterator[Path]:
    """The content in a file beside `path`, to be given its name: so half of it never has that name."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        yield beside
        _keep_names(path.parent)
    except OSError as failed:
        # Told of the name that was asked for, not of the one beside it.
        raise OSError(failed.errno, failed.strerror, str(path)) from failed
    finally:
        with suppress(OSError):
            beside.unlink()


def _keep_names(folder: Path) -> None:
    # As far as the disk and the folder's mode let it, like SQLite: the file is whole and has its name already.
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
