"""Looking for a doctor: GET /slots."""

from datetime import date, datetime, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from aiohttp import web
from pydantic import BeforeValidator, Field

from telemed.api.actors import caller
from telemed.api.routing import Body, Moment, Route, View, Who
from telemed.directory import replica
from telemed.directory.entries import Code
from telemed.directory.replica import Home, Listed
from telemed.federation.trust_list import TrustListRefused
from telemed.node import NODE, Node
from telemed.scheduling import matching
from telemed.scheduling.matching import Match

STALE_AFTER = timedelta(minutes=1)
"""A directory not heard from for so long is called stale, unless it is pulled more rarely than that."""

Optional = Annotated[Code | None, BeforeValidator(lambda text: text or None)]
"""A code, or nothing: a form sends an empty text for "any"."""


class Wanted(Body):
    """What she looks for; the first day is one on her clock."""

    specialty: Optional = None
    language: Optional = None
    from_day: Annotated[date | None, BeforeValidator(lambda text: text or None)] = Field(
        None, alias="from", ge=date(2000, 1, 1), le=date(2200, 1, 1)
    )
    days: int = Field(7, ge=1, le=14)


class LocalView(View):
    """A time as a clock shows it."""

    date: str
    time: str
    zone: str


class SlotView(View):
    """An open time."""

    starts_at: Moment
    ends_at: Moment
    hers: LocalView
    doctors: LocalView


class LicenceView(View):
    """A licence to practise; both days inclusive."""

    jurisdiction: str
    number: str
    authority: str
    valid_from: date
    valid_until: date


class DoctorView(View):
    """A doctor of any node."""

    node: str
    id: str
    name: str
    jurisdiction: str
    specialties: tuple[str, ...]
    languages: tuple[str, ...]
    zone: str
    visit_minutes: int
    licences: tuple[LicenceView, ...]


class RuleView(View):
    """What the licence rules say, and why."""

    offered: bool
    kind: Literal["direct-care", "second-opinion", "education", "no", "unknown"]
    rule_id: str | None
    version: str
    source: str
    why: str
    sample: bool


class ResultView(View):
    """A doctor, the rule, and the open times; none when not offered."""

    doctor: DoctorView
    rule: RuleView
    slots: list[SlotView]
    more: bool


class ReplicaView(View):
    """When a peer was last heard from."""

    node: str
    pulled_at: Moment | None
    stale: bool


class SlotsView(View):
    """What was found, and how fresh it is."""

    zone: str
    results: list[ResultView]
    replicas: list[ReplicaView]


async def look(request: web.Request, wanted: Wanted) -> SlotsView:
    """Doctors of every node with their open times."""
    node, her = request.app[NODE], caller(request)
    now, zone, settings = node.clock(), ZoneInfo(her.zone), node.settings
    async with node.database.read() as session:
        found = await matching.search(
            session,
            own=Home(settings.node, settings.jurisdiction),
            rules=node.rules,
            specialty=wanted.specialty,
            language=wanted.language,
            zone=zone,
            from_day=wanted.from_day or now.astimezone(zone).date(),
            days=wanted.days,
            now=now,
        )
        pulled = {state.node: state.pulled_at for state in await replica.states(session)}
    return SlotsView(
        zone=her.zone,
        results=[_result(match) for match in found],
        replicas=await _replicas(node, pulled, now),
    )


async def _replicas(node: Node, pulled: dict[str, datetime | None], now: datetime) -> list[ReplicaView]:
    """How fresh each peer's directory is; one never heard from is named too, for its doctors are missing."""
    stale_before = now - max(STALE_AFTER, 3 * timedelta(seconds=node.settings.pull_every_s))
    try:
        expected = (await node.trust.current(now)).active.keys() - {node.settings.node}
    except TrustListRefused:
        # Whom to expect is unknown then; what was pulled before is still told.
        expected = set()
    return [
        ReplicaView(node=peer, pulled_at=at, stale=at is None or at < stale_before)
        for peer, at in sorted({**dict.fromkeys(expected), **pulled}.items())
    ]


def doctor_view(listed: Listed) -> DoctorView:
    """A doctor as everybody sees them."""
    return DoctorView.model_validate(listed.public())


def _result(match: Match) -> ResultView:
    return ResultView(
        doctor=doctor_view(match.listed),
        rule=RuleView.model_validate(match.decision, from_attributes=True),
        slots=[SlotView.model_validate(slot, from_attributes=True) for slot in match.slots],
        more=match.more,
    )


ROUTES = (
    Route(
        method="GET",
        path="/slots",
        handler=look,
        who=Who.PATIENT,
        query=Wanted,
        view=SlotsView,
        summary="Look for a doctor of any node, and their open times",
    ),
)
