"""An administrator adds a doctor over HTTP, who is listed, found by patients and able to sign in."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from telemed.accounts import opening
from telemed.accounts.opening import prepare_account
from tests.conftest import SetClock
from tests.nodes import SESSION, RunningNode, federation

PASSWORD = "long enough for them"
WANJIRU: dict[str, Any] = {
    "name": "Dr Wanjiru (sample)",
    "contact": "wanjiru@example.org",
    "specialties": ["general-practice"],
    "languages": ["sw", "en"],
    "zone": "Africa/Nairobi",
    "visit_minutes": 20,
    "licences": [
        {
            "jurisdiction": "KE",
            "number": "KE-1",
            "authority": "KMPDC (sample)",
            "valid_from": "2026-01-01",
            "valid_until": "2027-12-31",
        }
    ],
    "hours": [{"weekday": day, "start": "00:00", "end": "24:00"} for day in range(7)],
}
FORM = {**WANJIRU, "password": PASSWORD}


@pytest.fixture
async def ke(tmp_path: Path, clock: SetClock) -> AsyncIterator[RunningNode]:
    async with federation(tmp_path, clock, "KE") as nodes:
        yield nodes["KE"]


async def sign_in(at: RunningNode, contact: str) -> str:
    status, _, cookies = await at.call("POST", "/session", json={"contact": contact, "password": PASSWORD})
    assert status == 201
    return cookies[SESSION]


async def administrator(at: RunningNode) -> str:
    node, now = at.node, at.node.clock()
    account = await prepare_account(
        name="Admin",
        contact="admin@example.org",
        password=PASSWORD,
        language="en",
        zone="UTC",
        key_ring=node.key_ring,
        data_keys=node.data_keys,
        passwords=node.passwords,
        now=now,
    )
    async with node.database.write() as session:
        await opening.add_administrator(session, account, jurisdiction=node.settings.jurisdiction, now=now)
    return await sign_in(at, "admin@example.org")


async def test_a_doctor_who_is_added_is_listed_found_and_signs_in(ke: RunningNode) -> None:
    admin = await administrator(ke)
    assert (await ke.call("GET", "/admin/doctors", admin))[1] == {"doctors": []}
    status, added, _ = await ke.call("POST", "/admin/doctors", admin, json=FORM)
    shown = {name: value for name, value in WANJIRU.items() if name != "contact"}
    assert (status, added) == (201, {"id": added["id"], **shown})
    assert (await ke.call("GET", "/admin/doctors", admin))[1] == {"doctors": [added]}
    _, me, _ = await ke.call("GET", "/session", await sign_in(ke, WANJIRU["contact"]))
    assert (me["role"], me["doctor_id"], me["zone"]) == ("doctor", added["id"], "Africa/Nairobi")
    _, found, _ = await ke.call("GET", "/slots?days=1", await ke.patient())
    assert [result["doctor"]["id"] for result in found["results"]] == [added["id"]]


async def test_a_contact_in_use_is_said_and_leaves_no_doctor_behind(ke: RunningNode) -> None:
    admin = await administrator(ke)
    status, problem, _ = await ke.call("POST", "/admin/doctors", admin, json={**FORM, "contact": "admin@example.org"})
    assert (status, problem["code"], problem["fields"][0]["pointer"]) == (409, "contact-known", "/contact")
    assert "another" in problem["detail"]
    assert (await ke.call("GET", "/admin/doctors", admin))[1] == {"doctors": []}


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"licences": [{**WANJIRU["licences"][0], "jurisdiction": "CN"}]}, "/licences"),
        ({"licences": []}, "/licences"),
        ({"hours": [{"weekday": 0, "start": "17:00", "end": "09:00"}]}, "/hours"),
        ({"hours": [{"weekday": 0, "start": "9", "end": "17:00"}]}, "/hours"),
        ({"visit_minutes": 7}, "/visit_minutes"),
        ({"specialties": ["witchcraft"]}, "/specialties"),
        ({"zone": "Nowhere"}, "/zone"),
        ({"password": "short"}, "/password"),
        ({"role": "administrator"}, "/role"),
    ],
)
async def test_a_bad_field_is_named(ke: RunningNode, change: dict[str, Any], pointer: str) -> None:
    status, problem, _ = await ke.call("POST", "/admin/doctors", await administrator(ke), json={**FORM, **change})
    assert (status, problem["fields"][0]["pointer"]) == (422, pointer)


async def test_only_an_administrator_adds_doctors(ke: RunningNode) -> None:
    admin = await administrator(ke)
    await ke.call("POST", "/admin/doctors", admin, json=FORM)
    for token, status in ((await ke.patient(), 403), (await sign_in(ke, WANJIRU["contact"]), 403), ("", 401)):
        assert (await ke.call("POST", "/admin/doctors", token, json=FORM))[0] == status
        assert (await ke.call("GET", "/admin/doctors", token))[0] == status
