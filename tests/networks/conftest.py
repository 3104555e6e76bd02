"""Tests of this folder that need a namespace are skipped, with the reason, where none can be made."""

from __future__ import annotations

import pytest

from tests.networks.tunnels import missing


@pytest.fixture(scope="session")
def namespaces() -> None:
    """Namespaces can be made here."""
    if reason := missing():
        pytest.skip(reason)
