"""Requests of other nodes: who signed them, what they get answered once and for all, and the answer's signature."""

import re
from collections.abc import Awaitable, Callable

from aiohttp import hdrs, web
from multidict import CIMultiDict
from sqlmodel.ext.asyncio.session import AsyncSession

from telemed.api.actors import ACTOR, Peer
from telemed.api.problems import Handler, refusal
from telemed.api.routing import VERIFIED, View
from telemed.errors import Invalid, NotAllowed, TelemedError
from telemed.federation import inbox
from telemed.federation.signing import Request, Response, sign_response, verify_request
from telemed.federation.trust_list import Purpose
from telemed.node import NODE, Node

KEY = re.compile(r"[!-~]{1,64}")
"""An Idempotency-Key: visible ASCII, because it is stored."""

Work = Callable[[AsyncSession], Awaitable[tuple[int, View]]]
"""What a request does, in the transaction that stores its answer: the status and the view."""


class NotTrustedWith(NotAllowed):
    """The trust list names the node, and not for this."""

    code = "not-trusted-with-this"


async def peer_gate(request: web.Request) -> Peer:
    """The trusted node that signed this request, for this node, now and once.

    Raises:
        SignatureRefused: it is not signed so.
        TrustListRefused: this node has no trust list in force.
    """
    node = request.app[NODE]
    now = node.clock()
    trusted = await node.trust.current(now)
    verified = verify_request(_as_signed(request, node), keys=trusted.public_keys, now=now)
    async with node.database.write() as session:
        await inbox.remember(session, verified)
    signer = trusted.signers[verified.keyid]
    return Peer(node=signer.id, jurisdiction=signer.jurisdiction, purposes=frozenset(signer.purposes))


def peer(request: web.Request) -> Peer:
    """The node that the route's gate let in."""
    actor = request[ACTOR]
    assert isinstance(actor, Peer), "this route's gate lets in others too"  # noqa: S101
    return actor


def peer_for(request: web.Request, purpose: Purpose) -> Peer:
    """The node that the route's gate let in, if it is trusted with this. Raises NotTrustedWith."""
    asking = peer(request)
    if purpose not in asking.purposes:
        raise NotTrustedWith(f"The trust list does not name your node for {purpose}; ask whoever signs it.")
    return asking


async def answer_once(request: web.Request, work: Work) -> web.Response:
    """Do what a peer asks in one transaction with the stored answer; a retry gets that answer again.

    Raises:
        Invalid: there is no Idempotency-Key.
        KeyReused: the key belongs to another request.
    """
    node, key = request.app[NODE], request.headers.get("Idempotency-Key", "")
    if not KEY.fullmatch(key):
        raise Invalid("Send an Idempotency-Key of at most 64 visible characters, the same at every try.")

    async def as_text(session: AsyncSession) -> tuple[int, str]:
        status, view = await work(session)
        return status, view.model_dump_json()

    async with node.database.write() as session:
        status, body = await inbox.answer(
            session,
            peer=peer(request).node,
            key=key,
            # The digest was signed, and the route has compared it with the body.
            digest=inbox.digest(request.method, request.raw_path, request.headers["Content-Digest"]),
            work=as_text,
            refuse=_as_problem,
            now=node.clock(),
        )
    node.outbox_wake.set()
    kind = "application/json" if status < 400 else "application/problem+json"
    return web.Response(text=body, status=status, content_type=kind, headers={hdrs.CACHE_CONTROL: "no-store"})


@web.middleware
async def sign_answers(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The outermost middleware: what answers a signed request of a peer is signed, refusals too.

    Whoever alters a request on its way gets no signed word about it: the peer would take a 404 or 413 as final.
    """
    answer = await handler(request)
    if VERIFIED in request and isinstance(answer, web.Response):
        node, body = request.app[NODE], answer.body if isinstance(answer.body, bytes) else b""
        signed = Response(answer.status, answer.headers, _as_signed(request, node))
        key = node.signing_key
        sign_response(signed, body, keyid=key.keyid, key=key.private, now=node.clock())
    return answer


def _as_signed(request: web.Request, node: Node) -> Request:
    # The origin is this node's own, never Host: a request made for another node does not verify.
    return Request(request.method, node.settings.origin + request.raw_path, CIMultiDict(request.headers), None)


def _as_problem(refused: TelemedError) -> tuple[int, str]:
    problem = refusal(refused)
    return problem.status, problem.text or ""
