"""TURN servers for clients, with credentials that expire (draft-uberti-behave-turn-rest)."""

from __future__ import annotations

import base64
import hashlib
import hmac

from livekit.protocol.rtc import ICEServer

from signaling.config import TurnServer


def credentials(server: TurnServer, name: str, now: float) -> ICEServer:
    """What a client needs to use `server`, good for `server.ttl_seconds` from `now`."""
    if not server.secret:
        return ICEServer(urls=server.urls, username=server.username, credential=server.credential)
    username = f"{int(now) + server.ttl_seconds}:{name}"
    digest = hmac.new(server.secret.encode(), username.encode(), hashlib.sha1).digest()
    return ICEServer(urls=server.urls, username=username, credential=base64.b64encode(digest).decode())
