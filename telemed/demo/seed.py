"""Puts the sample people into the nodes' databases, and at every start whatever of them is missing or runs out."""

from datetime import date, datetime, timedelta

from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from telemed import schema
from telemed.accounts import contacts, profiles
from telemed.accounts.opening import add_doctor, prepare_account
from telemed.accounts.passwords import Passwords
from telemed.accounts.profiles import NewAccount
from telemed.config import Settings
from telemed.crypto.data_keys import DataKeys
from telemed.crypto.keyring import FileKeyRing
from telemed.db import Database
from telemed.demo.people import DOCTORS, PASSWORD, PEOPLE, Person, SampleDoctor
from telemed.directory import publication
from telemed.directory.doctors import NewDoctor, NewLicence, stretch
from telemed.directory.models import Licence

LICENSED_FOR = timedelta(days=2 * 365)
RENEWED_BEFORE = timedelta(days=365)
"""A sample licence that ends sooner is extended, so that the demo works next year too."""


async def seed(settings: Settings, now: datetime) -> None:
    """Bring one node's database to the newest migration and its sample people up to date."""
    database = Database(settings.database_url)
    try:
        await schema.upgrade(database)
        await _Seed(settings, database, now).all()
    finally:
        await database.close()


class _Seed:
    def __init__(self, settings: Settings, database: Database, now: datetime) -> None:
        self._settings, self._database, self._now = settings, database, now
        self._key_ring = FileKeyRing.open(settings.path(settings.key_ring))
        self._data_keys = DataKeys(self._key_ring, settings.jurisdiction)
        self._passwords = Passwords()

    async def all(self) -> None:
        """Everybody of this node."""
        for person in PEOPLE.get(self._settings.node, ()):
            if not await self._is_known(person.contact):
                await self._add(person)
        for doctor in DOCTORS.get(self._settings.node, ()):
            if not await self._is_known(doctor.contact):
                await self._add_doctor(doctor)
        async with self._database.write() as session:
            await _extend_licences(session, self._now)

    async def _is_known(self, contact: str) -> bool:
        fingerprint = await self._key_ring.fingerprint(profiles.CONTACT, contacts.normal(contact))
        async with self._database.read() as session:
            return await profiles.by_contact(session, fingerprint) is not None

    async def _add(self, person: Person) -> None:
        new = await self._account(person.name, person.contact, person.language, person.zone)
        async with self._database.write() as session:
            await profiles.open_account(
                session, new, role=person.role, jurisdiction=self._settings.jurisdiction, now=self._now
            )

    async def _add_doctor(self, doctor: SampleDoctor) -> None:
        new = await self._account(doctor.name, doctor.contact, "en", doctor.zone)
        jurisdiction = self._settings.jurisdiction
        async with self._database.write() as session:
            doctors_entry = _new_doctor(doctor, jurisdiction, self._now.date())
            await add_doctor(session, new, doctors_entry, jurisdiction=jurisdiction, now=self._now)

    async def _account(self, name: str, contact: str, language: str, zone: str) -> NewAccount:
        return await prepare_account(
            name=name,
            contact=contact,
            password=PASSWORD,
            language=language,
            zone=zone,
            key_ring=self._key_ring,
            data_keys=self._data_keys,
            passwords=self._passwords,
            now=self._now,
        )


def _new_doctor(doctor: SampleDoctor, jurisdiction: str, today: date) -> NewDoctor:
    licence = NewLicence(jurisdiction, doctor.licence, doctor.authority, date(2020, 1, 1), today + LICENSED_FOR)
    return NewDoctor(
        name=doctor.name,
        specialties=doctor.specialties,
        languages=doctor.languages,
        zone=doctor.zone,
        visit_minutes=doctor.visit_minutes,
        licences=[licence],
        hours=[stretch(weekday, start, end) for weekday in doctor.weekdays for start, end in doctor.hours],
    )


async def _extend_licences(session: AsyncSession, now: datetime) -> None:
    soon = (now + RENEWED_BEFORE).date().isoformat()
    for licence in (await session.exec(select(Licence).where(Licence.valid_until < soon))).all():
        licence.valid_until = (now + LICENSED_FOR).date().isoformat()
        await session.flush()
        await publication.publish(session, licence.doctor_id, now)
