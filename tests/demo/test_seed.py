"""The demo's sample people are there after the first start, once, and a visit always begins soon."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlmodel import func, select

from telemed.accounts.models import Account
from telemed.config import Settings
from telemed.db import Database
from telemed.demo.people import DOCTORS, PEOPLE
from telemed.demo.prepare import prepare
from telemed.demo.seed import seed
from telemed.demo.trust import lay_out
from telemed.directory import licence_rules, replica
from telemed.directory.models import Licence
from telemed.directory.replica import Home
from telemed.federation import trust_list
from telemed.scheduling.slots import starts

NOW = datetime(2026, 11, 24, 8, 3, tzinfo=UTC)
PORTS = {"KE": 8441, "CN": 8442, "IT": 8443}


def of(prepared: dict[Path, Settings], node: str) -> Settings:
    return next(settings for settings in prepared.values() if settings.node == node)


async def test_people_are_added_once_and_a_visit_begins_within_a_quarter_of_an_hour(tmp_path: Path) -> None:
    cn = of(prepare(tmp_path, PORTS), "CN")
    for _ in range(2):
        await seed(cn, NOW)
    database = Database(cn.database_url)
    async with database.read() as session:
        accounts = (await session.exec(select(func.count()).select_from(Account))).one()
        listed = await replica.doctors(session, Home("CN", "CN"), specialty="infectious-diseases", language="en")
    await database.close()
    assert accounts == len(PEOPLE["CN"]) + len(DOCTORS["CN"])
    (doctor,) = listed
    first = next(starts(doctor.free, doctor.doctor.visit_minutes, after=NOW, before=NOW + timedelta(hours=1)))
    assert first - NOW <= timedelta(minutes=15)
    assert licence_rules.decide(licence_rules.load(), "KE", "CN", NOW.date()).offered


async def test_a_licence_that_runs_out_is_extended_at_the_next_start(tmp_path: Path) -> None:
    cn = of(prepare(tmp_path, PORTS), "CN")
    await seed(cn, NOW)
    later = NOW + timedelta(days=500)
    await seed(cn, later)
    database = Database(cn.database_url)
    async with database.read() as session:
        ends = (await session.exec(select(Licence.valid_until))).all()
    await database.close()
    assert all(end > (later + timedelta(days=365)).date().isoformat() for end in ends)


def test_the_trust_list_is_signed_anew_before_it_ends_with_a_higher_version(tmp_path: Path) -> None:
    nodes = list(prepare(tmp_path, PORTS).values())
    ke = nodes[0]
    assert ke.trust_root is not None

    def version(now: datetime) -> int:
        lay_out(tmp_path, nodes, now)
        text = ke.path(ke.trust_list).read_text()
        return trust_list.verify(text, root=str(ke.trust_root), now=now).version

    assert [version(NOW), version(NOW + timedelta(days=1))] == [1, 1]
    assert version(NOW + timedelta(days=61)) == 2
    assert version(NOW + timedelta(days=400)) == 3


def test_no_node_reads_the_roots_folder(tmp_path: Path) -> None:
    prepare(tmp_path, PORTS)
    assert (tmp_path / "root").stat().st_mode & 0o077 == 0
    assert not list(tmp_path.glob("[kci]*/root-key.pem"))
