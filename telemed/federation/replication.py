"""Pulls the public directories of the peers, page by page from where each was left."""

import asyncio
import logging
from datetime import datetime

from sqlmodel import select

from telemed.clock import Clock
from telemed.db import Database
from telemed.directory import publication, replica
from telemed.directory.models import ReplicaState
from telemed.errors import TelemedError
from telemed.federation.client import Peers, PeerUnreachable
from telemed.federation.trust_list import Trust, TrustedNode, TrustListRefused

logger = logging.getLogger(__name__)

PAGE = 100
MAX_PAGES = 100
"""Pages of one peer in one turn; the rest comes with the next."""


async def replicate(*, own: str, database: Database, trust: Trust, peers: Peers, clock: Clock) -> None:
    """Publish what is due of this node's own, and read on in every peer's directory; forget who is not trusted."""
    await _publish(database, clock())
    try:
        trusted = [node for node in (await trust.current(clock())).active.values() if node.may("directory")]
    except TrustListRefused as refused:
        logger.warning("no directory is pulled: %s", refused.detail)
        return
    others = [node for node in trusted if node.id != own]
    await _forget_others(database, {node.id for node in others})
    await asyncio.gather(*(_pull(node, database, peers, clock) for node in others))


async def _publish(database: Database, now: datetime) -> None:
    async with database.read() as session:
        due = await publication.any_due(session, now)
    if due:
        async with database.write() as session:
            await publication.publish_due(session, now)


async def _forget_others(database: Database, trusted: set[str]) -> None:
    async with database.read() as session:
        known = set((await session.exec(select(ReplicaState.node))).all())
    for node in known - trusted:
        async with database.write() as session:
            await replica.forget(session, node)


async def _pull(node: TrustedNode, database: Database, peers: Peers, clock: Clock) -> None:
    try:
        for _ in range(MAX_PAGES):
            if not await _pull_page(node, database, peers, clock):
                return
    except PeerUnreachable:
        logger.info("a peer's directory cannot be pulled just now", extra={"peer": node.id})
    except TelemedError as refused:
        logger.warning("a peer's directory was refused: %s", refused.detail, extra={"peer": node.id})
    except Exception:
        # The others' go on, and the turn ends when all have been read.
        logger.exception("a peer's directory could not be taken in", extra={"peer": node.id})


async def _pull_page(node: TrustedNode, database: Database, peers: Peers, clock: Clock) -> bool:
    now = clock()
    async with database.read() as session:
        after = await replica.read_until(session, node.id, now)
    answer = await peers.get(node.id, f"/federation/v1/directory?after={after}&limit={PAGE}")
    entries, cursor, more = answer.body.get("entries"), answer.body.get("cursor"), bool(answer.body.get("more"))
    if not answer.ok or not isinstance(entries, list) or not isinstance(cursor, int):
        raise replica.PageRefused(f"The peer answered {answer.status} and no page.")
    async with database.write() as session:
        if 0 <= cursor < after:
            logger.warning("a peer's directory went back; it is read anew", extra={"peer": node.id})
            await replica.forget(session, node.id)
            return True
        await replica.apply(
            session, node.id, node.jurisdiction, entries, after=after, cursor=cursor, more=more, now=now
        )
    return more and cursor > after
