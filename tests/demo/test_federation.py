"""`telemed demo` makes three nodes that answer, stops them when asked, and keeps their keys."""

import asyncio
import os
import resource
import signal
import socket
import sys
import time
from asyncio.subprocess import PIPE, Process
from pathlib import Path

import aiohttp
import pytest
from livekit import api
from pydantic import ValidationError

from telemed.config import Settings
from telemed.demo.preflight import PORTS, ports_problem
from tests.nodes import free_port


def free_ports() -> list[int]:
    return [free_port() for _ in PORTS]


async def demo(var: Path, ports: list[int]) -> Process:
    listed = ",".join(map(str, ports))
    command = ("-m", "telemed", "demo", "--var", str(var), "--ports", listed)
    # Where the tests run under nohup, what they start would not hear of a closed terminal either.
    hang_up = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    try:
        return await asyncio.create_subprocess_exec(sys.executable, *command, stdout=PIPE, stderr=PIPE)
    finally:
        signal.signal(signal.SIGHUP, hang_up)


async def lines_until_ready(process: Process) -> list[str]:
    assert process.stdout is not None
    lines: list[str] = []
    async with asyncio.timeout(60):
        while not any("Ctrl-C" in line for line in lines):
            line = await process.stdout.readline()
            assert line, "the demo ended before it was ready"
            lines.append(line.decode().strip())
    return lines


async def stop(process: Process) -> float:
    asked_at = time.monotonic()
    process.send_signal(signal.SIGINT)
    await process.communicate()
    return time.monotonic() - asked_at


def cpu_seconds_of_the_ended() -> float:
    """What processes that have been waited for took of a processor, the nodes of a demo that has ended among them."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


async def test_three_nodes_answer_and_stop_and_keep_their_keys(tmp_path: Path) -> None:
    ports = free_ports()
    process = await demo(tmp_path, ports)
    try:
        lines = await lines_until_ready(process)
        for node, port in zip(("KE", "CN", "IT"), ports, strict=True):
            assert f"ready {node} http://{node.lower()}.localhost:{port}" in lines
            async with aiohttp.ClientSession() as client:
                answer = await client.get(f"http://127.0.0.1:{port}/healthz")
                assert (await answer.json())["node"] == node
                answer = await client.get(f"http://127.0.0.1:{port}/api/v1/node")
                assert (await answer.json())["id"] == node
    finally:
        assert await stop(process) < 5
    assert process.returncode == 0

    first = Settings.from_file(tmp_path / "ke" / "settings.toml")
    assert (tmp_path / "ke" / "settings.toml").stat().st_mode & 0o077 == 0
    before = cpu_seconds_of_the_ended()
    again = await demo(tmp_path, ports)
    try:
        await lines_until_ready(again)
    finally:
        await stop(again)
    assert cpu_seconds_of_the_ended() - before < 10
    assert Settings.from_file(tmp_path / "ke" / "settings.toml") == first


async def test_a_second_demo_on_the_same_files_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    process = await demo(tmp_path, free_ports())
    try:
        await lines_until_ready(process)
        first = (tmp_path / "ke" / "settings.toml").read_bytes()
        second = await demo(tmp_path, free_ports())
        try:
            async with asyncio.timeout(30):
                rest, said = await second.communicate()
        except TimeoutError:
            await stop(second)
            raise
        assert (second.returncode, rest, said.count(b"\n")) == (2, b"", 1)
        assert b"--var" in said
        assert (tmp_path / "ke" / "settings.toml").read_bytes() == first
    finally:
        await stop(process)


async def test_a_demo_that_is_stopped_while_it_prepares_starts_nothing(tmp_path: Path) -> None:
    process = await demo(tmp_path, free_ports())
    assert process.stdout is not None
    async with asyncio.timeout(30):
        assert await process.stdout.readline() == b"preparing KE ...\n"
    asked_at = time.monotonic()
    process.send_signal(signal.SIGINT)
    rest, said = await process.communicate()
    assert time.monotonic() - asked_at < 5
    assert (process.returncode, said) == (0, b"")
    assert all(line.startswith(b"preparing") for line in rest.splitlines())
    assert "node.log" not in os.listdir(tmp_path / "ke")  # noqa: PTH208


async def test_a_node_opens_rooms_for_its_own_key_only(tmp_path: Path) -> None:
    ports = free_ports()
    process = await demo(tmp_path, ports)
    try:
        await lines_until_ready(process)
        ke, cn = (Settings.from_file(tmp_path / name / "settings.toml") for name in ("ke", "cn"))
        assert ke.media.secret != cn.media.secret
        url = f"http://127.0.0.1:{ports[0]}/media"
        async with api.LiveKitAPI(url, ke.media.key, ke.media.secret) as own:
            assert (await own.room.create_room(api.CreateRoomRequest(name="visit"))).name == "visit"
        async with api.LiveKitAPI(url, cn.media.key, cn.media.secret) as other:
            with pytest.raises(api.TwirpError):
                await other.room.list_rooms(api.ListRoomsRequest())
    finally:
        await stop(process)


async def test_a_taken_port_ends_it_with_one_sentence_and_nothing_made(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        ports = [*free_ports()[:2], int(other.getsockname()[1])]
        process = await demo(tmp_path / "var", ports)
        _, said = await process.communicate()
    assert process.returncode == 2
    assert said.decode().count("\n") == 1
    assert b"node IT needs, is taken" in said
    assert os.listdir(tmp_path) == []  # noqa: PTH208


@pytest.mark.parametrize(
    "origin", ["http://hospital.example", "https://ke.example/path", "ke.localhost:8441", "ftp://ke.localhost"]
)
def test_an_origin_that_no_browser_would_trust_is_refused(origin: str) -> None:
    media = {"udp_port": 0, "key": "k", "secret": "s" * 32}
    with pytest.raises(ValidationError):
        Settings.model_validate(
            {"node": "KE", "jurisdiction": "KE", "name": "Kenya", "origin": origin, "port": 0, "media": media}
        )


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGHUP])
async def test_the_nodes_end_with_the_demo_and_it_starts_again(tmp_path: Path, number: signal.Signals) -> None:
    ports = free_ports()
    process = await demo(tmp_path, ports)
    await lines_until_ready(process)
    process.send_signal(number)
    await process.communicate()
    async with asyncio.timeout(10):
        while ports_problem(dict(zip(PORTS, ports, strict=True))):  # noqa: ASYNC110 - nothing is left that would tell
            await asyncio.sleep(0.1)
    again = await demo(tmp_path, ports)
    try:
        await lines_until_ready(again)
    finally:
        await stop(again)
