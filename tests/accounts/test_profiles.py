"""One contact, one account, however many ask for one."""

import asyncio
import secrets
from pathlib import Path

from sqlmodel import select

from telemed.accounts import profiles
from telemed.accounts.models import Account
from telemed.crypto.data_keys import DataKeys
from telemed.crypto.keyring import FileKeyRing
from telemed.crypto.models import DataKey
from telemed.db import Database
from tests.conftest import SetClock


async def test_of_those_who_sign_up_at_once_with_one_contact_one_has_an_account(
    database: Database, clock: SetClock, tmp_path: Path
) -> None:
    data_keys = DataKeys(FileKeyRing.create(tmp_path / "key-ring.json"), "KE")

    async def sign_up() -> Account | None:
        account_id = secrets.token_hex(16)
        key, key_row = await data_keys.new(account_id, clock())
        profile = profiles.Profile("Amina", "amina@example.org")
        new = profiles.NewAccount(account_id, "her contact", "-", key, key_row, profile, "sw", "Africa/Nairobi")
        async with database.write() as session:
            return await profiles.open_account(session, new, role="patient", jurisdiction="KE", now=clock())

    opened = [account for account in await asyncio.gather(*(sign_up() for _ in range(8))) if account is not None]
    async with database.read() as session:
        assert (await session.exec(select(Account.id))).all() == [account.id for account in opened]
        assert len((await session.exec(select(DataKey))).all()) == len(opened) == 1
