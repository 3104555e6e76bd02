"""Settings that could not work are refused, not found out later."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from signaling.config import Settings, WebhookSettings
from tests.signaling.conftest import KEY, SECRET


def test_webhooks_are_signed_with_a_key_that_is_there() -> None:
    Settings(keys={KEY: SECRET}, webhook=WebhookSettings(api_key=KEY))
    with pytest.raises(ValidationError, match=r"webhook\.api_key") as caught:
        Settings(keys={KEY: SECRET}, webhook=WebhookSettings(api_key="misspelt"))
    assert SECRET not in str(caught.value)
