"""A visit of Amina (KE) with Dr Li (CN), booked on both nodes' databases, and the ways of both into it."""

import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import Any

from aiohttp import hdrs

from telemed.accounts import profiles
from telemed.directory.doctors import NewDoctor, add_doctor
from telemed.records.intake import Intake
from telemed.scheduling.models import Visit
from tests.api.test_appointments import book as request
from tests.api.test_appointments import settled, wish
from tests.directory.test_directory import LI
from tests.nodes import SESSION, RunningNode

INTAKE = Intake("a cough at night", "penicillin-allergy", "salbutamol")
PASSWORD = "long enough for Li"


@dataclass(frozen=True, slots=True)
class Appointment:
    """The visit's number, and the session tokens of the patient on `ke` and of the doctor on `cn`."""

    id: str
    room: str
    ke: RunningNode
    cn: RunningNode
    hers: str
    doctors: str

    @property
    def path(self) -> str:
        return f"/visits/{self.id}"

    async def patient(self, method: str, path: str = "", **options: Any) -> tuple[int, Any]:
        """What the patient's page asks of her node, below /visits/{id}."""
        status, body, _ = await self.ke.call(method, self.path + path, self.hers, **options)
        return status, body

    async def doctor(self, token: str, method: str, path: str = "", **options: Any) -> tuple[int, Any]:
        """What the visiting doctor's page asks of the patient's node, with the visit's cookie alone."""
        cookie = {hdrs.COOKIE: f"__Host-visit-{self.id}={token}"}
        status, body, _ = await self.ke.call(method, self.path + path, headers=cookie, **options)
        return status, body

    async def join(self) -> str:
        """A code, from the doctor's own node."""
        status, way_in, _ = await self.cn.call("POST", f"/calendar/{self.id}/join", self.doctors)
        assert (status, way_in.get("arrive_url")) == (200, f"{self.ke.origin}/arrive"), way_in
        return str(way_in["code"])

    async def post_code(self, code: str, origin: str) -> tuple[int, str, str]:
        """Status, Location or the page's text, and the visit's cookie."""
        async with self.ke.http.post(
            f"{self.ke.origin}/arrive", data={"code": code}, headers={hdrs.ORIGIN: origin}, allow_redirects=False
        ) as answer:
            cookie = answer.cookies.get(f"__Host-visit-{self.id}")
            shown = answer.headers.get(hdrs.LOCATION) or await answer.text()
            return answer.status, shown, cookie.value if cookie else ""

    async def arrive(self) -> str:
        """The visiting doctor's cookie."""
        status, where, token = await self.post_code(await self.join(), self.cn.origin)
        assert (status, where) == (303, f"/visit/{self.id}")
        return token


async def book(ke: RunningNode, cn: RunningNode, items: Sequence[str] = ("name", "reason")) -> Appointment:
    """The visit that begins ten minutes from now, as the page books it, confirmed on both nodes."""
    hers = await ke.patient()
    _, doctors = await _doctor(cn)
    until = (ke.node.clock() + timedelta(hours=4)).isoformat()
    changes: dict[str, Any] = {"intake": asdict(INTAKE), "consent": {"items": list(items), "until": until}}
    status, requested = await request(ke, hers, await wish(ke, hers, 1, **changes))
    assert status == 202, requested
    confirmed = await settled(ke, hers, requested["id"], "confirmed")
    assert confirmed["starts_at"] == f"{ke.node.clock() + timedelta(minutes=10):%Y-%m-%dT%H:%M:%SZ}"
    async with ke.node.database.read() as session:
        room = (await session.get_one(Visit, confirmed["id"])).room
    return Appointment(confirmed["id"], room, ke, cn, hers, doctors)


async def _doctor(cn: RunningNode) -> tuple[str, str]:
    """Dr Li with an account, signed in: the doctor's id and the session's token."""
    node, contact = cn.node, "li@example.org"
    account_id = secrets.token_hex(16)
    key, key_row = await node.data_keys.new(account_id, node.clock())
    new = profiles.NewAccount(
        id=account_id,
        contact_hmac=await node.key_ring.fingerprint(profiles.CONTACT, contact),
        password_hash=await node.passwords.hash(PASSWORD),
        key=key,
        key_row=key_row,
        profile=profiles.Profile("Dr Li", contact),
        language="en",
        zone="Asia/Shanghai",
    )
    async with node.database.write() as session:
        doctor = await add_doctor(
            session, _licensed(cn.settings.jurisdiction), jurisdiction=cn.settings.jurisdiction, now=node.clock()
        )
        await profiles.open_account(
            session, new, role="doctor", jurisdiction=cn.settings.jurisdiction, now=node.clock(), doctor_id=doctor.id
        )
    status, _, cookies = await cn.call("POST", "/session", json={"contact": contact, "password": PASSWORD})
    assert status == 201
    return doctor.id, cookies[SESSION]


def _licensed(jurisdiction: str) -> NewDoctor:
    return replace(LI, licences=[replace(licence, jurisdiction=jurisdiction) for licence in LI.licences])
