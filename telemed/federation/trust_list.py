"""Who may speak as which node: one JWS that the root key signs offline and that every node pins."""

import logging
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Literal, get_args

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from joserfc import jws
from joserfc.errors import JoseError
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, field_validator
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from telemed.db import Database, upsert
from telemed.errors import TelemedError
from telemed.federation import keys
from telemed.federation.models import KnownTrustList

logger = logging.getLogger(__name__)

ALGORITHM = "Ed25519"
TYPE = "telemed-trust-list+jws"
Purpose = Literal["directory", "booking", "visits"]
"""What a node may be trusted with: its doctors are listed elsewhere, it holds times in others' calendars, its doctors
come to others' patients."""
ALL_PURPOSES: tuple[Purpose, ...] = get_args(Purpose)
MAX_LIST_BYTES = 256_000
"""A thousand nodes and then some; a larger file is no trust list."""


class TrustListRefused(TelemedError):
    """The list is not the root's, is past its end, or is older than one already accepted."""

    code = "trust-list-refused"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", ignored_types=(cached_property,))


class TrustedNode(_Frozen):
    """One node: where it is and the public keys it signs with, as base64url."""

    id: str = Field(pattern="^[A-Z]{2}[A-Z0-9-]*$")
    jurisdiction: str = Field(pattern="^[A-Z]{2}$")
    origin: str
    keys: tuple[str, ...] = Field(min_length=1, max_length=8)
    status: Literal["active", "suspended"] = "active"
    purposes: tuple[Purpose, ...] = ALL_PURPOSES

    @field_validator("keys")
    @classmethod
    def _are_keys(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        # As one text each: base64 has many for the same bytes, and the same key under two names is one key.
        return tuple(keys.public_text(keys.public_key(text)) for text in texts)

    def may(self, purpose: Purpose) -> bool:
        """Whether the list trusts this node with that."""
        return purpose in self.purposes


class TrustList(_Frozen):
    """The whole list. Only active nodes are answered for."""

    version: int = Field(ge=1)
    issued_at: AwareDatetime
    expires_at: AwareDatetime
    nodes: tuple[TrustedNode, ...] = Field(max_length=1000)

    @field_validator("nodes")
    @classmethod
    def _are_apart(cls, nodes: tuple[TrustedNode, ...]) -> tuple[TrustedNode, ...]:
        # A key that two nodes share would let one speak as the other.
        for names in ([node.id for node in nodes], [key for node in nodes for key in node.keys]):
            if len(set(names)) != len(names):
                raise ValueError("two nodes share an id or a key")
        return nodes

    @cached_property
    def active(self) -> Mapping[str, TrustedNode]:
        """The nodes that are trusted now, by id."""
        return {node.id: node for node in self.nodes if node.status == "active"}

    @cached_property
    def signers(self) -> Mapping[str, TrustedNode]:
        """The nodes that are trusted now, by each keyid of theirs."""
        return {keys.keyid(keys.public_key(text)): node for node in self.active.values() for text in node.keys}

    @cached_property
    def public_keys(self) -> Mapping[str, Ed25519PublicKey]:
        """Every key that is trusted now, by keyid."""
        found = (keys.public_key(text) for node in self.active.values() for text in node.keys)
        return {keys.keyid(key): key for key in found}

    def node(self, node_id: str) -> TrustedNode | None:
        """The node of that id, None for one that is not trusted (any more)."""
        return self.active.get(node_id)

    def keys_of(self, node_id: str) -> dict[str, Ed25519PublicKey]:
        """That node's keys by keyid; none for one that is not trusted."""
        return {name: key for name, key in self.public_keys.items() if self.signers[name].id == node_id}


def make(nodes: Iterable[TrustedNode], *, version: int, now: datetime, life: timedelta) -> TrustList:
    """A list, valid from `now` for `life`."""
    return TrustList(version=version, issued_at=now, expires_at=now + life, nodes=tuple(nodes))


def sign(trust_list: TrustList, root: keys.SigningKey) -> str:
    """The list as a compact JWS. Source: RFC 7515, RFC 9864 for the algorithm's name."""
    header = {"alg": ALGORITHM, "typ": TYPE, "kid": root.keyid}
    return jws.serialize_compact(header, trust_list.model_dump_json(), root.jwk, algorithms=[ALGORITHM])


def verify(text: str, *, root: str, now: datetime) -> TrustList:
    """The list that the pinned root key signed, in force now. Raises TrustListRefused."""
    trust_list = read(text, root=root)
    if now >= trust_list.expires_at:
        raise TrustListRefused("The trust list has expired; get the one in force.")
    return trust_list


def read(text: str, *, root: str) -> TrustList:
    """The list that the root key signed, be it past its end. Raises TrustListRefused."""
    if len(text) > MAX_LIST_BYTES:
        raise TrustListRefused("The trust list is too large to be one.")
    try:
        signed = jws.deserialize_compact(text.strip(), keys.public_jwk(root), algorithms=[ALGORITHM])
        trust_list = TrustList.model_validate_json(signed.payload)
    except (JoseError, ValidationError, ValueError) as refused:
        raise TrustListRefused("The trust list is not signed by the pinned root; get it anew.") from refused
    if signed.headers().get("typ") != TYPE:
        raise TrustListRefused("The root signed this for another purpose; get the trust list.")
    return trust_list


async def accept(session: AsyncSession, trust_list: TrustList, *, root: str, now: datetime) -> None:
    """Remember the list's version. Raises TrustListRefused for one older than the newest accepted."""
    # One statement: of several that take the first list at once, all must find it accepted.
    row = upsert(session, KnownTrustList).values(root=root, version=trust_list.version, accepted_at=now)
    newer = {"version": row.excluded.version, "accepted_at": row.excluded.accepted_at}
    await (await session.connection()).execute(
        row.on_conflict_do_update(
            index_elements=["root"], set_=newer, where=col(KnownTrustList.version) < row.excluded.version
        )
    )
    known = (await session.exec(select(KnownTrustList.version).where(KnownTrustList.root == root))).one()
    if trust_list.version < known:
        raise TrustListRefused(f"Version {known} was accepted before; an older trust list is not.")


class Trust:
    """The trust list in force, read anew when its file changes; a bad file leaves the last good one in force."""

    def __init__(self, database: Database, path: Path, root: str | None) -> None:
        self._database = database
        self._path = path
        self._root = root
        self._seen: tuple[int, int] | None = None
        self._list: TrustList | None = None

    async def current(self, now: datetime) -> TrustList:
        """The list to judge by. Raises TrustListRefused if none is in force."""
        if self._root is None:
            raise TrustListRefused("This node trusts no other: its settings name no trust_root.")
        try:
            status = self._path.stat()
            seen = (status.st_mtime_ns, status.st_ino)
            text = self._path.read_text(encoding="utf-8", errors="replace") if seen != self._seen else None
        except OSError as missing:
            seen, text = None, None
            if self._list is None:
                raise TrustListRefused("This node has no trust list; put the signed one in its place.") from missing
        if text is not None:
            await self._take(text, self._root, now)
            self._seen = seen
        if self._list is None or now >= self._list.expires_at:
            raise TrustListRefused("This node has no trust list in force; put the newest one in its place.")
        return self._list

    async def _take(self, text: str, root: str, now: datetime) -> None:
        try:
            trust_list = verify(text, root=root, now=now)
            async with self._database.write() as session:
                await accept(session, trust_list, root=root, now=now)
        except TrustListRefused:
            if self._list is None:
                raise
            logger.exception("a new trust list was refused; the last one stays in force")
            return
        self._list = trust_list
