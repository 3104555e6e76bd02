"""The page is served with the headers that bind a browser to it, and nothing outside the built folder is."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestServer
from yarl import URL

from telemed.api.page import SCREENS, policy
from telemed.app import create_app
from telemed.config import MediaSettings, Settings
from telemed.crypto.keyring import FileKeyRing
from telemed.federation.keys import SigningKey
from tests.conftest import SetClock
from tests.migrated import new_sqlite
from tests.nodes import federation

ORIGIN = "http://ke.localhost:8441"
HTML = {"Accept": "text/html"}


def built(folder: Path) -> None:
    """What `make setup` leaves, and things beside and inside it that are nobody's."""
    (folder / "dist" / "assets").mkdir(parents=True)
    (folder / "dist" / ".vite").mkdir()
    (folder / "dist" / ".vite" / "manifest.json").write_text("{}")
    (folder / "dist" / "index.html").write_text("<!doctype html><title>Telemed</title>")
    (folder / "dist" / "assets" / "index-abc.js").write_text("export {}")
    (folder / "dist" / "assets" / "index-abc.js.br").write_bytes(b"brotli")
    (folder / "dist" / "assets" / "index-abc.js.gz").write_bytes(b"gzip")
    (folder / "dist" / "assets" / "link.js").symlink_to(folder / "key-ring.json")


@pytest.fixture
async def http(tmp_path: Path, clock: SetClock) -> AsyncIterator[ClientSession]:
    media = MediaSettings(udp_port=0, key="ke-media", secret="s" * 32)
    settings = Settings(
        node="KE",
        jurisdiction="KE",
        name="Kenya",
        origin=ORIGIN,
        port=0,
        media=media,
        folder=tmp_path,
        page=Path("dist"),
    )
    FileKeyRing.create(settings.path(settings.key_ring))
    SigningKey.create(settings.path(settings.signing_key))
    await new_sqlite(tmp_path / "node.sqlite")
    async with (
        TestServer(create_app(settings, clock)) as server,
        ClientSession(server.make_url("/"), auto_decompress=False) as client,
    ):
        yield client


async def test_every_screen_is_the_page_bound_to_its_own_origin(http: ClientSession, tmp_path: Path) -> None:
    built(tmp_path)
    for screen in SCREENS:
        async with http.get(screen.replace("{id}", "a" * 32)) as answer:
            assert (answer.status, answer.content_type) == (200, "text/html")
            assert "<title>Telemed" in await answer.text()
            assert answer.headers["Cache-Control"] == "no-cache"
            assert answer.headers["Referrer-Policy"] == "strict-origin"
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert "camera=(self)" in answer.headers["Permissions-Policy"]
            assert answer.headers["Content-Security-Policy"] == policy(ORIGIN, ())


async def test_a_mistyped_address_shows_the_page_to_a_person_and_a_problem_to_a_program(
    http: ClientSession, tmp_path: Path
) -> None:
    built(tmp_path)
    async with http.get("/recrod", headers=HTML) as answer:
        assert (answer.status, answer.content_type) == (404, "text/html")
    async with http.get("/recrod") as answer:
        assert (answer.status, answer.content_type) == (404, "application/problem+json")


async def test_a_hashed_file_is_kept_for_ever_and_sent_small(http: ClientSession, tmp_path: Path) -> None:
    built(tmp_path)
    for accepted, body in (("gzip, deflate, br", b"brotli"), ("gzip", b"gzip"), ("identity", b"export {}")):
        async with http.get("/assets/index-abc.js", headers={"Accept-Encoding": accepted}) as answer:
            assert (answer.status, await answer.read()) == (200, body)
            assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
            assert "javascript" in answer.headers["Content-Type"]
            assert answer.headers.get("Vary", "") == ("" if accepted == "identity" else "Accept-Encoding")


@pytest.mark.parametrize(
    "path",
    [
        "/assets/../index.html",
        "/assets/..%2f..%2fkey-ring.json",
        "/assets/%2e%2e/%2e%2e/key-ring.json",
        "/assets/.vite/manifest.json",
        "/assets/link.js",
        "/assets/gone-abc.js",
        "/assets/",
        f"/assets/{'a' * 300}.js",
        "/.vite/manifest.json",
        "/index.html",
        "/key-ring.json",
        "//etc/passwd",
    ],
)
async def test_nothing_else_is_served(http: ClientSession, tmp_path: Path, path: str) -> None:
    built(tmp_path)
    async with http.get(URL(str(http._base_url).rstrip("/") + path, encoded=True)) as answer:
        assert answer.status == 404
        assert (await answer.json(content_type=None))["code"] == "not-found"


async def test_the_api_keeps_its_own_answers(http: ClientSession, tmp_path: Path) -> None:
    built(tmp_path)
    for path in ("/api/v1/nothing", "/federation/v1/nothing"):
        async with http.get(path, headers=HTML) as answer:
            assert (answer.status, answer.content_type) == (404, "application/problem+json")
            assert answer.headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
    async with http.get("/api/v1/accounts", headers=HTML) as answer:
        assert answer.status == 405


async def test_a_page_that_is_not_built_says_what_to_do(http: ClientSession) -> None:
    async with http.get("/", headers=HTML) as answer:
        assert (answer.status, answer.content_type) == (503, "text/html")
        assert "make setup" in await answer.text()


async def test_a_doctors_form_may_go_to_the_trusted_nodes_only(tmp_path: Path, clock: SetClock) -> None:
    async with federation(tmp_path, clock, "KE", "CN") as nodes:
        ke, cn = nodes["KE"], nodes["CN"]
        built(tmp_path)
        object.__setattr__(cn.settings, "page", tmp_path / "dist")
        async with cn.http.get(cn.origin + "/calendar") as answer:
            sources = answer.headers["Content-Security-Policy"]
    assert f"form-action 'self' {ke.origin};" in sources
    assert f"connect-src 'self' ws://{cn.origin.removeprefix('http://')};" in sources
