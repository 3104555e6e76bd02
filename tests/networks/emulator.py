"""`python -m tests.networks.emulator edge`: a network namespace behind a link, for as long as its input is open.

A line of input with another profile's name changes the link to that.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import sys

from tests.networks.link import Direction
from tests.networks.profiles import PROFILES
from tests.networks.tunnels import tunnelled

BATCH = 64
MAX_PACKET = 65535
_PROTOCOL_AT = 9
_UDP = 17


class Way:
    """Carries packets from one device to another as a direction allows."""

    def __init__(self, source: int, sink: int, direction: Direction, *, blocks_udp: bool) -> None:
        self.blocked = 0
        self.direction = direction
        self._source, self._sink = source, sink
        self._blocks_udp = blocks_udp
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(source, self._readable)

    def _readable(self) -> None:
        for _ in range(BATCH):
            try:
                packet = os.read(self._source, MAX_PACKET)
            except BlockingIOError:
                return
            now = self._loop.time()
            if self._blocks_udp and packet[_PROTOCOL_AT] == _UDP:
                self.blocked += 1
            elif (arrival := self.direction.arrival(len(packet), now)) is not None:
                self._loop.call_at(arrival, self._deliver, packet)

    def _deliver(self, packet: bytes) -> None:
        try:
            os.write(self._sink, packet)
        except OSError:
            # The far side's own queue is full: the packet is gone, as from any router.
            self.direction.lost += 1

    def counts(self) -> dict[str, int]:
        """What became of the packets."""
        found = self.direction
        return {"passed": found.passed, "lost": found.lost, "overflowed": found.overflowed, "blocked": self.blocked}


def _pick() -> tuple[str, str, str]:
    """A name and two addresses of a /30 that nothing else uses (RFC 2544: for tests of networks)."""
    chance = random.SystemRandom()
    base = 198 << 24 | 18 << 16 | chance.randrange(1 << 15) << 2
    here, there = (".".join(str(base + host >> shift & 255) for shift in (24, 16, 8, 0)) for host in (1, 2))
    return f"link{chance.randrange(1 << 32):08x}", here, there


async def emulate(profile: str, seed: int, *, blocks_udp: bool) -> None:
    """Run the link; says where it is on standard output, and what went over it when it ends."""
    name, here, there = _pick()
    loop, end = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end.set)
    with tunnelled(name, here, there) as (near, far):
        shapes = PROFILES[profile]
        ways = {
            "down": Way(near, far, Direction(shapes.down, seed), blocks_udp=blocks_udp),
            "up": Way(far, near, Direction(shapes.up, seed + 1), blocks_udp=blocks_udp),
        }

        def change() -> None:
            wanted = PROFILES.get(sys.stdin.readline().strip())
            if wanted is None:
                end.set()
            else:
                ways["down"].direction.change(wanted.down)
                ways["up"].direction.change(wanted.up)

        loop.add_reader(sys.stdin, change)
        _say({"namespace": name, "here": here, "there": there})
        await end.wait()
        loop.remove_reader(sys.stdin)
        for fd in (near, far):
            loop.remove_reader(fd)
    _say({name: way.counts() for name, way in ways.items()})


def _say(fact: object) -> None:
    sys.stdout.write(json.dumps(fact) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("profile", choices=PROFILES)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--block-udp", action="store_true")
    arguments = parser.parse_args()
    asyncio.run(emulate(arguments.profile, arguments.seed, blocks_udp=arguments.block_udp))


if __name__ == "__main__":
    main()
