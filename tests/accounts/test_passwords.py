"""Passwords: argon2id, in threads that are few, so that neither the loop nor the memory is anybody's to take."""

import asyncio
import threading

import pytest
from argon2 import PasswordHasher

from telemed.accounts.passwords import AT_ONCE, MAX_LENGTH, MIN_LENGTH, Passwords, require_length
from telemed.errors import Invalid


class SlowHasher(PasswordHasher):
    """Counts how many hash at once, and hashes nothing until it is let go."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.go = threading.Event()
        self.go.set()
        self.running = 0
        self.most = 0
        self.enough = threading.Event()
        self._lock = threading.Lock()

    def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
        with self._lock:
            self.running += 1
            self.most = max(self.most, self.running)
            if self.running == AT_ONCE:
                self.enough.set()
        assert self.go.wait(10)
        with self._lock:
            self.running -= 1
        return super().hash(password, salt=salt)


async def test_a_password_fits_its_own_hash_alone() -> None:
    passwords = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    kept = await passwords.hash("four odd words")
    assert kept.startswith("$argon2id$")
    assert kept != await passwords.hash("four odd words")
    assert await passwords.fits(kept, "four odd words")
    assert not await passwords.fits(kept, "four odd word")
    assert not await passwords.fits(None, "four odd words")
    assert not await passwords.fits("no hash", "four odd words")


def test_the_hash_is_as_dear_as_the_recommendation() -> None:
    # Source: RFC 9106 section 4, the second recommended option.
    hasher = PasswordHasher()
    assert (hasher.time_cost, hasher.memory_cost, hasher.parallelism) == (3, 64 * 1024, 4)
    assert hasher.type.name == "ID"


async def test_few_hash_at_once_while_the_loop_goes_on() -> None:
    hasher = SlowHasher()
    passwords = Passwords(hasher)
    hasher.go.clear()
    asked = [asyncio.create_task(passwords.hash("four odd words")) for _ in range(3 * AT_ONCE)]
    # The loop still runs: it waits here for the threads, and then lets them go.
    assert await asyncio.to_thread(hasher.enough.wait, 10)
    hasher.go.set()
    assert len(set(await asyncio.gather(*asked))) == len(asked)
    assert hasher.most == AT_ONCE


@pytest.mark.parametrize("length", [0, MIN_LENGTH - 1, MAX_LENGTH + 1])
def test_a_length_that_nobody_should_choose_is_refused(length: int) -> None:
    with pytest.raises(Invalid):
        require_length("x" * length)
    require_length("x" * MIN_LENGTH)
    require_length("x" * MAX_LENGTH)
