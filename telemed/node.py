"""One running node: what its routes and loops work with, built once by the composition root."""

import asyncio
from dataclasses import dataclass, field

from aiohttp import web

from telemed.accounts.passwords import Passwords
from telemed.calls.rooms import Rooms
from telemed.clock import Clock
from telemed.config import Settings
from telemed.crypto.data_keys import DataKeys
from telemed.crypto.keyring import KeyRing
from telemed.db import Database
from telemed.directory import licence_rules
from telemed.directory.languages import Languages
from telemed.directory.licence_rules import LicenceRules
from telemed.federation.client import Peers
from telemed.federation.keys import SigningKey
from telemed.federation.trust_list import Trust


@dataclass(frozen=True, slots=True)
class Node:
    """The parts of one node. Whoever commits a message for a peer sets `outbox_wake`."""

    settings: Settings
    database: Database
    clock: Clock
    key_ring: KeyRing
    data_keys: DataKeys
    passwords: Passwords
    calls: Rooms
    signing_key: SigningKey
    trust: Trust
    peers: Peers
    rules: LicenceRules = field(default_factory=licence_rules.load)
    languages: Languages = field(default_factory=Languages)
    outbox_wake: asyncio.Event = field(default_factory=asyncio.Event)


NODE = web.AppKey("node", Node)
