"""The map of the node's API: every route, and the gate before each."""

from collections.abc import Mapping

from aiohttp import web

from telemed.api import (
    accounts,
    actors,
    admin,
    appointments,
    arrive,
    calendar,
    federation_appointments,
    federation_arrivals,
    federation_directory,
    inbox,
    join,
    node,
    notes,
    openapi,
    participants,
    record,
    slots,
    visits,
    webhooks,
)
from telemed.api.routing import Gate, Route, Who, add

ROUTES: tuple[Route, ...] = (
    *node.ROUTES,
    *openapi.ROUTES,
    *accounts.ROUTES,
    *admin.ROUTES,
    *slots.ROUTES,
    *appointments.ROUTES,
    *calendar.ROUTES,
    *join.ROUTES,
    *arrive.ROUTES,
    *visits.ROUTES,
    *notes.ROUTES,
    *record.ROUTES,
    *webhooks.ROUTES,
    *federation_directory.ROUTES,
    *federation_arrivals.ROUTES,
    *federation_appointments.ROUTES,
)

GATES: Mapping[Who, Gate] = {
    Who.ANYONE: actors.anyone,
    Who.SIGNED_IN: actors.signed_in,
    Who.PATIENT: actors.patient,
    Who.DOCTOR: actors.doctor,
    Who.ADMINISTRATOR: actors.administrator,
    Who.PARTICIPANT: participants.participant,
    Who.VISITING_DOCTOR: participants.visiting_doctor,
    Who.PEER: inbox.peer_gate,
    # These two prove themselves by what is in the body: a one-time code, a signature over it.
    Who.ARRIVAL: actors.anyone,
    Who.WEBHOOK: actors.anyone,
}


def add_all(app: web.Application) -> None:
    """Put every route on the router."""
    app[openapi.ROUTES_KEY] = ROUTES
    for route in ROUTES:
        add(app, route, GATES)
