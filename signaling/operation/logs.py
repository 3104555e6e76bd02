"""Logs as JSON lines: what happened and ids, never what a person wrote."""

from __future__ import annotations

import json
import logging
import traceback
from datetime import UTC, datetime
from typing import Any

from aiohttp import web
from aiohttp.http import HttpProcessingError

_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
"""What every record has; whatever else it has came with `extra`."""
WARNINGS = "py.warnings"
SERVER = "aiohttp.server"


def is_news(record: logging.LogRecord) -> bool:
    """Whether it is more than what aiohttp has answered with 400 and calls an error: a caller sent what is no HTTP."""
    raised = record.exc_info[1] if record.exc_info else None
    return record.name != SERVER or not isinstance(raised, web.RequestPayloadError | HttpProcessingError)


class JsonLines(logging.Formatter):
    """One JSON object a line. An exception is its kinds and places, for its words may hold what somebody sent.

    `own` are the packages whose messages are written with this in mind. Of any other's message only the first line of
    its template is shown: libraries put addresses and whole requests into the rest.
    """

    def __init__(self, *own: str) -> None:
        super().__init__()
        self._own = (*own, WARNINGS)

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        is_own = any(record.name == name or record.name.startswith(f"{name}.") for name in self._own)
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage() if is_own else str(record.msg).partition("\n")[0],
        }
        if is_own:
            line |= {name: value for name, value in vars(record).items() if name not in _FIELDS}
        if record.exc_info and record.exc_info[1] is not None:
            line["exception"] = _places(record.exc_info[1])
        return json.dumps(line, default=str, ensure_ascii=False)


def _places(error: BaseException | None) -> list[dict[str, Any]]:
    found = []
    while error is not None:
        frames = traceback.extract_tb(error.__traceback__)
        at = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
        found.append({"kind": f"{type(error).__module__}.{type(error).__qualname__}", "at": at})
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return found
