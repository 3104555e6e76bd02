"""`telemed add-administrator` and `telemed add-doctor`: the people who work on a node."""

import argparse
import asyncio
import json
from datetime import datetime
from pathlib import Path

from telemed.accounts import opening
from telemed.accounts.opening import prepare_account
from telemed.accounts.passwords import Passwords
from telemed.accounts.profiles import NewAccount
from telemed.api.admin import AdministratorBody, DoctorBody
from telemed.api.routing import validated
from telemed.clock import system_clock
from telemed.commands.database import opened
from telemed.commands.terminal import Commands, FileUnusable, add_settings, password, say, settings_of, text_of
from telemed.config import Settings
from telemed.crypto.data_keys import DataKeys
from telemed.crypto.keyring import FileKeyRing


def add_command(commands: Commands) -> None:
    """Add both to the command line."""
    administrator = commands.add_parser("add-administrator", help="add an administrator, who adds doctors on the page")
    add_settings(administrator)
    administrator.add_argument("--name", required=True)
    administrator.add_argument("--contact", required=True, help="an e-mail address, or a phone number with + in front")
    administrator.add_argument("--language", default="en", help="of the page, such as en or fr")
    administrator.add_argument("--zone", default="UTC", help="the time zone, such as Africa/Nairobi")
    administrator.set_defaults(run=_add_administrator)
    doctor = commands.add_parser("add-doctor", help="add a doctor with licences and hours")
    add_settings(doctor)
    doctor.add_argument("--file", type=Path, required=True, help="the doctor as POST /admin/doctors takes it, in JSON")
    doctor.set_defaults(run=_add_doctor)


def _add_administrator(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    given = {name: getattr(arguments, name) for name in AdministratorBody.model_fields}
    body = validated(AdministratorBody, given)
    asyncio.run(_store_administrator(settings, body, password(), system_clock()))
    say(f"{settings.node}: {body.name} may sign in as administrator.")
    return 0


def _add_doctor(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    try:
        read = json.loads(text_of(arguments.file))
    except (ValueError, RecursionError) as wrong:
        raise FileUnusable(f"{arguments.file} is no JSON: {wrong}.") from wrong
    body = validated(DoctorBody, read)
    doctor_id = asyncio.run(_store_doctor(settings, body, password(), system_clock()))
    say(f"{settings.node}: {body.name} is listed as {doctor_id} and may sign in.")
    return 0


async def _store_administrator(settings: Settings, body: AdministratorBody, typed: str, now: datetime) -> None:
    async with opened(settings) as database:
        account = await _account(settings, body.name, body.contact, typed, body.language, body.zone, now)
        async with database.write() as session:
            await opening.add_administrator(session, account, jurisdiction=settings.jurisdiction, now=now)


async def _store_doctor(settings: Settings, body: DoctorBody, typed: str, now: datetime) -> str:
    doctor = body.doctor()
    async with opened(settings) as database:
        account = await _account(settings, body.name, body.contact, typed, body.languages[0], body.zone, now)
        async with database.write() as session:
            row = await opening.add_doctor(session, account, doctor, jurisdiction=settings.jurisdiction, now=now)
        return row.id


async def _account(
    settings: Settings, name: str, contact: str, typed: str, language: str, zone: str, now: datetime
) -> NewAccount:
    key_ring = FileKeyRing.open(settings.path(settings.key_ring))
    return await prepare_account(
        name=name,
        contact=contact,
        password=typed,
        language=language,
        zone=zone,
        key_ring=key_ring,
        data_keys=DataKeys(key_ring, settings.jurisdiction),
        passwords=Passwords(),
        now=now,
    )
