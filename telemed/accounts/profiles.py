"""Accounts: opening one, and the name and contact that are sealed in it."""

import json
import secrets
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy.exc import IntegrityError
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from telemed.accounts.models import Account
from telemed.crypto.models import DataKey
from telemed.crypto.sealing import DataKeyValue, Place, seal, unseal
from telemed.errors import Invalid

CONTACT = "contact"
"""What the key ring's fingerprint of a contact is for."""


@dataclass(frozen=True, slots=True)
class Profile:
    """What is known of a person and sealed."""

    name: str
    contact: str


@dataclass(frozen=True, slots=True)
class NewAccount:
    """An account ready to be stored: everything slow has been done."""

    id: str
    contact_hmac: str
    password_hash: str
    key: DataKeyValue
    key_row: DataKey
    profile: Profile
    language: str
    zone: str


async def open_account(
    session: AsyncSession, new: NewAccount, *, role: str, jurisdiction: str, now: datetime, doctor_id: str | None = None
) -> Account | None:
    """Store an account with its data key; None, and nothing stored, when the contact is known already."""
    account = Account(
        id=new.id,
        role=role,
        contact_hmac=new.contact_hmac,
        password_hash=new.password_hash,
        sealed_profile=seal(new.key, _place(jurisdiction, new.id), _bytes(new.profile)),
        language=new.language,
        zone=new.zone,
        doctor_id=doctor_id,
        audit_handle=secrets.token_hex(16),
        created_at=now,
    )
    try:
        # The constraint decides, not a look beforehand: between two that come at once only the database does.
        async with session.begin_nested():
            session.add_all([new.key_row, account])
    except IntegrityError:
        return None
    return account


async def by_contact(session: AsyncSession, contact_hmac: str) -> Account | None:
    """The account behind a contact's fingerprint."""
    return (await session.exec(select(Account).where(Account.contact_hmac == contact_hmac))).first()


def profile_of(account: Account, key: DataKeyValue, jurisdiction: str) -> Profile:
    """The account's name and contact. Raises CannotUnseal."""
    return Profile(**json.loads(unseal(key, _place(jurisdiction, account.id), account.sealed_profile)))


def require_zone(zone: str) -> str:
    """An IANA time zone. Raises Invalid."""
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        message = "A time zone such as Africa/Nairobi."
        raise Invalid("Choose a time zone.", fields=[{"pointer": "/zone", "message": message}]) from None
    return zone


def _place(jurisdiction: str, account_id: str) -> Place:
    return Place(jurisdiction, account_id, "profile", account_id, 1)


def _bytes(profile: Profile) -> bytes:
    return json.dumps({"name": profile.name, "contact": profile.contact}).encode()
