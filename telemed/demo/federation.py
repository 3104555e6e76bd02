"""The `telemed demo` command: prepares three nodes, watches them and stops them; it serves nothing itself."""

import argparse
import asyncio
import signal
import sys
from collections.abc import Iterable
from pathlib import Path

from telemed.clock import system_clock
from telemed.config import Settings
from telemed.demo.people import DOCTORS, PASSWORD, PEOPLE
from telemed.demo.preflight import PORTS, ports_problem, writable_problem
from telemed.demo.prepare import alone, prepare
from telemed.demo.seed import seed
from telemed.demo.trust import lay_out
from telemed.demo.watch import Child, watch

WHAT_TO_TRY = """
Sign in with the password: {password}

{people}

What to try: sign in at KE as Amina and book Dr Li Hua of China (infectious diseases); a visit begins every ten
minutes. In another browser sign in at CN as Dr Li Hua, open the calendar and press Join. Admit her, talk, write
the note, sign it, end the visit; then Amina reads it in her record. Everybody here is invented, no rule is law.
Logs and settings are under {var}/; Ctrl-C stops everything."""


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `demo` to the command line."""
    demo = commands.add_parser("demo", help="run three nodes on this machine")
    demo.add_argument("--var", type=Path, default=Path("var"), help="where the nodes keep their files")
    demo.add_argument("--ports", type=_ports, default=PORTS, help="three ports, for KE, CN and IT: 8441,8442,8443")
    demo.set_defaults(run=_demo)


def _ports(text: str) -> dict[str, int]:
    numbers = [int(part) for part in text.split(",")]
    if len(set(numbers)) != len(PORTS) or not all(0 < number < 65536 for number in numbers):
        raise argparse.ArgumentTypeError(f"{len(PORTS)} different ports between 1 and 65535")
    return dict(zip(PORTS, numbers, strict=True))


def _demo(arguments: argparse.Namespace) -> int:
    problem = writable_problem(str(arguments.var)) or ports_problem(arguments.ports)
    if problem:
        sys.stderr.write(problem + "\n")
        return 2
    with alone(arguments.var):
        return asyncio.run(_run(arguments.var, arguments.ports))


async def _run(var: Path, ports: dict[str, int]) -> int:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    prepared = prepare(var, ports)
    lay_out(var, prepared.values(), system_clock())
    for settings in prepared.values():
        _say(f"preparing {settings.node} ...")
        await seed(settings, system_clock())
        if stop.is_set():
            # What is prepared so far is whole, and the next start goes on from there.
            return 0
    children = [
        Child(
            settings.node,
            (sys.executable, "-m", "telemed", "serve", "--until-stdin-ends", "--settings", str(path)),
            settings.origin,
            settings.port,
            path.with_name("node.log"),
        )
        for path, settings in prepared.items()
    ]
    return await watch(children, stop=stop, all_ready=lambda: _say(_what_to_try(var, prepared.values())), say=_say)


def _what_to_try(var: Path, nodes: Iterable[Settings]) -> str:
    people = [
        f"  {settings.origin:<28} {role:<14} {contact:<26} {name}"
        for settings in nodes
        for role, contact, name in [
            *((person.role, person.contact, person.name) for person in PEOPLE[settings.node]),
            *(("doctor", doctor.contact, doctor.name) for doctor in DOCTORS[settings.node]),
        ]
    ]
    return WHAT_TO_TRY.format(password=PASSWORD, people="\n".join(people), var=var)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
