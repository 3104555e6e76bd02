"""What is slow about a new account, done before the transaction that stores it: key, fingerprint, password hash."""

import secrets
from datetime import datetime

from telemed.accounts import contacts, profiles
from telemed.accounts.passwords import Passwords
from telemed.accounts.profiles import NewAccount, Profile
from telemed.crypto.data_keys import DataKeys
from telemed.crypto.keyring import KeyRing


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
        Invalid: a zone that is none, or a contact that is neither e-mail nor phone.
    """
    profiles.require_zone(zone)
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
