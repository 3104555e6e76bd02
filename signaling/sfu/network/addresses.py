"""Socket addresses in the raw form in which the kernel gives and takes them."""

from __future__ import annotations

import socket
import struct

Address = bytes
"""A raw sockaddr: cheap to compare, and never turned into text on the forwarding path."""


def to_address(host: str, port: int) -> Address:
    """The raw form of an IPv4 or IPv6 address."""
    if ":" in host:
        return struct.pack("=H", socket.AF_INET6) + struct.pack(
            "!HI16sI", port, 0, socket.inet_pton(socket.AF_INET6, host), 0
        )
    return struct.pack("=H", socket.AF_INET) + struct.pack("!H4s8x", port, socket.inet_aton(host))


def from_address(address: Address) -> tuple[str, int]:
    """Host and port of a raw address."""
    port = struct.unpack_from("!H", address, 2)[0]
    if struct.unpack_from("=H", address)[0] == socket.AF_INET6:
        return socket.inet_ntop(socket.AF_INET6, address[8:24]), port
    return socket.inet_ntoa(address[4:8]), port


def on_the_wire(address: Address) -> tuple[bytes, bytes]:
    """Host and port of a raw address as packets carry them; whatever stands behind them is of no matter."""
    if struct.unpack_from("=H", address)[0] == socket.AF_INET6:
        return address[8:24], address[2:4]
    return address[4:8], address[2:4]


def subscriber_of(address: Address) -> bytes:
    """The part of a raw address that one subscriber of a network has; of IPv6 that is a /64."""
    return address[8:16] if struct.unpack_from("=H", address)[0] == socket.AF_INET6 else address[4:8]
