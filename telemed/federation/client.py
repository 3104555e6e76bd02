"""Asking other nodes: each request signed, each answer's signature checked, nothing followed and nothing unbounded."""

import json
import socket
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import DefaultResolver
from multidict import CIMultiDict

from telemed.clock import Clock
from telemed.errors import Unavailable
from telemed.federation.keys import SigningKey
from telemed.federation.signing import Request, Response, SignatureRefused, sign_request, verify_response
from telemed.federation.trust_list import Trust, TrustedNode, TrustListRefused

TIMEOUT_S = 10.0
MAX_ANSWER_BYTES = 16_000_000
"""A page of a hundred doctors with the most broken weeks imaginable."""
MAX_CONNECTIONS_PER_PEER = 8


class PeerUnreachable(Unavailable):
    """The other node does not answer, or not as itself."""

    code = "peer-unreachable"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a peer answered, its signature checked: the HTTP status and the JSON object."""

    status: int
    body: dict[str, Any]

    @property
    def ok(self) -> bool:
        """Whether it did what was asked."""
        return 200 <= self.status < 300

    @property
    def code(self) -> str:
        """The problem's code; empty where there is none. Source: RFC 9457."""
        return str(self.body.get("code", ""))

    @property
    def settles(self) -> bool:
        """Whether asking again could not bring another answer.

        A peer's clock or load is not its decision, nor is what it says of a body that it has not read (413).
        """
        return self.ok or (400 <= self.status < 500 and self.status not in (401, 408, 413, 425))


class Peers:
    """The other nodes of the trust list, and this one too, which is its own peer."""

    def __init__(self, trust: Trust, signing_key: SigningKey, clock: Clock) -> None:
        self._trust = trust
        self._signing_key = signing_key
        self._clock = clock
        self._client: aiohttp.ClientSession | None = None
        self._closed = False

    async def get(self, node_id: str, path: str) -> Answer:
        """GET a path, with its query. Raises PeerUnreachable."""
        return await self._ask("GET", node_id, path, CIMultiDict(), b"")

    async def post(
        self, node_id: str, path: str, body: dict[str, Any], *, idempotency_key: str | None = None
    ) -> Answer:
        """POST a JSON object; a retry carries the same key. Raises PeerUnreachable."""
        headers = CIMultiDict({"Content-Type": "application/json"})
        if idempotency_key is not None:
            headers["Idempotency-Key"] = idempotency_key
        return await self._ask("POST", node_id, path, headers, json.dumps(body).encode())

    async def close(self) -> None:
        """Close every connection; whoever waits for an answer hears at once that there is none."""
        self._closed = True
        if self._client is not None:
            await self._client.close()

    async def _ask(self, method: str, node_id: str, path: str, headers: CIMultiDict[str], body: bytes) -> Answer:
        try:
            peer = (await self._trust.current(self._clock())).node(node_id)
        except TrustListRefused as refused:
            raise PeerUnreachable(refused.detail) from refused
        if self._closed:
            raise PeerUnreachable("This node is stopping.")
        if peer is None:
            raise PeerUnreachable(f"{node_id} is not a node that this one trusts (any more).")
        request = Request(method, f"{peer.origin}{path}", headers, body)
        key = self._signing_key
        sign_request(request, keyid=key.keyid, key=key.private, now=self._clock())
        try:
            return await self._exchange(request, peer)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError, RecursionError, SignatureRefused) as failed:
            raise PeerUnreachable(f"{node_id} does not answer just now; it is tried again.") from failed

    async def _exchange(self, request: Request, peer: TrustedNode) -> Answer:
        async with self._session().request(
            request.method, request.url, headers=request.headers, data=request.body or None, allow_redirects=False
        ) as answer:
            raw = await _bounded(answer.content)
            headers = CIMultiDict(answer.headers)
        keys = (await self._trust.current(self._clock())).keys_of(peer.id)
        verify_response(Response(answer.status, headers, request), raw, keys=keys, now=self._clock())
        body = json.loads(raw or b"{}")
        if not isinstance(body, dict):
            raise ValueError("an answer between nodes is a JSON object")
        return Answer(answer.status, body)

    def _session(self) -> aiohttp.ClientSession:
        # Made at the first question: a connector needs the running loop.
        if self._client is None:
            connector = aiohttp.TCPConnector(resolver=_Resolver(), limit_per_host=MAX_CONNECTIONS_PER_PEER)
            timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
            self._client = aiohttp.ClientSession(
                connector=connector, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()
            )
        return self._client


async def _bounded(content: aiohttp.StreamReader) -> bytes:
    chunks, size = [], 0
    while chunk := await content.readany():
        size += len(chunk)
        if size > MAX_ANSWER_BYTES:
            raise ValueError("the answer is too large")
        chunks.append(chunk)
    return b"".join(chunks)


class _Resolver(AbstractResolver):
    """The system's resolver, save that `*.localhost` is loopback. Source: RFC 6761 section 6.3."""

    def __init__(self) -> None:
        self._system = DefaultResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        if host != "localhost" and not host.endswith(".localhost"):
            return await self._system.resolve(host, port, family)
        return [
            ResolveResult(
                hostname=host, host="127.0.0.1", port=port, family=socket.AF_INET, proto=0, flags=socket.AI_NUMERICHOST
            )
        ]

    async def close(self) -> None:
        await self._system.close()
