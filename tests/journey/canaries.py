"""Looks for words that should not be somewhere, in whatever dress they may be there."""

import base64
import hashlib
import re
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import quote

GZIP = re.compile(rb"\x1f\x8b\x08")
MAX_UNPACKED = 8_000_000


def forms(canary: str) -> frozenset[bytes]:
    """The word plain, base64 at each alignment, percent-encoded, as UTF-16 and hashed."""
    plain = canary.encode()
    found = {plain, quote(canary, safe="").encode(), canary.encode("utf-16-le")}
    for shift in range(3):
        # What the neighbours of the word do not change of its base64.
        start, end = -(-shift * 8 // 6) if shift else 0, (shift + len(plain)) * 8 // 6
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            found.add(encode(b"\0" * shift + plain)[start:end])
    for name in ("md5", "sha1", "sha256", "sha512"):
        hashed = hashlib.new(name, plain)
        found |= {hashed.digest(), hashed.hexdigest().encode()}
    return frozenset(found)


def found_in(data: bytes, canaries: Iterable[str]) -> set[str]:
    """Which of the words are in the bytes, or in something gzipped within them."""
    layers = [data, *_unpacked(data)]
    return {canary for canary in canaries if any(form in layer for form in forms(canary) for layer in layers)}


def found_under(folder: Path, canaries: Iterable[str]) -> dict[str, set[str]]:
    """Which words are in which files of a folder, by the file's name; not one file is left out."""
    canaries = tuple(canaries)
    named = {
        path.relative_to(folder): found_in(path.read_bytes(), canaries) for path in folder.rglob("*") if path.is_file()
    }
    return {str(name): found for name, found in named.items() if found}


def _unpacked(data: bytes) -> Iterator[bytes]:
    for begin in GZIP.finditer(data):
        try:
            yield zlib.decompressobj(wbits=31).decompress(data[begin.start() :], MAX_UNPACKED)
        except zlib.error:
            continue
