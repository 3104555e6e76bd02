"""Signing up, in and out over HTTP, against a node on a port of its own."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, DummyCookieJar, web
from aiohttp.test_utils import TestServer

from telemed.accounts import attempts, sessions
from telemed.app import create_app
from telemed.config import MediaSettings, Settings
from telemed.crypto.keyring import FileKeyRing
from telemed.federation.keys import SigningKey
from telemed.node import NODE
from tests.conftest import SetClock
from tests.migrated import new_sqlite

ORIGIN = "http://ke.localhost:8441"
AMINA = {
    "name": "Amina",
    "contact": "amina@example.org",
    "password": "long enough for her",
    "language": "sw",
    "zone": "Africa/Nairobi",
}
HERS = {"contact": AMINA["contact"], "password": AMINA["password"]}


@pytest.fixture
async def app(tmp_path: Path, clock: SetClock) -> web.Application:
    media = MediaSettings(udp_port=0, key="ke-media", secret="s" * 32)
    settings = Settings(node="KE", jurisdiction="KE", name="Kenya", origin=ORIGIN, port=0, media=media, folder=tmp_path)
    FileKeyRing.create(settings.path(settings.key_ring))
    SigningKey.create(settings.path(settings.signing_key))
    await new_sqlite(tmp_path / "node.sqlite")
    return create_app(settings, clock)


@pytest.fixture
async def http(app: web.Application) -> AsyncIterator[ClientSession]:
    async with (
        TestServer(app) as server,
        ClientSession(server.make_url("/"), headers={"Origin": ORIGIN}, cookie_jar=DummyCookieJar()) as client,
    ):
        yield client


async def call(http: ClientSession, method: str, path: str, token: str = "", **options: Any) -> tuple[int, Any, str]:
    """Status, body and the session's token if one was set."""
    headers = {**options.pop("headers", {}), **({"Cookie": f"__Host-session={token}"} if token else {})}
    async with http.request(method, f"/api/v1{path}", headers=headers, **options) as answer:
        assert answer.headers["Cache-Control"] == "no-store"
        cookie = answer.cookies.get("__Host-session")
        return answer.status, await answer.json(content_type=None), cookie.value if cookie else ""


async def signed_in(http: ClientSession) -> str:
    await call(http, "POST", "/accounts", json=AMINA)
    status, _, token = await call(http, "POST", "/session", json=HERS)
    assert status == 201
    return token


async def test_a_patient_signs_up_in_and_out(http: ClientSession) -> None:
    token = await signed_in(http)
    status, me, _ = await call(http, "GET", "/session", token)
    expected = {"role": "patient", "name": "Amina", "language": "sw", "zone": "Africa/Nairobi", "doctor_id": None}
    assert (status, me) == (200, expected)
    assert (await call(http, "DELETE", "/session", token))[0] == 204
    assert (await call(http, "GET", "/session", token))[0] == 401


async def test_signing_up_says_nothing_of_whether_the_contact_is_known(http: ClientSession) -> None:
    assert await call(http, "POST", "/accounts", json=AMINA) == await call(http, "POST", "/accounts", json=AMINA)


async def test_signing_in_says_nothing_of_whether_the_contact_is_known(http: ClientSession) -> None:
    await call(http, "POST", "/accounts", json=AMINA)
    wrong = await call(http, "POST", "/session", json={**HERS, "password": "another"})
    unknown = await call(http, "POST", "/session", json={**HERS, "contact": "nobody@example.org"})
    assert wrong == unknown
    assert wrong[0] == 401


async def test_signing_in_makes_a_new_session_and_ends_the_old(http: ClientSession) -> None:
    old = await signed_in(http)
    _, _, new = await call(http, "POST", "/session", old, json=HERS)
    assert new != old
    assert (await call(http, "GET", "/session", old))[0] == 401
    assert (await call(http, "GET", "/session", new))[0] == 200


async def test_every_session_ends_at_once(http: ClientSession) -> None:
    first = await signed_in(http)
    _, _, second = await call(http, "POST", "/session", json=HERS)
    assert len((await call(http, "GET", "/sessions", first))[1]["sessions"]) == 2
    assert (await call(http, "DELETE", "/sessions", first))[0] == 204
    assert (await call(http, "GET", "/session", second))[0] == 401


async def test_a_session_ends_when_idle(http: ClientSession, clock: SetClock) -> None:
    token = await signed_in(http)
    clock.pass_(sessions.IDLE)
    assert (await call(http, "GET", "/session", token))[0] == 401


async def test_a_session_in_use_ends_of_age(http: ClientSession, clock: SetClock) -> None:
    token = await signed_in(http)
    begun = clock.now
    while clock.now < begun + sessions.ABSOLUTE - timedelta(hours=1):
        clock.pass_(timedelta(hours=1))
        assert (await call(http, "GET", "/session", token))[0] == 200
    clock.pass_(timedelta(hours=1))
    assert (await call(http, "GET", "/session", token))[0] == 401


async def test_guessing_a_password_is_limited(http: ClientSession) -> None:
    await call(http, "POST", "/accounts", json=AMINA)
    for _ in range(attempts.PER_ACCOUNT):
        assert (await call(http, "POST", "/session", json={**HERS, "password": "a guess"}))[0] == 401
    assert (await call(http, "POST", "/session", json=HERS))[0] == 429


async def test_a_guess_at_a_contact_is_limited_alike_whether_it_is_known(http: ClientSession) -> None:
    await call(http, "POST", "/accounts", json=AMINA)
    answers = []
    for contact in (AMINA["contact"], "nobody@example.org"):
        guess = {"contact": contact, "password": "a guess"}
        answers.append([await call(http, "POST", "/session", json=guess) for _ in range(attempts.PER_ACCOUNT + 1)])
    assert answers[0] == answers[1]
    assert answers[0][-1][0] == 429


async def test_one_address_is_limited_over_all_accounts_and_only_for_a_while(
    http: ClientSession, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts, "PER_ADDRESS", 4)
    await call(http, "POST", "/accounts", json=AMINA)
    for number in range(3):
        guess = {"contact": f"nobody{number}@example.org", "password": "a guess"}
        assert (await call(http, "POST", "/session", json=guess))[0] == 401
    for path, body in (("/session", HERS), ("/accounts", {**AMINA, "contact": "another@example.org"})):
        status, problem, _ = await call(http, "POST", path, json=body)
        assert (status, problem["code"]) == (429, "too-many-attempts")
    clock.pass_(attempts.WINDOW)
    assert (await call(http, "POST", "/session", json=HERS))[0] == 201


@pytest.mark.parametrize("behind_proxy", [False, True])
async def test_an_address_is_the_proxys_word_where_there_is_one_and_never_the_callers(
    http: ClientSession, app: web.Application, monkeypatch: pytest.MonkeyPatch, behind_proxy: bool
) -> None:
    monkeypatch.setattr(attempts, "PER_ADDRESS", 1)
    object.__setattr__(app[NODE].settings, "behind_proxy", behind_proxy)

    async def guess(number: int, forwarded: str) -> int:
        body = {"contact": f"nobody{number}@example.org", "password": "a guess"}
        status, _, _ = await call(http, "POST", "/session", json=body, headers={"X-Forwarded-For": forwarded})
        return status

    assert await guess(1, "203.0.113.1, 192.0.2.7") == 401
    assert await guess(2, "203.0.113.2, 192.0.2.7") == 429
    assert await guess(3, "203.0.113.2, 192.0.2.8") == (401 if behind_proxy else 429)
    assert await guess(4, "2001:db8::1") == (401 if behind_proxy else 429)
    assert await guess(5, "2001:db8::2") == 429
    assert await guess(6, "192.0.2.8:50123") == 429


async def test_another_origin_changes_nothing(http: ClientSession) -> None:
    foreign = {"Origin": "http://elsewhere.localhost"}
    status, problem, _ = await call(http, "POST", "/accounts", json=AMINA, headers=foreign)
    assert (status, problem["code"]) == (403, "foreign-origin")
    assert (await call(http, "POST", "/session", json=HERS))[0] == 401


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"role": "administrator"}, "/role"),
        ({"password": "short"}, "/password"),
        ({"zone": "Nowhere/Atall"}, "/zone"),
        ({"contact": "no contact"}, "/contact"),
        ({"name": 7}, "/name"),
    ],
)
async def test_a_bad_field_is_named(http: ClientSession, change: dict[str, Any], pointer: str) -> None:
    status, problem, _ = await call(http, "POST", "/accounts", json={**AMINA, **change})
    assert (status, [field["pointer"] for field in problem["fields"]]) == (422, [pointer])


async def test_a_large_body_is_refused(http: ClientSession) -> None:
    assert (await call(http, "POST", "/accounts", data=b" " * 70_000))[0] == 413


async def test_preferences_change_alone(http: ClientSession) -> None:
    token = await signed_in(http)
    _, me, _ = await call(http, "PATCH", "/account", token, json={"language": "fr"})
    assert (me["language"], me["zone"]) == ("fr", "Africa/Nairobi")


async def test_a_patient_searches_where_nobody_works_yet(http: ClientSession) -> None:
    token = await signed_in(http)
    status, found, _ = await call(http, "GET", "/slots?days=3", token)
    assert (status, found["results"]) == (200, [])
    assert (await call(http, "GET", "/slots"))[0] == 401
