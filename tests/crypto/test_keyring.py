"""The file key ring: what it wraps opens in its context, in its ring, and nowhere else."""

import secrets
from pathlib import Path

import pytest

from telemed.crypto.keyring import FileKeyRing, KeyRingUnusable


async def test_a_wrapped_key_opens_in_its_context_after_the_ring_is_read_again(tmp_path: Path) -> None:
    key = secrets.token_bytes(32)
    wrapped = await FileKeyRing.create(tmp_path / "ring").wrap("v1|KE|amina|1", key)
    assert await FileKeyRing.open(tmp_path / "ring").unwrap("v1|KE|amina|1", wrapped) == key


@pytest.mark.parametrize(
    "spoil", [lambda text: text[:-5], lambda text: "2" + text[1:], lambda text: "", lambda text: "1.!"]
)
async def test_a_changed_wrapped_key_is_refused(tmp_path: Path, spoil: object) -> None:
    ring = FileKeyRing.create(tmp_path / "ring")
    wrapped = await ring.wrap("context", bytes(32))
    assert callable(spoil)
    with pytest.raises(KeyRingUnusable):
        await ring.unwrap("context", spoil(wrapped))


async def test_another_context_or_another_ring_does_not_open_it(tmp_path: Path) -> None:
    ring, other = FileKeyRing.create(tmp_path / "ring"), FileKeyRing.create(tmp_path / "other")
    wrapped = await ring.wrap("one", bytes(32))
    with pytest.raises(KeyRingUnusable):
        await ring.unwrap("two", wrapped)
    with pytest.raises(KeyRingUnusable):
        await other.unwrap("one", wrapped)


async def test_a_fingerprint_is_the_same_each_time_and_differs_by_purpose_and_ring(tmp_path: Path) -> None:
    ring, other = FileKeyRing.create(tmp_path / "ring"), FileKeyRing.create(tmp_path / "other")
    first = await ring.fingerprint("contact", "amina@example.org")
    assert first == await FileKeyRing.open(tmp_path / "ring").fingerprint("contact", "amina@example.org")
    assert len({first, await ring.fingerprint("limit", "amina@example.org")}) == 2
    assert first != await other.fingerprint("contact", "amina@example.org")


def test_the_file_is_for_its_owner_alone_and_never_overwritten(tmp_path: Path) -> None:
    FileKeyRing.create(tmp_path / "ring")
    assert (tmp_path / "ring").stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError):
        FileKeyRing.create(tmp_path / "ring")


def test_a_ring_that_others_may_read_is_refused(tmp_path: Path) -> None:
    FileKeyRing.create(tmp_path / "ring")
    (tmp_path / "ring").chmod(0o644)
    with pytest.raises(KeyRingUnusable, match="chmod 600"):
        FileKeyRing.open(tmp_path / "ring")


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "[" * 100_000, '{"wrapping": {}, "fingerprinting": ""}', '{"wrapping": {"1": "AA=="}}']
)
def test_a_file_that_is_no_ring_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "ring"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(KeyRingUnusable, match="no key ring"):
        FileKeyRing.open(path)


def test_a_missing_ring_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KeyRingUnusable, match="cannot be read"):
        FileKeyRing.open(tmp_path / "nowhere")
