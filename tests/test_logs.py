"""A log line is one JSON object that says what happened and where, never what somebody wrote."""

import json
import logging
import sys

from signaling.operation.logs import JsonLines

CANARY = "Amina +254700000000"


def line(record: logging.LogRecord) -> str:
    return JsonLines("telemed").format(record)


def fail() -> None:
    try:
        int(CANARY)
    except ValueError as wrong:
        raise RuntimeError(f"cannot read {CANARY}") from wrong


def test_an_exception_is_its_kinds_and_places_and_not_its_words() -> None:
    try:
        fail()
    except RuntimeError:
        said = line(logging.LogRecord("telemed", logging.ERROR, __file__, 1, "a handler failed", (), sys.exc_info()))
    assert CANARY not in said
    read = json.loads(said)
    assert [one["kind"] for one in read["exception"]] == ["builtins.RuntimeError", "builtins.ValueError"]
    assert read["exception"][0]["at"][-1].endswith(" fail")


def test_what_comes_as_extra_is_in_the_object() -> None:
    record = logging.makeLogRecord({"name": "telemed", "levelname": "INFO", "msg": "%s pulled", "args": ("CN",)})
    record.peer = "CN"
    read = json.loads(line(record))
    assert (read["message"], read["peer"], read["level"]) == ("CN pulled", "CN", "info")
    assert read["at"].endswith("+00:00")


def test_a_line_is_one_line() -> None:
    assert "\n" not in line(logging.makeLogRecord({"name": "telemed", "msg": "first\nsecond"}))


def test_a_library_says_only_what_kind_of_thing_happened() -> None:
    record = logging.makeLogRecord(
        {"name": "aiohttp.server", "msg": f"Error handling request from %s\n{CANARY}", "args": (CANARY,)}
    )
    record.peer = CANARY
    said = line(record)
    assert CANARY not in said
    assert json.loads(said)["message"] == "Error handling request from %s"


def test_a_package_of_a_like_name_is_not_ours() -> None:
    assert CANARY not in line(logging.makeLogRecord({"name": "telemedicine", "msg": "%s", "args": (CANARY,)}))
