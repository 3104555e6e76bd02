"""Opening accounts: what is slow first, outside any transaction, then the rows of those who work here."""

import secrets
from datetime import datetime

from sqlmodel.ext.asyncio.session import AsyncSession

from telemed.accounts import contacts, profiles
from telemed.accounts.passwords import Passwords, require_length
from telemed.accounts.profiles import NewAccount, Profile
from telemed.crypto.data_keys import DataKeys
from telemed.crypto.keyring import KeyRing
from telemed.directory import doctors
from telemed.directory.doctors import NewDoctor
from telemed.directory.models import Doctor
from telemed.errors import Conflict


class ContactKnown(Conflict):
    """An account with this contact is here already; said to administrators only."""

    code = "contact-known"


async def prepare_account(
    *,
    name: str,
    contact: str,
    password: str,
    language: str,
    zone: str,
    key_ring: KeyRing,
    data_keys: DataKeys,
    passwords: Passwords,
    now: datetime,
) -> NewAccount:
    """An account for `profiles.open_account` to store.

    Raises:
        Invalid: a zone that is none, a contact that is neither e-mail nor phone, a password too short.
    """
    profiles.require_zone(zone)
    require_length(password)
    contact = contacts.normal(contact)
    account_id = secrets.token_hex(16)
    key, key_row = await data_keys.new(account_id, now)
    return NewAccount(
        id=account_id,
        contact_hmac=await key_ring.fingerprint(profiles.CONTACT, contact),
        password_hash=await passwords.hash(password),
        key=key,
        key_row=key_row,
        profile=Profile(name, contact),
        language=language,
        zone=zone,
    )


async def add_doctor(
    session: AsyncSession, account: NewAccount, doctor: NewDoctor, *, jurisdiction: str, now: datetime
) -> Doctor:
    """Store a doctor of this node, listed and able to sign in. Raises Invalid, ContactKnown."""
    row = await doctors.add_doctor(session, doctor, jurisdiction=jurisdiction, now=now)
    opened = await profiles.open_account(
        session, account, role="doctor", jurisdiction=jurisdiction, now=now, doctor_id=row.id
    )
    if opened is None:
        raise _known()
    return row


async def add_administrator(session: AsyncSession, account: NewAccount, *, jurisdiction: str, now: datetime) -> None:
    """Store an administrator of this node. Raises ContactKnown."""
    if await profiles.open_account(session, account, role="administrator", jurisdiction=jurisdiction, now=now) is None:
        raise _known()


def _known() -> ContactKnown:
    return ContactKnown(
        "Somebody on this node signs in with this contact already; use another e-mail address or phone number.",
        fields=[{"pointer": "/contact", "message": "Already in use on this node."}],
    )
