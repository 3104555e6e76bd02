"""How often somebody at one address may come with a token that is not good, or not for what is asked (pure).

Who is let in is never counted: a whole hospital can be behind one address, and a stranger in its waiting room must not
lock it out.
"""

from __future__ import annotations

import ipaddress
import math
from collections import OrderedDict

from signaling.allowance import Allowance

MINUTE_SECONDS = 60.0
MAX_ADDRESSES = 10_000
"""Addresses remembered; of more, those that failed longest ago are forgotten."""
SUBSCRIBER_BITS = 64
"""Of an IPv6 address: whoever has one has as many as this leaves."""


class Failures:
    """Failures by address: `per_minute` at once, and as many again with each minute. 0 means no limit."""

    def __init__(self, per_minute: int) -> None:
        self.refused = 0
        self._per_minute = per_minute
        self._left: OrderedDict[str, Allowance] = OrderedDict()

    def note(self, address: str, now: float) -> int:
        """Count a failure. Returns after how many seconds the next may be, 0 while there may be one now."""
        if not self._per_minute:
            return 0
        name = _subscriber(address)
        left = self._left.pop(name, None)
        if left is None:
            left = Allowance(self._per_minute / MINUTE_SECONDS, self._per_minute, self._per_minute, now)
        self._left[name] = left
        if len(self._left) > MAX_ADDRESSES:
            self._left.popitem(last=False)
        if left.take(1, now):
            return 0
        self.refused += 1
        return math.ceil(left.seconds_until(1))


def _subscriber(address: str) -> str:
    """The part of an address that one subscriber of a network has."""
    host = _without_port(address)
    try:
        known = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if known.version == 4:
        return host
    mapped = known.ipv4_mapped
    return str(mapped or ipaddress.ip_network((int(known), SUBSCRIBER_BITS), strict=False))


def _without_port(address: str) -> str:
    # Some proxies write the caller's port behind the address, and then IPv6 in brackets.
    if address.startswith("["):
        return address[1:].partition("]")[0]
    host, _, port = address.partition(":")
    return address if ":" in port else host
