"""Delivers the outbox: each message is tried until its peer answers or its time is over, and then heard of once."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import col, delete, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from telemed.clock import Clock
from telemed.db import Database
from telemed.federation.client import Answer, Peers, PeerUnreachable
from telemed.outbox.models import OutboxMessage

logger = logging.getLogger(__name__)

FIRST_RETRY = timedelta(milliseconds=250)
LONGEST_RETRY = timedelta(seconds=5)
AT_ONCE_PER_PEER = 4
"""So that a peer that is slow to answer holds up nobody else's messages."""
LOOK_EVERY_S = 1.0
"""How long a due message may wait when nobody said that there is one: another process may have written it."""
KEPT = timedelta(days=30)
"""How long a settled message is kept, to see what was sent."""

AnswerHandler = Callable[[AsyncSession, OutboxMessage, Answer | None, datetime], Awaitable[None]]
"""Hears the answer in the transaction that settles the message; None means that its time was over."""

TryingHandler = Callable[[AsyncSession, OutboxMessage, datetime], Awaitable[None]]
"""Hears that a try failed and that another follows."""


@dataclass(frozen=True, slots=True)
class Listener:
    """The domain that a kind of message belongs to."""

    answered: AnswerHandler
    trying: TryingHandler | None = None


class Delivery:
    """The delivery of one node's outbox. Several processes may deliver the same one: a key makes a try count once."""

    def __init__(
        self, database: Database, peers: Peers, listeners: Mapping[str, Listener], clock: Clock, wake: asyncio.Event
    ) -> None:
        self._database = database
        self._peers = peers
        self._listeners = listeners
        self._clock = clock
        self._wake = wake
        self._under_way: dict[str, str] = {}

    async def run(self, stopping: asyncio.Event) -> None:
        """Deliver until `stopping` is set (with `wake`) and what is under way has ended."""
        async with asyncio.TaskGroup() as tries:
            while not stopping.is_set():
                self._wake.clear()
                try:
                    for message in await self._due():
                        self._under_way[message.id] = message.peer
                        tries.create_task(self._try(message))
                    wait_s = await self._until_next_s()
                except Exception:
                    logger.exception("the outbox cannot be read")
                    wait_s = LOOK_EVERY_S
                await _either(self._wake, wait_s)

    async def _due(self) -> list[OutboxMessage]:
        now = self._clock()
        found: list[OutboxMessage] = []
        open_ones = select(OutboxMessage).where(
            col(OutboxMessage.settled_at).is_(None),
            OutboxMessage.next_try_at <= now,
            col(OutboxMessage.id).not_in(self._under_way),
        )
        async with self._database.read() as session:
            peers = (
                await session.exec(
                    select(OutboxMessage.peer)
                    .where(col(OutboxMessage.settled_at).is_(None), OutboxMessage.next_try_at <= now)
                    .distinct()
                )
            ).all()
            for peer in peers:
                room = AT_ONCE_PER_PEER - list(self._under_way.values()).count(peer)
                oldest = open_ones.where(OutboxMessage.peer == peer).order_by(col(OutboxMessage.next_try_at))
                found += (await session.exec(oldest.limit(max(0, room)))).all()
        return found

    async def _until_next_s(self) -> float:
        waiting = select(func.min(OutboxMessage.next_try_at)).where(
            col(OutboxMessage.settled_at).is_(None), col(OutboxMessage.id).not_in(self._under_way)
        )
        async with self._database.read() as session:
            next_at = (await session.exec(waiting)).one()
        if next_at is None or next_at <= (now := self._clock()):
            # A due one that was left waits for a try under way, whose end wakes.
            return LOOK_EVERY_S
        return min(LOOK_EVERY_S, (next_at - now).total_seconds())

    async def _try(self, message: OutboxMessage) -> None:
        try:
            answer = None if self._is_over(message) else await self._ask(message)
            if answer is not None or self._is_over(message):
                await self._settle(message, answer)
            else:
                await self._postpone(message)
        except Exception:
            logger.exception("an answer could not be taken in; it is asked for again", extra={"kind": message.kind})
            await self._ask_again_later(message)
        finally:
            del self._under_way[message.id]
            self._wake.set()

    async def _ask_again_later(self, message: OutboxMessage) -> None:
        try:
            await self._postpone(message, heard=False)
        except Exception:
            # It stays due, but counts as under way while this waits: nothing spins as long as nothing can be written.
            logger.exception("a message could not be put off", extra={"kind": message.kind})
            await asyncio.sleep(LOOK_EVERY_S)

    def _is_over(self, message: OutboxMessage) -> bool:
        return message.give_up_at is not None and message.give_up_at <= self._clock()

    async def _ask(self, message: OutboxMessage) -> Answer | None:
        try:
            answer = await self._peers.post(message.peer, message.path, message.body, idempotency_key=message.id)
        except PeerUnreachable:
            return None
        return answer if answer.settles else None

    async def _settle(self, message: OutboxMessage, answer: Answer | None) -> None:
        now = self._clock()
        async with self._database.write() as session:
            row = await session.get(OutboxMessage, message.id, with_for_update=True)
            if row is None or row.settled_at is not None:
                return
            row.tries += 1
            row.settled_at, row.outcome = now, str(answer.status) if answer else "gave-up"
            if listener := self._listeners.get(row.kind):
                await listener.answered(session, row, answer, now)

    async def _postpone(self, message: OutboxMessage, *, heard: bool = True) -> None:
        now = self._clock()
        async with self._database.write() as session:
            row = await session.get(OutboxMessage, message.id, with_for_update=True)
            if row is None or row.settled_at is not None:
                return
            row.tries += 1
            row.next_try_at = now + _backoff(row.tries)
            if row.give_up_at is not None:
                row.next_try_at = min(row.next_try_at, max(now + FIRST_RETRY, row.give_up_at))
            listener = self._listeners.get(row.kind)
            if heard and listener is not None and listener.trying is not None:
                await listener.trying(session, row, now)


async def expire(session: AsyncSession, now: datetime) -> None:
    """Delete what was settled long ago."""
    await session.exec(delete(OutboxMessage).where(col(OutboxMessage.settled_at) < now - KEPT))


def _backoff(tries: int) -> timedelta:
    return min(LONGEST_RETRY, FIRST_RETRY * (1 << min(tries - 1, 10)))


async def _either(wake: asyncio.Event, wait_s: float) -> None:
    try:
        async with asyncio.timeout(max(0.01, wait_s)):
            await wake.wait()
    except TimeoutError:
        pass
