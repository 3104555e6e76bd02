"""A short run of every target, the same each time; `make fuzz` is the long one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from livekit.protocol.rtc import SignalRequest

from tests.fuzz import messages, targets
from tests.fuzz.seeds import SEEDS
from tests.fuzz.targets import TARGETS, server

SHORT = settings(
    max_examples=500,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
KINDS: list[Any] = list(SignalRequest.DESCRIPTOR.oneofs_by_name["message"].fields)
EDITS = st.lists(st.tuples(st.integers(0, 400), st.integers(0, 12), st.binary(max_size=8)), min_size=1, max_size=6)


def spoilt(seed: bytes, edits: list[tuple[int, int, bytes]]) -> bytes:
    """A seed with stretches of it replaced."""
    for at, length, put in edits:
        at %= len(seed) + 1
        seed = seed[:at] + put + seed[at + length :]
    return seed


@pytest.fixture(scope="module", autouse=True)
def ended() -> Iterator[None]:
    """The server that targets share ends with them."""
    yield
    server().close()
    server.cache_clear()


# Named by number: a check made by a library has an identifier by chance, and so had the test.
@pytest.mark.parametrize(
    ("name", "seed"),
    [
        pytest.param(name, seed, id=f"{name}-{number}")
        for name, found in SEEDS.items()
        for number, seed in enumerate(found)
    ],
)
def test_what_once_broke_something_is_harmless(name: str, seed: bytes) -> None:
    TARGETS[name](seed)


@pytest.mark.parametrize("name", TARGETS)
def test_anything_is_harmless(name: str) -> None:
    @SHORT
    @given(st.one_of(st.binary(max_size=300), st.builds(spoilt, st.sampled_from(SEEDS[name]), EDITS)))
    def try_it(data: bytes) -> None:
        TARGETS[name](data)

    try_it()


@SHORT
@given(st.data())
def test_any_request_is_harmless(data: st.DataObject) -> None:
    request = SignalRequest()
    kind = data.draw(st.sampled_from(KINDS))
    messages.put(data.draw, request, kind)
    targets.request(request)


@SHORT
@given(st.data())
def test_any_call_is_harmless(data: st.DataObject) -> None:
    method = data.draw(st.sampled_from(targets.METHODS))
    kind, _ = server().service._methods[method]
    request = kind()
    messages.fill(data.draw, request)
    targets.calls(bytes((targets.METHODS.index(method),)) + request.SerializeToString())
