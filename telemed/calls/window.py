"""When a visit may be entered and when it closes by itself; pure."""

from datetime import datetime, timedelta

from telemed.errors import Conflict, Gone, NotFound
from telemed.scheduling.models import Claim, Visit

BEFORE = timedelta(minutes=15)
"""How early both may enter: time to check a camera."""
AFTER = timedelta(hours=2)
"""How long after the planned end the doctor may return to a call that failed."""
TIMED_OUT = "timed-out"
"""The end of a visit that nobody ended."""


class NotOpenYet(Conflict):
    """The visit has not opened; `enter_from` says when it does."""

    code = "not-open-yet"


class VisitOver(Gone):
    """The visit has ended, or its time has passed; `end_reason` says which."""

    code = "visit-over"


def ends_at(visit: Visit | Claim) -> datetime:
    """The planned end."""
    return visit.starts_at + timedelta(minutes=visit.minutes)


def enter_from(visit: Visit | Claim) -> datetime:
    """From when the waiting room is open."""
    return visit.starts_at - BEFORE


def closes_at(visit: Visit | Claim) -> datetime:
    """When the visit closes by itself."""
    return ends_at(visit) + AFTER


def end_reason(visit: Visit | Claim) -> str | None:
    """Why a visit is over; from the minute when it closes by itself, stored or not. A calendar is not told."""
    if visit.state != "ended":
        return TIMED_OUT
    return visit.end_reason if isinstance(visit, Visit) else None


def require_open(visit: Visit | Claim, now: datetime) -> None:
    """Raises NotFound for a visit that was never confirmed, NotOpenYet, VisitOver."""
    if visit.state == "ended" or (visit.state == "confirmed" and now >= closes_at(visit)):
        raise VisitOver("This visit is over; what was signed is in the patient's record.", end_reason=end_reason(visit))
    if visit.state != "confirmed":
        raise NotFound("There is no confirmed visit here for you; go back to your appointments.")
    if now < enter_from(visit):
        raise NotOpenYet("Come back 15 minutes before the visit begins.", enter_from=enter_from(visit).isoformat())
