"""What this node says of itself to anybody: who it is, whom it knows, by which rules it decides."""

from importlib.metadata import version

from aiohttp import web

from telemed.api.routing import Route, View, Who
from telemed.directory.doctors import SPECIALTIES
from telemed.federation.trust_list import TrustListRefused
from telemed.node import NODE, Node


class PeerView(View):
    """A node that this one trusts."""

    id: str
    jurisdiction: str
    origin: str


class RulesView(View):
    """The licence rules in force."""

    version: str
    sample: bool


class NodeView(View):
    """This node."""

    id: str
    jurisdiction: str
    name: str
    origin: str
    sample: bool
    specialties: tuple[str, ...]
    languages: list[str]
    peers: list[PeerView]
    rules: RulesView


class HealthView(View):
    """That the node answers."""

    status: str
    node: str
    version: str


async def health(request: web.Request) -> HealthView:
    """That this node answers, and as what."""
    return HealthView(status="ok", node=request.app[NODE].settings.node, version=version("telemed"))


async def look(request: web.Request) -> NodeView:
    """This node, its peers, and what its search can be asked for."""
    node, settings = request.app[NODE], request.app[NODE].settings
    return NodeView(
        id=settings.node,
        jurisdiction=settings.jurisdiction,
        name=settings.name,
        origin=settings.origin,
        sample=settings.sample,
        specialties=SPECIALTIES,
        languages=await node.languages.listed(node.database),
        peers=await _peers(node),
        rules=RulesView(version=node.rules.version, sample=node.rules.sample),
    )


async def _peers(node: Node) -> list[PeerView]:
    try:
        trusted = await node.trust.current(node.clock())
    except TrustListRefused:
        return []
    return [PeerView.model_validate(peer, from_attributes=True) for peer in trusted.active.values()]


ROUTES = (
    Route(
        method="GET",
        path="/healthz",
        handler=health,
        who=Who.ANYONE,
        view=HealthView,
        root=True,
        summary="Whether the node answers",
    ),
    Route(method="GET", path="/node", handler=look, who=Who.ANYONE, view=NodeView, summary="This node and its peers"),
)
