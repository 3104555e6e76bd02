"""What can go wrong between a client and the server, each with the Twirp code that LiveKit gives it."""

from __future__ import annotations


class SignalingError(Exception):
    """Base of all; `code` is stable, the message is for developers and names no one."""

    code = "internal"


class UnauthenticatedError(SignalingError):
    """No token, or one that is not good."""

    code = "unauthenticated"


class PermissionDeniedError(SignalingError):
    """A good token that does not allow this. LiveKit gives it the code of one that is not good."""

    code = "unauthenticated"


class NotFoundError(SignalingError):
    """No such room, participant or track."""

    code = "not_found"


class InvalidArgumentError(SignalingError):
    """A request that makes no sense."""

    code = "invalid_argument"


class MalformedError(SignalingError):
    """A request that cannot be read."""

    code = "malformed"


class LimitExceededError(SignalingError):
    """The room or the server is full, or something is too large."""

    code = "resource_exhausted"


class TooManyFailuresError(SignalingError):
    """Somebody at the same address came too often with a token that is not good."""

    code = "resource_exhausted"

    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__("too many failures, try again later")
        self.retry_after_seconds = retry_after_seconds


class UnavailableError(SignalingError):
    """The server is about to end; another one, or the same in a moment, will do it."""

    code = "unavailable"


class FailedPreconditionError(SignalingError):
    """Something that the settings turn off."""

    code = "failed_precondition"


class UnimplementedError(SignalingError):
    """A method LiveKit has and this server has not."""

    code = "unimplemented"


class BadRouteError(SignalingError):
    """No such method."""

    code = "bad_route"


HTTP_STATUS = {
    "internal": 500,
    "unauthenticated": 401,
    "not_found": 404,
    "invalid_argument": 400,
    "malformed": 400,
    "resource_exhausted": 429,
    "unavailable": 503,
    "failed_precondition": 412,
    "unimplemented": 501,
    "bad_route": 404,
}
