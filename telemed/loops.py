"""What a node does unasked: delivers its outbox, pulls its peers' directories, and clears what is over."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from telemed.accounts import attempts, sessions
from telemed.audit import chain
from telemed.calls import ending
from telemed.config import Settings
from telemed.federation import inbox
from telemed.federation.replication import replicate
from telemed.node import Node
from telemed.outbox import delivery
from telemed.outbox.delivery import Delivery, Listener
from telemed.scheduling import calendar, settling

logger = logging.getLogger(__name__)

LISTENERS: Mapping[str, Listener] = {**settling.LISTENERS}
"""Who hears the answers, by the kind of message."""


@dataclass(frozen=True, slots=True)
class Loop:
    """Work that is done again and again; a failure is logged and the next turn tries anew."""

    name: str
    every_s: Callable[[Settings], float]
    work: Callable[[Node], Awaitable[None]]


async def pull_directories(node: Node) -> None:
    """Read on in every peer's directory."""
    await replicate(
        own=node.settings.node, database=node.database, trust=node.trust, peers=node.peers, clock=node.clock
    )


async def lapse_holds(node: Node) -> None:
    """Let holds go that were not confirmed in time."""
    async with node.database.read() as session:
        if not await calendar.any_lapsed(session, node.clock()):
            return
    async with node.database.write() as session:
        await calendar.lapse_holds(session, node.clock())


async def clear_what_is_over(node: Node) -> None:
    """Delete rows that nothing asks for any more, and see to it that what was deleted is nowhere on the disk."""
    async with node.database.write() as session:
        now = node.clock()
        await sessions.expire(session, now)
        await attempts.expire(session, now)
        await inbox.expire(session, now)
        await delivery.expire(session, now)
    await node.database.scrub()


async def sign_audit_chain(node: Node) -> None:
    """Sign the audit chain's end, so that nobody rewrites what lies before it, this node's operator included."""
    async with node.database.write() as session:
        await chain.checkpoint(session, node.signing_key.private, node.clock())


LOOPS = (
    Loop("directories", lambda settings: settings.pull_every_s, pull_directories),
    Loop("holds", lambda _: 1.0, lapse_holds),
    Loop("visits", lambda _: 1.0, ending.close_overdue),
    Loop("audit", lambda _: 60.0, sign_audit_chain),
    Loop("clearing", lambda _: 60.0, clear_what_is_over),
)


def of(node: Node, stopping: asyncio.Event) -> Iterator[tuple[str, Coroutine[Any, Any, None]]]:
    """Each of a node's loops by name, to be run as a task of its own, until `stopping` is set."""

    async def deliver(node: Node) -> None:
        # A new one each time: one that failed may count messages as under way that nobody tries any more.
        await Delivery(node.database, node.peers, LISTENERS, node.clock, node.outbox_wake).run(stopping)

    for loop in (Loop("outbox", lambda _: delivery.LOOK_EVERY_S, deliver), *LOOPS):
        yield loop.name, _again_and_again(loop, node, stopping)


async def _again_and_again(loop: Loop, node: Node, stopping: asyncio.Event) -> None:
    while not stopping.is_set():
        try:
            await loop.work(node)
        except Exception:
            logger.exception("a loop's turn failed", extra={"loop": loop.name})
        with suppress(TimeoutError):
            async with asyncio.timeout(loop.every_s(node.settings)):
                await stopping.wait()
