"""What the media server reports: a room that opens off the record is closed, and who comes late is let in."""

from aiohttp import hdrs, web
from sqlmodel import select

from telemed.api.routing import Route, Who, read_body
from telemed.calls import admission, events, tokens, window
from telemed.errors import TelemedError
from telemed.node import NODE, Node
from telemed.scheduling.models import Visit

MAX_EVENT = 64_000


async def heard(request: web.Request) -> None:
    """One event. Whoever holds an old token of a visit that is over meets nobody: the room goes again at once."""
    node = request.app[NODE]
    media = node.settings.media
    body = await read_body(request, MAX_EVENT)
    event = events.read(body, request.headers.get(hdrs.AUTHORIZATION, ""), key=media.key, secret=media.secret)
    if event.name in ("room_started", "participant_joined"):
        await _follow(node, event)


async def _follow(node: Node, event: events.Event) -> None:
    async with node.database.read() as session:
        visit = (await session.exec(select(Visit).where(Visit.room == event.room))).first()
    if visit is None or not _is_open(node, visit):
        await node.calls.delete_room(event.room)
    elif event.identity == tokens.PATIENT:
        # Admitted between her token and her connection: the room has not heard of it.
        await admission.follow(node.calls, visit)


def _is_open(node: Node, visit: Visit) -> bool:
    try:
        window.require_open(visit, node.clock())
    except TelemedError:
        return False
    return True


ROUTES = (
    Route(
        method="POST",
        path="/webhooks/media",
        handler=heard,
        who=Who.WEBHOOK,
        status=204,
        root=True,
        summary="What the media server reports",
    ),
)
