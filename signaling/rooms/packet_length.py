"""How much sound one packet should carry: longer packets spend less of a poor link on headers (pure).

An Opus packet of 20 ms at 24 kbit/s is 60 bytes under about 70 bytes of IP, UDP, RTP, extensions and SRTP tag; at
60 ms the same sound takes half the link, for 40 ms of delay. Who has such a link is asked to send long packets, and
gets what the others send joined to long ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

ATTRIBUTE: Final = "audio.ptime"
"""The participant attribute by which a client or an application asks for longer packets, in milliseconds."""
LENGTHS_MS: Final = (20, 40, 60, 120)
"""What libwebrtc's Opus encoder can do beyond its own 20; others are ignored."""

WITHOUT_COPIES_MS: Final = 60
"""Where packets are this long, sound is not sent twice (RED): 20 kbit/s carry one copy of it, not two."""


def wanted_ms(setting_ms: int, attributes: Mapping[str, str]) -> int:
    """The longer of what the setting and the participant ask for; 0 leaves it to the clients."""
    asked = attributes.get(ATTRIBUTE)
    if asked is None:
        return setting_ms
    return max(setting_ms, *(ms if str(ms) == asked else 0 for ms in LENGTHS_MS))


def narrow_ms(setting_ms: int, *, is_narrowest: bool) -> int:
    """How long for a narrow link, by the setting of which 0 means never; for the narrowest as long as can be."""
    return LENGTHS_MS[-1] if is_narrowest and setting_ms else setting_ms


def codec(ptime_ms: int, *, disable_red: bool) -> str:
    """What a browser should send sound as: it takes the first codec of the answer, and offers Opus before RED."""
    return "opus" if disable_red or ptime_ms >= WITHOUT_COPIES_MS else "red"
