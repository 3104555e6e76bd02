"""Tests of this folder that need a namespace are skipped, with the reason, where none can be made."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance.conftest import CHROMIUM, build_page
from tests.networks.tunnels import missing


@pytest.fixture(scope="session")
def namespaces() -> None:
    """Namespaces can be made here."""
    if reason := missing():
        pytest.skip(reason)


@pytest.fixture(scope="session")
def bundle() -> Path:
    """The test page, built."""
    if not CHROMIUM.exists():
        pytest.skip("Chromium is not installed")
    return build_page()
