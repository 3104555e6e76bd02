"""The built page: one document for every screen, under a strict policy, and assets that never change under a name."""

from collections.abc import Mapping
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
"""The addresses that the page itself draws."""

ELSEWHERE = "/{path:(?!api/|federation/|media/|assets/|arrive$|healthz$).*}"
"""Whatever else a browser asks for is drawn as "nothing here"."""

FOR_EVER = "public, max-age=31536000, immutable"
"""An asset's name has its hash in it."""

ALWAYS: Mapping[str, str] = {
    # Not no-referrer: with it the form that takes a doctor to a patient's node would have the Origin `null`.
    "Referrer-Policy": "strict-origin",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(self), display-capture=(self), geolocation=(), payment=()",
}

NOT_BUILT = "The page is not built yet: run `make setup` in the node's folder, then reload.\n"


def add_page(app: web.Application) -> None:
    """Serve the screens, the assets and nothing else of the folder."""
    for screen in SCREENS:
        app.router.add_get(screen, _document)
    assets = app[NODE].settings.page / "assets"
    app.router.add_get("/assets/{name}", _Assets(assets).serve)
    app.router.add_get(ELSEWHERE, _lost)


async def _document(request: web.Request) -> web.StreamResponse:
    return await _answered(request, 200)


async def _lost(request: web.Request) -> web.StreamResponse:
    if "text/html" not in request.headers.get(hdrs.ACCEPT, ""):
        raise web.HTTPNotFound
    return await _answered(request, 404)


async def _answered(request: web.Request, status: int) -> web.StreamResponse:
    node = request.app[NODE]
    document = node.settings.page / "index.html"
    if not document.is_file():
        return web.Response(status=503, text=NOT_BUILT, headers={hdrs.CACHE_CONTROL: "no-store"})
    policy = {"Content-Security-Policy": await _policy(node), hdrs.CACHE_CONTROL: "no-cache"}
    return web.FileResponse(document, status=status, headers={**ALWAYS, **policy})


async def _policy(node: Node) -> str:
    """What the page may load and where it may send a form. Source: W3C Content Security Policy Level 3."""
    own = node.settings.origin
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' blob: data:",
            "media-src 'self' blob:",
            f"connect-src 'self' {own.replace('http', 'ws', 1)}",
            # End-to-end encryption will need a worker; livekit-client makes its own from a blob.
            "worker-src 'self' blob:",
            "base-uri 'none'",
            "frame-ancestors 'none'",
            # A doctor's page posts the one-time code to the patient's node.
            " ".join(("form-action 'self'", *await _peers(node))),
        )
    )


async def _peers(node: Node) -> list[str]:
    try:
        trusted = await node.trust.current(node.clock())
    except TrustListRefused:
        return []
    return [peer.origin for peer in trusted.active.values()]


class _Assets:
    """The files of one folder by name; with a `.br` or `.gz` beside one, that is sent to who takes it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """One asset."""
        name = request.match_info["name"]
        # Only names that the folder lists: no path leads out of it.
        if not self._folder.is_dir() or name not in {path.name for path in self._folder.iterdir()}:
            raise web.HTTPNotFound
        return web.FileResponse(self._folder / name, headers={**ALWAYS, hdrs.CACHE_CONTROL: FOR_EVER})
