"""A visit of Amina (KE) with Dr Li (CN), booked on both nodes' databases, and the ways of both into it."""

import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from aiohttp import hdrs
from sqlmodel import select

from telemed import loops
from telemed.accounts import profiles
from telemed.accounts.models import Account
from telemed.directory import replica
from telemed.directory.doctors import NewDoctor, add_doctor
from telemed.directory.replica import Home
from telemed.records import consent
from telemed.records.intake import Intake, add_intake
from telemed.scheduling import matching
from telemed.scheduling.models import Claim, Visit
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


async def book(
    ke: RunningNode, cn: RunningNode, starts_at: datetime, items: Sequence[str] = ("name", "reason")
) -> Appointment:
    """The visit, confirmed on both nodes."""
    hers = await ke.patient()
    doctor_id, doctors = await _doctor(cn)
    await loops.pull_directories(ke.node)
    visit_id, node = secrets.token_hex(16), ke.node
    async with node.database.write() as session:
        her = (await session.exec(select(Account).where(Account.role == "patient"))).one()
        listed = await replica.doctor(session, Home("KE", "KE"), cn.settings.node, doctor_id)
        assert listed is not None
        rule = matching.decision(node.rules, "KE", listed, starts_at)
        visit = Visit(
            id=visit_id,
            patient_id=her.id,
            handle=secrets.token_hex(16),
            doctor_node=cn.settings.node,
            doctor_id=doctor_id,
            doctor=listed.public(),
            starts_at=starts_at,
            minutes=10,
            language="en",
            specialty="infectious-diseases",
            rule=asdict(rule),
            state="confirmed",
            request_key="key",
            request_digest="digest",
            requested_at=starts_at - timedelta(hours=1),
            room=secrets.token_hex(16),
        )
        session.add(visit)
        await session.flush()
        await consent.give(
            session,
            visit_id=visit_id,
            patient_id=her.id,
            doctor_node=cn.settings.node,
            doctor_id=doctor_id,
            country=cn.settings.jurisdiction,
            items=items,
            until=starts_at + timedelta(hours=4),
            now=node.clock(),
        )
        key = await node.data_keys.of(session, her.id)
        await add_intake(
            session, key, jurisdiction="KE", visit_id=visit_id, patient_id=her.id, intake=INTAKE, now=node.clock()
        )
    async with cn.node.database.write() as session:
        session.add(
            Claim(
                id=visit_id,
                patient_node="KE",
                handle=visit.handle,
                doctor_id=doctor_id,
                starts_at=starts_at,
                minutes=10,
                language="en",
                specialty="infectious-diseases",
                state="confirmed",
            )
        )
    return Appointment(visit_id, visit.room, ke, cn, hers, doctors)


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
