"""One running node: what its routes and loops work with, built once by the composition root."""

from dataclasses import dataclass

from aiohttp import web

from telemed.accounts.passwords import Passwords
from telemed.clock import Clock
from telemed.config import Settings
from telemed.crypto.data_keys import DataKeys
from telemed.crypto.keyring import KeyRing
from telemed.db import Database


@dataclass(frozen=True, slots=True)
class Node:
    """The parts of one node."""

    settings: Settings
    database: Database
    clock: Clock
    key_ring: KeyRing
    data_keys: DataKeys
    passwords: Passwords


NODE = web.AppKey("node", Node)
