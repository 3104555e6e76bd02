"""Starts the nodes' processes, says when each answers, reports one that dies, and stops them all."""

import asyncio
import os
import signal
from asyncio.subprocess import Process
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import aiohttp

START_S = 60
"""How long a node may take until it answers, migrations of a large database included."""
TERM_S = 3.0
"""How long a node may take to end its calls after SIGTERM; the promise for all is five seconds."""
POLL_S = 0.1
TAIL_BYTES = 2_000

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Child:
    """One node's process: what starts it, where it answers, where its output goes."""

    name: str
    command: Sequence[str]
    origin: str
    port: int
    log: Path


async def watch(children: Sequence[Child], *, stop: asyncio.Event, all_ready: Callable[[], None], say: Say) -> int:
    """Run the children until `stop` is set or all have ended, and leave none behind.

    Returns:
        The exit code: 0 when asked to stop, 1 when a node died before it answered, or all did.
    """
    running: dict[str, Process] = {}
    try:
        for child in children:
            running[child.name] = await _start(child)
        return await _follow(children, running, stop=stop, all_ready=all_ready, say=say)
    finally:
        await _stop_all(running.values())


async def _start(child: Child) -> Process:
    child.log.parent.mkdir(parents=True, exist_ok=True)
    with child.log.open("ab") as log:
        # A session of its own: the terminal's Ctrl-C reaches only this process, which then stops them in order. A pipe
        # for input: it ends with this process, however that ends.
        return await asyncio.create_subprocess_exec(
            *child.command, stdin=asyncio.subprocess.PIPE, stdout=log, stderr=log, start_new_session=True
        )


async def _follow(
    children: Sequence[Child],
    running: Mapping[str, Process],
    *,
    stop: asyncio.Event,
    all_ready: Callable[[], None],
    say: Say,
) -> int:
    stopping = asyncio.create_task(stop.wait())
    deaths = {child.name: asyncio.create_task(running[child.name].wait()) for child in children}
    ready = asyncio.create_task(_all_answer(children, say))
    try:
        await asyncio.wait({stopping, ready, *deaths.values()}, return_when=asyncio.FIRST_COMPLETED)
        if stopping.done():
            return 0
        if not ready.done() or ready.exception():
            for child in children:
                say(_obituary(child, running[child.name].returncode))
            return 1
        all_ready()
        return await _outlive(children, deaths, stopping, say)
    finally:
        for task in (stopping, ready, *deaths.values()):
            task.cancel()


async def _outlive(
    children: Sequence[Child], deaths: Mapping[str, asyncio.Task[int]], stopping: asyncio.Task[bool], say: Say
) -> int:
    # One node's death leaves the others running: that is what a federation is for.
    alive = {child.name: child for child in children}
    while alive:
        await asyncio.wait({stopping, *(deaths[name] for name in alive)}, return_when=asyncio.FIRST_COMPLETED)
        if stopping.done():
            return 0
        for name in [name for name in alive if deaths[name].done()]:
            say(_obituary(alive.pop(name), deaths[name].result()))
    return 1


async def _all_answer(children: Sequence[Child], say: Say) -> None:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as client, asyncio.timeout(START_S):
        await asyncio.gather(*(_answers(client, child, say) for child in children))


async def _answers(client: aiohttp.ClientSession, child: Child, say: Say) -> None:
    # Python does not resolve *.localhost, and a node is only its own origin: so the address here, the name in Host.
    url, host = f"http://127.0.0.1:{child.port}/healthz", child.origin.partition("//")[2]
    while True:
        with suppress(aiohttp.ClientError, TimeoutError):
            async with client.get(url, headers={"Host": host}) as answer:
                if answer.status == 200:
                    say(f"ready {child.name} {child.origin}")
                    return
        await asyncio.sleep(POLL_S)


def _obituary(child: Child, code: int | None) -> str:
    if code is None:
        return f"{child.name} is stopped because the others cannot all start."
    with child.log.open("rb") as log:
        log.seek(max(0, log.seek(0, os.SEEK_END) - TAIL_BYTES))
        last = log.read().decode(errors="replace").strip().splitlines()[-5:]
    how = f"was ended by signal {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
    return "\n  ".join([f"{child.name} {how}; the end of {child.log}:", *last])


async def _stop_all(processes: Iterable[Process]) -> None:
    alive = [process for process in processes if process.returncode is None]
    for process in alive:
        with suppress(ProcessLookupError):
            process.terminate()
    _, late = await asyncio.wait(
        [asyncio.create_task(process.wait()) for process in alive] or [asyncio.create_task(asyncio.sleep(0))],
        timeout=TERM_S,
    )
    for process in alive:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
    await asyncio.gather(*late)
