"""Accounts and sessions: signing up, signing in and out, and who is signed in where."""

from typing import Annotated, Literal

from aiohttp import hdrs, web
from pydantic import Field, StringConstraints

from telemed.accounts import attempts, contacts, profiles, sessions
from telemed.accounts.models import Account
from telemed.accounts.opening import prepare_account
from telemed.accounts.passwords import MAX_LENGTH, MIN_LENGTH
from telemed.api.actors import SESSION_COOKIE, caller
from telemed.api.routing import Body, Moment, Route, View, Who
from telemed.errors import NotSignedIn
from telemed.node import NODE, Node

Password = Annotated[str, StringConstraints(min_length=MIN_LENGTH, max_length=MAX_LENGTH, strip_whitespace=False)]
Language = Annotated[str, Field(pattern=r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$", max_length=35)]


class SignInRefused(NotSignedIn):
    """Unknown contact or wrong password: the answer is the same."""

    code = "sign-in-refused"


class NewPatient(Body):
    """A patient who signs up."""

    name: str = Field(min_length=1, max_length=200)
    contact: str = Field(min_length=3, max_length=254)
    password: Password
    language: Language
    zone: str = Field(max_length=64)


class Credentials(Body):
    """What somebody signs in with."""

    contact: str = Field(min_length=3, max_length=254)
    password: Annotated[str, StringConstraints(min_length=1, max_length=256, strip_whitespace=False)]


class Preferences(Body):
    """What an account may change of itself; what is not named stays."""

    language: Language | None = None
    zone: str | None = Field(None, max_length=64)


class Accepted(View):
    """Nothing to say: it is the same whether the contact was known."""


class Me(View):
    """The signed-in person."""

    role: Literal["patient", "doctor", "administrator"]
    name: str
    language: str
    zone: str
    doctor_id: str | None


class SessionView(View):
    """A browser that is signed in."""

    id: str
    started_at: Moment
    last_seen_at: Moment
    current: bool


class SessionsView(View):
    """Every browser that is signed in, the latest first."""

    sessions: list[SessionView]


async def sign_up(request: web.Request, body: NewPatient) -> Accepted:
    """Open a patient's account; the answer and the work are the same for a contact that is known."""
    node, now = request.app[NODE], request.app[NODE].clock()
    profiles.require_zone(body.zone)
    contacts.normal(body.contact)
    await _count(node, await _address(request), attempts.PER_ADDRESS)
    new = await prepare_account(
        name=body.name,
        contact=body.contact,
        password=body.password,
        language=body.language,
        zone=body.zone,
        key_ring=node.key_ring,
        data_keys=node.data_keys,
        passwords=node.passwords,
        now=now,
    )
    async with node.database.write() as session:
        await profiles.open_account(session, new, role="patient", jurisdiction=node.settings.jurisdiction, now=now)
    return Accepted()


async def sign_in(request: web.Request, body: Credentials) -> web.Response:
    """Begin a session, whatever session this browser had; limited per account and per address."""
    node, now = request.app[NODE], request.app[NODE].clock()
    contact = await node.key_ring.fingerprint(profiles.CONTACT, contacts.normal(body.contact))
    await _count(node, await _address(request), attempts.PER_ADDRESS)
    await _count(node, contact, attempts.PER_ACCOUNT)
    async with node.database.read() as session:
        account = await profiles.by_contact(session, contact)
    if not await node.passwords.fits(account.password_hash if account else None, body.password) or account is None:
        raise SignInRefused("The contact or the password is not right; check both and try again.")
    me = await _me(node, account)
    async with node.database.write() as session:
        await attempts.forget(session, contact)
        if old := request.cookies.get(SESSION_COOKIE):
            await sessions.end_token(session, old)
        token = await sessions.begin(session, account.id, now)
    answer = web.Response(text=me.model_dump_json(), status=201, content_type="application/json")
    answer.headers[hdrs.CACHE_CONTROL] = "no-store"
    answer.set_cookie(SESSION_COOKIE, token, path="/", secure=True, httponly=True, samesite="Lax")
    return answer


async def who_am_i(request: web.Request) -> Me:
    """The signed-in person."""
    return await _mine(request)


async def sign_out(request: web.Request) -> web.Response:
    """End this session."""
    async with request.app[NODE].database.write() as session:
        await sessions.end(session, caller(request).session_id)
    return _signed_out()


async def my_sessions(request: web.Request) -> SessionsView:
    """Every browser that is signed in to this account."""
    node, me = request.app[NODE], caller(request)
    async with node.database.read() as session:
        rows = await sessions.of_account(session, me.account_id, node.clock())
    return SessionsView(
        sessions=[
            SessionView(
                id=row.id, started_at=row.started_at, last_seen_at=row.last_seen_at, current=row.id == me.session_id
            )
            for row in rows
        ]
    )


async def end_sessions(request: web.Request) -> web.Response:
    """Sign out every browser, this one too."""
    async with request.app[NODE].database.write() as session:
        await sessions.end_all(session, caller(request).account_id)
    return _signed_out()


async def change_preferences(request: web.Request, body: Preferences) -> Me:
    """Change language or time zone."""
    if body.zone is not None:
        profiles.require_zone(body.zone)
    async with request.app[NODE].database.write() as session:
        account = await session.get(Account, caller(request).account_id)
        assert account is not None, "the gate has just read it"  # noqa: S101
        account.language = body.language or account.language
        account.zone = body.zone or account.zone
    return await _mine(request)


async def _mine(request: web.Request) -> Me:
    node = request.app[NODE]
    async with node.database.read() as session:
        account = await session.get(Account, caller(request).account_id)
    assert account is not None, "the gate has just read it"  # noqa: S101
    return await _me(node, account)


async def _me(node: Node, account: Account) -> Me:
    async with node.database.read() as session:
        key = await node.data_keys.of(session, account.id)
    profile = profiles.profile_of(account, key, node.settings.jurisdiction)
    return Me.model_validate(
        {**account.model_dump(include={"role", "language", "zone", "doctor_id"}), "name": profile.name}
    )


async def _count(node: Node, subject: str, limit: int) -> None:
    # In a transaction of its own: a refusal must not roll the count back.
    async with node.database.write() as session:
        counted = await attempts.count(session, subject, node.clock())
    attempts.require_at_most(counted, limit, node.clock())


async def _address(request: web.Request) -> str:
    node, remote = request.app[NODE], request.remote
    if node.settings.behind_proxy:
        # Only the last one is the proxy's word; those before it are whatever the caller sent.
        remote = ",".join(request.headers.getall("X-Forwarded-For", ())).rpartition(",")[2].strip() or remote
    return await node.key_ring.fingerprint("address", attempts.subscriber(remote or "unknown"))


def _signed_out() -> web.Response:
    answer = web.Response(status=204, headers={hdrs.CACHE_CONTROL: "no-store"})
    answer.del_cookie(SESSION_COOKIE, path="/", secure=True, httponly=True, samesite="Lax")
    return answer


ROUTES = (
    Route(
        method="POST",
        path="/accounts",
        handler=sign_up,
        who=Who.ANYONE,
        body=NewPatient,
        view=Accepted,
        status=202,
        summary="Sign up as a patient",
    ),
    Route(
        method="POST",
        path="/session",
        handler=sign_in,
        who=Who.ANYONE,
        body=Credentials,
        view=Me,
        status=201,
        summary="Sign in",
    ),
    Route(method="GET", path="/session", handler=who_am_i, who=Who.SIGNED_IN, view=Me, summary="Who is signed in"),
    Route(method="DELETE", path="/session", handler=sign_out, who=Who.SIGNED_IN, summary="Sign out"),
    Route(
        method="GET",
        path="/sessions",
        handler=my_sessions,
        who=Who.SIGNED_IN,
        view=SessionsView,
        summary="Where this account is signed in",
    ),
    Route(method="DELETE", path="/sessions", handler=end_sessions, who=Who.SIGNED_IN, summary="Sign out everywhere"),
    Route(
        method="PATCH",
        path="/account",
        handler=change_preferences,
        who=Who.SIGNED_IN,
        body=Preferences,
        view=Me,
        summary="Change language or time zone",
    ),
)
