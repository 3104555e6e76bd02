"""The one tree of things telemed refuses; each leaf has a stable code and a sentence that says what to do."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any


class TelemedError(Exception):
    """Something the caller may be told. `detail` is a sentence for a person; `extra` goes out as members.

    No HTTP status here: `telemed.api.problems` maps codes to statuses in one table.
    """

    code = "error"

    def __init__(self, detail: str, *, retry_after: timedelta | None = None, **extra: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.retry_after = retry_after
        self.extra: Mapping[str, Any] = extra


class NotFound(TelemedError):
    """It does not exist, or it is not for you: the answer is the same."""

    code = "not-found"


class Invalid(TelemedError):
    """A value that no rule of the domain allows."""

    code = "invalid"


class NotSignedIn(TelemedError):
    """There is no live session behind this request."""

    code = "not-signed-in"


class NotAllowed(TelemedError):
    """Signed in, but this role may not."""

    code = "not-allowed"


class Conflict(TelemedError):
    """What was asked does not fit the present state; leaves name the reason."""

    code = "conflict"


class KeyReused(Conflict):
    """The same Idempotency-Key came with another request."""

    code = "idempotency-key-reused"


class Gone(TelemedError):
    """It was there, and it is over."""

    code = "gone"


class TooMany(TelemedError):
    """A limit was reached; `retry_after` says when to come back."""

    code = "too-many-attempts"


class Unavailable(TelemedError):
    """Something this needs does not answer: a peer, the key ring."""

    code = "unavailable"
