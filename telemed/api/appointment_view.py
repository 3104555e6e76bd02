"""An appointment as its patient sees it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from telemed.api.routing import Moment, View
from telemed.api.slots import LicenceView, LocalView, RuleView, SlotView
from telemed.calls import window
from telemed.directory import replica
from telemed.directory.replica import Home
from telemed.node import Node
from telemed.records import consent
from telemed.records.models import Consent
from telemed.scheduling.intervals import without
from telemed.scheduling.matching import next_slots
from telemed.scheduling.models import Visit
from telemed.scheduling.slots import local

Item = Literal["name", "reason", "allergies", "medicines"]
EndReason = Literal["doctor-ended", "timed-out", "consent-withdrawn"]


class BookedDoctor(View):
    """The doctor as the directory had them at the time of booking."""

    node: str
    id: str
    name: str
    jurisdiction: str
    licences: tuple[LicenceView, ...]


class ConsentView(View):
    """What she let the doctor see."""

    items: list[Item]
    country: str
    until: Moment
    withdrawn_at: Moment | None


class AppointmentView(View):
    """One appointment, and where it stands."""

    id: str
    state: Literal["requested", "held", "confirmed", "gone", "unreachable", "ended"]
    detail: str | None
    trying: bool
    hold_until: Moment | None
    starts_at: Moment
    ends_at: Moment
    hers: LocalView
    doctors: LocalView
    doctor: BookedDoctor
    language: str
    specialty: str
    rule: RuleView
    consent: ConsentView
    enter_from: Moment
    closes_at: Moment
    next_slots: list[SlotView]
    ended_at: Moment | None
    end_reason: EndReason | None


async def view_of(session: AsyncSession, node: Node, visit: Visit, zone: str, now: datetime) -> AppointmentView:
    """One appointment on the clock of `zone`; one that is gone comes with the doctor's next times."""
    given = await consent.of_visit(session, visit.id)
    following = await _following(session, node, visit, ZoneInfo(zone), now) if visit.state == "gone" else []
    return _view(visit, given, ZoneInfo(zone), following)


async def views_of(session: AsyncSession, visits: Sequence[Visit], zone: str) -> list[AppointmentView]:
    """Several appointments, without the next times."""
    found = await session.exec(select(Consent).where(col(Consent.visit_id).in_([visit.id for visit in visits])))
    given = {consent.visit_id: consent for consent in found}
    return [_view(visit, given[visit.id], ZoneInfo(zone), []) for visit in visits]


def home(node: Node) -> Home:
    """The node as the directory names nodes."""
    return Home(node.settings.node, node.settings.jurisdiction)


async def _following(session: AsyncSession, node: Node, visit: Visit, zone: ZoneInfo, now: datetime) -> list[SlotView]:
    listed = await replica.doctor(session, home(node), visit.doctor_node, visit.doctor_id)
    if listed is None:
        return []
    # The replica may be older than the answer, and would offer once more what has just been refused.
    others = replace(listed, free=without(listed.free, [(visit.starts_at, window.ends_at(visit))]))
    found = next_slots(others, node.rules, node.settings.jurisdiction, zone, now)
    return [SlotView.model_validate(slot, from_attributes=True) for slot in found]


def _view(visit: Visit, given: Consent, zone: ZoneInfo, following: list[SlotView]) -> AppointmentView:
    doctors = ZoneInfo(visit.doctor["zone"])
    kept = visit.model_dump(include=set(AppointmentView.model_fields))
    return AppointmentView.model_validate(
        {
            **kept,
            "ends_at": window.ends_at(visit),
            "hers": LocalView.model_validate(local(visit.starts_at, zone), from_attributes=True),
            "doctors": LocalView.model_validate(local(visit.starts_at, doctors), from_attributes=True),
            "consent": ConsentView.model_validate(given, from_attributes=True),
            "enter_from": window.enter_from(visit),
            "closes_at": window.closes_at(visit),
            "next_slots": following,
        }
    )
