"""What the commands share: their settings file, a typed password, and how they speak."""

import argparse
import sys
import tomllib
from getpass import getpass
from pathlib import Path
from typing import Any, TypeAlias

from pydantic import ValidationError

from telemed.config import Settings
from telemed.errors import Invalid, TelemedError

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001
"""What argparse gives and has no public name for."""


class FileUnusable(Invalid):
    """A file that the operator names is missing, or is not what it should be."""

    code = "file-unusable"


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Let the command take --settings."""
    parser.add_argument("--settings", type=Path, required=True, help="the node's settings, a TOML file")


def settings_of(arguments: argparse.Namespace) -> Settings:
    """The settings that the command was given. Raises FileUnusable."""
    return read_settings(arguments.settings)


def read_settings(path: Path) -> Settings:
    """The settings in a file. Raises FileUnusable."""
    try:
        return Settings.from_file(path)
    except OSError as missing:
        raise FileUnusable(f"{path} cannot be read: {missing.strerror}.") from missing
    except ValidationError as wrong:
        raise FileUnusable(f"{path} needs another look:", fields=named(wrong)) from wrong
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as wrong:
        raise FileUnusable(f"{path} is no TOML: {wrong}.") from wrong


def text_of(path: Path) -> str:
    """A file's text. Raises FileUnusable."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as missing:
        raise FileUnusable(f"{path} cannot be read: {missing.strerror}.") from missing
    except UnicodeDecodeError as wrong:
        raise FileUnusable(f"{path} is no text in UTF-8.") from wrong


def named(wrong: ValidationError) -> list[dict[str, str]]:
    """Each field that is wrong, as a problem's `fields` have it."""
    errors = wrong.errors(include_url=False, include_input=False, include_context=False)
    return [{"pointer": "".join(f"/{part}" for part in error["loc"]), "message": error["msg"]} for error in errors]


def password() -> str:
    """A password, asked twice at a terminal, or the first line of what is piped in. Raises Invalid."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    first = getpass("Password: ")
    if getpass("The same again: ") != first:
        raise Invalid("The two passwords differ; start again.")
    return first


def say(line: str) -> None:
    """Tell the operator."""
    sys.stdout.write(line + "\n")


def sentence(refused: TelemedError) -> str:
    """A refusal in one line, its fields in it."""
    fields: list[dict[str, Any]] = refused.extra.get("fields", [])
    return " ".join([refused.detail, *(f"{field['pointer']}: {field['message']}" for field in fields)])
