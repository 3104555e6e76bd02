"""The map of the node's API: every route, and the gate before each."""

from collections.abc import Mapping

from aiohttp import web

from telemed.api import accounts, actors, federation_directory, inbox, slots
from telemed.api.routing import Gate, Route, Who, add

ROUTES: tuple[Route, ...] = (*accounts.ROUTES, *slots.ROUTES, *federation_directory.ROUTES)

GATES: Mapping[Who, Gate] = {
    Who.ANYONE: actors.anyone,
    Who.SIGNED_IN: actors.signed_in,
    Who.PATIENT: actors.patient,
    Who.DOCTOR: actors.doctor,
    Who.ADMINISTRATOR: actors.administrator,
    Who.PEER: inbox.peer_gate,
}


def add_all(app: web.Application) -> None:
    """Put every route on the router."""
    for route in ROUTES:
        add(app, route, GATES)
