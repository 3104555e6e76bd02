"""Identifiers in LiveKit's form: a two-letter kind and twelve random characters."""

from __future__ import annotations

import secrets
import string

_ALPHABET = string.ascii_letters + string.digits

ROOM = "RM_"
PARTICIPANT = "PA_"
AUDIO = "TR_A"
VIDEO = "TR_V"
NODE = "ND_"
EVENT = "EV_"


def new(kind: str) -> str:
    """A fresh identifier of that kind; 71 bits of chance."""
    return kind + "".join(secrets.choice(_ALPHABET) for _ in range(12))
