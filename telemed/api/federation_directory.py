"""This node's public directory, for its peers to pull."""

from typing import Any

from aiohttp import web
from pydantic import Field

from telemed.api.routing import Body, Route, View, Who
from telemed.directory import publication
from telemed.directory.entries import MAX_CURSOR
from telemed.directory.replica import MAX_PAGE
from telemed.node import NODE


class Since(Body):
    """Where the peer stopped reading."""

    after: int = Field(0, ge=0, le=MAX_CURSOR)
    limit: int = Field(100, ge=1, le=MAX_PAGE)


class DirectoryView(View):
    """Entries in the order of their last change."""

    entries: list[dict[str, Any]]
    cursor: int
    more: bool


async def directory(request: web.Request, since: Since) -> DirectoryView:
    """What changed after the peer's cursor."""
    node = request.app[NODE]
    async with node.database.read() as session:
        page = await publication.page(session, since.after, since.limit)
    return DirectoryView(entries=list(page.entries), cursor=page.cursor, more=page.more)


ROUTES = (
    Route(
        method="GET",
        path="/federation/v1/directory",
        handler=directory,
        who=Who.PEER,
        query=Since,
        view=DirectoryView,
        root=True,
        summary="This node's doctors, their licences and free times, as a peer pulls them",
    ),
)
