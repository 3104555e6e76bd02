"""Network namespaces and the TUN devices that lead into them; Linux only, and root's."""

from __future__ import annotations

import ctypes
import fcntl
import os
import shutil
import struct
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

Made = TypeVar("Made")

_TUNSETIFF = 0x400454CA
_IFF_TUN, _IFF_NO_PI = 0x0001, 0x1000
_CLONE_NEWNET = 0x40000000
MTU = "1400"
"""Mobile networks tunnel too; no packet of WebRTC is longer."""


def missing() -> str:
    """What this machine lacks for a namespace behind a link, or nothing."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return "needs root for a network namespace"
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        return "needs /dev/net/tun"
    if shutil.which("ip") is None:
        return "needs the ip command (iproute2)"
    return ""


def run_ip(*words: str) -> None:
    """Run one `ip` command. Raises subprocess.CalledProcessError."""
    subprocess.run(["ip", *words], check=True)


def within(namespace: str, make: Callable[[], Made]) -> Made:
    """Call `make` inside a namespace: a socket or device made there stays there. Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)

    def enter(fd: int) -> None:
        if libc.setns(fd, _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"cannot enter {namespace}")

    here = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    there = os.open(Path("/var/run/netns") / namespace, os.O_RDONLY)
    try:
        enter(there)
        try:
            return make()
        finally:
            enter(here)
    finally:
        os.close(here)
        os.close(there)


def open_tun(name: str) -> int:
    """A new TUN device of this namespace: a descriptor from which each read takes one IP packet. Raises OSError."""
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    try:
        fcntl.ioctl(fd, _TUNSETIFF, struct.pack("16sH", name.encode(), _IFF_TUN | _IFF_NO_PI))
    except OSError:
        os.close(fd)
        raise
    return fd


@contextmanager
def tunnelled(namespace: str, here: str, there: str) -> Iterator[tuple[int, int]]:
    """Make a namespace whose only way out is a pair of TUN devices: (this side's, the namespace's).

    Whatever is read from one must be written to the other by the caller, or nothing gets through.
    """
    run_ip("netns", "add", namespace)
    device = namespace[-15:]
    try:
        near, far = open_tun(device), within(namespace, lambda: open_tun("uplink"))
        try:
            _configure(["-4"], device, here, there)
            _configure(["-4", "-n", namespace], "uplink", there, here)
            run_ip("-n", namespace, "link", "set", "lo", "up")
            run_ip("-n", namespace, "route", "add", "default", "via", here)
            yield near, far
        finally:
            os.close(near)
            os.close(far)
    finally:
        run_ip("netns", "del", namespace)


def _configure(where: list[str], device: str, own: str, other: str) -> None:
    # Without a link-local address the kernel sends no IPv6 of its own, which would take the link's time.
    run_ip(*where, "link", "set", device, "addrgenmode", "none", "mtu", MTU)
    run_ip(*where, "addr", "add", own, "peer", other, "dev", device)
    run_ip(*where, "link", "set", device, "up")
