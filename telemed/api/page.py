"""The built page: one document for every screen, hashed files under /assets, and the headers that bind a browser."""

from collections.abc import Iterable
from pathlib import Path

from aiohttp import hdrs, web

from telemed.federation.trust_list import TrustListRefused
from telemed.node import NODE, Node

SCREENS = (
    "/",
    "/sign-up",
    "/sign-in",
    "/find",
    "/book",
    "/appointments/{id}",
    "/visit/{id}",
    "/calendar",
    "/record",
    "/sessions",
    "/admin",
    "/help",
)
"""The addresses that the page knows; its own map is web/src/navigation.ts."""

# No folder and no leading dot: nothing but a file right inside dist/assets has such a name, and no disk a longer one.
_ASSET = r"/assets/{name:(?=.{1,200}$)[A-Za-z0-9_-]+([.][A-Za-z0-9_-]+)+}"
_LOST = r"/{lost:(?!api/|federation/|media/|assets/|arrive$|healthz$).*}"
"""Every other address that a person may have mistyped."""

_FOREVER = "public, max-age=31536000, immutable"
"""A file under /assets has its content's hash in its name."""

_NOT_BUILT = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>telemed</title>'
    "<p>This node's page is not built yet: run <code>make setup</code> in its folder and load this again.</p>"
)


def policy(origin: str, peers: Iterable[str]) -> str:
    """The page's content security policy. A doctor's page posts a form to the peer where the patient is.

    Source: W3C Content Security Policy Level 3. The WebSocket is named because older browsers' 'self' leaves it out;
    the worker may be a blob because LiveKit's end-to-end encryption starts one so.
    """
    elsewhere = " ".join(sorted(peer for peer in set(peers) if peer != origin))
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' data: blob:",
            "media-src 'self' blob:",
            f"connect-src 'self' {origin.replace('http', 'ws', 1)}",
            "worker-src 'self' blob:",
            f"form-action 'self' {elsewhere}".rstrip(),
            "frame-ancestors 'none'",
            "base-uri 'none'",
        )
    )


def add_page(app: web.Application) -> None:
    """Put the page behind every other route, and its headers on every answer of the node."""
    for path in SCREENS:
        app.router.add_get(path, _screen)
    app.router.add_get(_ASSET, _asset)
    app.router.add_get(_LOST, _lost)
    app.on_response_prepare.append(_bind)


async def _screen(request: web.Request) -> web.StreamResponse:
    return await _index(request, 200)


async def _lost(request: web.Request) -> web.StreamResponse:
    if "text/html" not in request.headers.get(hdrs.ACCEPT, ""):
        raise web.HTTPNotFound
    return await _index(request, 404)


async def _asset(request: web.Request) -> web.StreamResponse:
    file = _folder(request.app[NODE]) / "assets" / request.match_info["name"]
    if not _is_there(file):
        raise web.HTTPNotFound
    return web.FileResponse(file, headers={hdrs.CACHE_CONTROL: _FOREVER})


async def _index(request: web.Request, status: int) -> web.StreamResponse:
    node = request.app[NODE]
    file = _folder(node) / "index.html"
    if not _is_there(file):
        return web.Response(text=_NOT_BUILT, status=503, content_type="text/html")
    headers = {
        hdrs.CACHE_CONTROL: "no-cache",
        "Content-Security-Policy": policy(node.settings.origin, await _peers(node)),
        "Cross-Origin-Opener-Policy": "same-origin",
        "Permissions-Policy": "camera=(self), microphone=(self), display-capture=(self), geolocation=(), payment=()",
    }
    return web.FileResponse(file, status=status, headers=headers)


async def _peers(node: Node) -> list[str]:
    try:
        return [peer.origin for peer in (await node.trust.current(node.clock())).active.values()]
    except TrustListRefused:
        # Without a trust list in force nobody visits elsewhere; the page itself still works.
        return []


async def _bind(request: web.Request, answer: web.StreamResponse) -> None:
    answer.headers.setdefault("X-Content-Type-Options", "nosniff")
    # The origin is what /arrive on the peer's node knows the doctor's node by; a path would tell of the visit.
    answer.headers.setdefault("Referrer-Policy", "strict-origin")
    answer.headers.setdefault("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
    answer.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    # The media server is an application of its own inside this one, so not request.app.
    if request.config_dict[NODE].settings.origin.startswith("https:"):
        answer.headers.setdefault("Strict-Transport-Security", "max-age=31536000")


def _folder(node: Node) -> Path:
    return node.settings.path(node.settings.page)


def _is_there(file: Path) -> bool:
    return file.is_file() and not file.is_symlink()
