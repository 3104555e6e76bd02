"""`python -m tests.soak.crowd URL --seed 1`: people who join, speak, are seen, and leave, again and again."""

from __future__ import annotations

import argparse
import asyncio
import random
import sys

from livekit import rtc

from tests.conformance.conftest import Server
from tests.conformance.media import publish_picture, publish_tone

WIDTH, HEIGHT = 160, 120
"""A picture small enough that its making is no load; to the server a packet is a packet."""
LONGEST_STAY_SECONDS = 12.0
LONGEST_PAUSE_SECONDS = 4.0


async def _visit(server: Server, identity: str, chance: random.Random) -> None:
    """One stay in a room, ended politely."""
    room = rtc.Room()
    try:
        await room.connect(server.url, server.token(identity), rtc.RoomOptions(connect_timeout=10.0))
        await publish_tone(room)
        if chance.random() < 0.7:
            await publish_picture(room, WIDTH, HEIGHT)
        await room.local_participant.publish_data(b"habari", reliable=True)
        await asyncio.sleep(chance.uniform(0.5, LONGEST_STAY_SECONDS))
    except rtc.ConnectError as problem:
        sys.stderr.write(f"could not join: {problem}\n")
    finally:
        await room.disconnect()


async def _person(server: Server, identity: str, chance: random.Random) -> None:
    while True:
        await asyncio.sleep(chance.uniform(0.2, LONGEST_PAUSE_SECONDS))
        await _visit(server, identity, chance)


async def crowd(url: str, rooms: int, people: int, seed: int) -> None:
    """Keep `people` coming and going in each of `rooms`, until killed."""
    async with asyncio.TaskGroup() as group:
        for number in range(rooms * people):
            # A room of this crowd's own: the one before it was killed and may still be there.
            server = Server(url, None, f"soak-{seed}-{number % rooms}")
            group.create_task(_person(server, f"person-{number}", random.Random(f"{seed}/{number}")))


def main() -> None:
    """Read the arguments and go on until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--rooms", type=int, default=2)
    parser.add_argument("--people", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    asyncio.run(crowd(arguments.url, arguments.rooms, arguments.people, arguments.seed))


if __name__ == "__main__":
    main()
