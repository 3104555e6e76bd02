"""The `telemed` command: `serve` runs one node, `demo` a federation of three on this machine; the rest prepares one."""

import argparse
import sys
from collections.abc import Sequence

from sqlalchemy.exc import DBAPIError

from telemed.commands import audit, keys, migrate, people, serve, trust_list
from telemed.commands.terminal import sentence
from telemed.demo import federation
from telemed.errors import TelemedError

COMMANDS = (serve, federation, migrate, keys, trust_list, people, audit)


def main(words: Sequence[str] | None = None) -> None:
    """Run the command that the words name, the process's own when None; a refusal is one sentence and exit code 2."""
    parser = argparse.ArgumentParser(prog="telemed", description=__doc__)
    commands = parser.add_subparsers(required=True)
    for command in COMMANDS:
        command.add_command(commands)
    arguments = parser.parse_args(words)
    try:
        sys.exit(arguments.run(arguments))
    except TelemedError as refused:
        _refuse(sentence(refused))
    except DBAPIError as refused:
        _refuse(f"The database cannot be used: {refused.orig}.")
    except OSError as refused:
        _refuse(f"{refused.filename or 'telemed'}: {refused.strerror or refused}.")


def _refuse(said: str) -> None:
    sys.stderr.write(" ".join(said.split()) + "\n")
    sys.exit(2)


if __name__ == "__main__":
    main()
