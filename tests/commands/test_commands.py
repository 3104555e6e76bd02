"""An operator prepares a node from nothing: keys, trust list, database, people; each mistake is one sentence."""

import asyncio
import io
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from livekit import api
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from signaling.app import SESSIONS
from telemed.__main__ import main
from telemed.app import create_app, start
from telemed.audit import chain
from telemed.config import Settings
from telemed.crypto.keyring import FileKeyRing
from telemed.db import Database
from telemed.demo.prepare import prepare
from telemed.federation.keys import SigningKey
from telemed.schema import migrate
from tests.nodes import free_port

PASSWORD = "long enough for them"
ORIGIN = "http://ke.localhost:8441"
LONG_AGO = datetime(2026, 1, 1, 8, tzinfo=UTC)
DOCTOR: dict[str, Any] = {
    "name": "Dr Wanjiru (sample)",
    "contact": "wanjiru@example.org",
    "specialties": ["general-practice"],
    "languages": ["sw", "en"],
    "zone": "Africa/Nairobi",
    "visit_minutes": 20,
    "licences": [
        {
            "jurisdiction": "KE",
            "number": "KE-1",
            "authority": "KMPDC (sample)",
            "valid_from": "2026-01-01",
            "valid_until": "2036-12-31",
        }
    ],
    "hours": [{"weekday": 0, "start": "09:00", "end": "17:00"}],
}


def settings_file(folder: Path, more: str = "") -> Path:
    path = folder / "settings.toml"
    path.write_text(
        f'node = "KE"\njurisdiction = "KE"\nname = "Kenya"\norigin = "{ORIGIN}"\nport = 0\n{more}\n'
        f'[media]\nudp_port = 0\nkey = "k"\nsecret = "{"s" * 32}"\n'
    )
    return path


@dataclass(frozen=True)
class Operator:
    """Types commands; in this process, because starting one takes seconds."""

    capsys: pytest.CaptureFixture[str]
    monkeypatch: pytest.MonkeyPatch

    def done(self, *words: object, typed: str = "") -> str:
        code, said, complaint = self._run(words, typed)
        assert code == 0, complaint
        return said

    def refused(self, *words: object, typed: str = "") -> str:
        code, said, complaint = self._run(words, typed)
        assert (code, said, complaint.count("\n")) == (2, "", 1), complaint
        return complaint

    def _run(self, words: tuple[object, ...], typed: str) -> tuple[object, str, str]:
        self.monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
        with pytest.raises(SystemExit) as ended:
            main([str(word) for word in words])
        return ended.value.code, *self.capsys.readouterr()


@pytest.fixture
def operator(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Operator:
    return Operator(capsys, monkeypatch)


async def sign_in_everybody(settings: Settings) -> None:
    async with TestClient(TestServer(create_app(settings))) as client:
        for contact, role in (("admin@example.org", "administrator"), (DOCTOR["contact"], "doctor")):
            body = {"contact": contact, "password": PASSWORD}
            answer = await client.post("/api/v1/session", json=body, headers={"Origin": ORIGIN})
            assert (await answer.json())["role"] == role


def test_a_node_is_prepared_and_its_people_sign_in(operator: Operator, tmp_path: Path) -> None:
    settings = settings_file(tmp_path)
    entry = json.loads(operator.done("make-keys", "--settings", settings))
    assert (entry["id"], entry["origin"], entry["status"]) == ("KE", ORIGIN, "active")
    assert json.loads(operator.done("make-keys", "--settings", settings)) == entry
    assert "telemed migrate" in operator.refused(
        "add-administrator", "--settings", settings, "--name", "A", "--contact", "a@example.org", typed=PASSWORD
    )
    operator.done("migrate", "--settings", settings)
    operator.done("migrate", "--settings", settings)
    administrator = ("add-administrator", "--settings", settings, "--name", "Admin", "--contact", "admin@example.org")
    assert "10 to 256" in operator.refused(*administrator, typed="short\n")
    operator.done(*administrator, typed=PASSWORD + "\n")
    assert "already" in operator.refused(*administrator, typed=PASSWORD + "\n")
    (tmp_path / "doctor.json").write_text(json.dumps(DOCTOR))
    operator.done("add-doctor", "--settings", settings, "--file", tmp_path / "doctor.json", typed=PASSWORD + "\n")
    (tmp_path / "doctor.json").write_text(json.dumps({**DOCTOR, "contact": "x@example.org", "zone": "Nowhere"}))
    assert "/zone" in operator.refused(
        "add-doctor", "--settings", settings, "--file", tmp_path / "doctor.json", typed=PASSWORD
    )
    (tmp_path / "doctor.json").write_text(json.dumps({**DOCTOR, "contact": "x@example.org", "name": "Dr\0"}))
    assert "/name" in operator.refused(
        "add-doctor", "--settings", settings, "--file", tmp_path / "doctor.json", typed=PASSWORD
    )

    asyncio.run(sign_in_everybody(Settings.from_file(settings)))


def test_a_trust_list_is_signed_again_with_a_higher_version(operator: Operator, tmp_path: Path) -> None:
    key, nodes, out = tmp_path / "root.pem", tmp_path / "nodes.json", tmp_path / "trust-list.jws"
    root = operator.done("trust-list", "make-root", "--key", key).split('"')[1]
    assert key.stat().st_mode & 0o077 == 0
    entry = operator.done("make-keys", "--settings", settings_file(tmp_path))
    nodes.write_text(f"[{entry}]")
    sign = ("trust-list", "sign", "--key", key, "--nodes", nodes, "--out", out)
    assert "version 1, 1 nodes" in operator.done(*sign)
    assert "version 2" in operator.done(*sign, "--days", 30)
    shown = json.loads(operator.done("trust-list", "show", out, "--root", root))
    assert (shown["version"], shown["nodes"]) == (2, [json.loads(entry)])

    nodes.write_text(f"[{entry},{entry}]")
    assert "share" in operator.refused(*sign)
    assert "root.pem" in operator.refused("trust-list", "make-root", "--key", key)
    operator.done("trust-list", "make-root", "--key", tmp_path / "other.pem")
    assert "not signed by" in operator.refused("trust-list", "sign", "--key", tmp_path / "other.pem", *sign[4:])
    assert json.loads(operator.done("trust-list", "show", out, "--root", root))["version"] == 2


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (None, "cannot be read"),
        ("port = 1", "no TOML"),
        ("colour = 1", "/colour"),
        ('host = "0.0.0.0"', "write node_ips"),
        ('host = "::"', "write node_ips"),
        ('database = "postgresql://ke.example.org/ke"', "postgresql+asyncpg://"),
        ('database = "node.sqlite"', "sqlite+aiosqlite://"),
        ('database = "postgresql+asyncpg://ke.example.org:x/ke"', "write a URL"),
        ('database = "postgresql+asyncpg://nobody@127.0.0.1:1/none"', "telemed"),
    ],
)
def test_settings_that_are_no_use_are_named(operator: Operator, tmp_path: Path, more: str | None, words: str) -> None:
    path = tmp_path / "settings.toml" if more is None else settings_file(tmp_path, more)
    assert words in operator.refused("migrate", "--settings", path)


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "ke.example.org"])
def test_calls_arrive_at_addresses_that_browsers_can_reach(operator: Operator, tmp_path: Path, address: str) -> None:
    path = settings_file(tmp_path)
    path.write_text(path.read_text() + f'node_ips = ["127.0.0.1", "{address}"]\n')
    assert "/media/node_ips/1" in operator.refused("migrate", "--settings", path)


@pytest.mark.parametrize(
    ("host", "media", "announced"),
    [
        ("0.0.0.0", 'node_ips = ["127.0.0.2"]', "127.0.0.2"),
        ("127.0.0.3", "", "127.0.0.3"),
        ("127.0.0.1", 'node_ips = ["203.0.113.7"]', "203.0.113.7"),
    ],
)
async def test_a_node_announces_where_calls_arrive(tmp_path: Path, host: str, media: str, announced: str) -> None:
    path = settings_file(tmp_path, f'host = "{host}"')
    path.write_text(f"{path.read_text()}{media}\n")
    settings = Settings.from_file(path)
    FileKeyRing.create(settings.path(settings.key_ring))
    SigningKey.create(settings.path(settings.signing_key))
    await migrate(settings.database_url)
    app = create_app(settings)
    async with TestServer(app):
        (candidate,) = app._subapps[0][SESSIONS].endpoint.candidates
        assert candidate.split()[4] == announced


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("https://KE.example.org", "https://ke.example.org"),
        ("https://ke.example.org:443", "https://ke.example.org"),
        ("https://kliniken-münchen.example", "https://xn--kliniken-mnchen-8vb.example"),
        ("https://ke.example.org:99999", "range"),
        ("https://ke.example.org/", "nothing after it"),
        ("http://ke.example.org", "https"),
    ],
)
def test_an_origin_is_written_as_browsers_send_it(operator: Operator, tmp_path: Path, written: str, words: str) -> None:
    path = settings_file(tmp_path)
    path.write_text(path.read_text().replace(ORIGIN, written))
    assert words in operator.refused("migrate", "--settings", path).partition("/origin")[2]


@pytest.mark.parametrize(("name", "language", "wrong"), [("", "en", "/name"), ("A", "en us", "/language")])
def test_an_administrator_is_looked_at_as_whoever_signs_up_is(
    operator: Operator, tmp_path: Path, name: str, language: str, wrong: str
) -> None:
    settings = settings_file(tmp_path)
    operator.done("make-keys", "--settings", settings)
    operator.done("migrate", "--settings", settings)
    given = ("--name", name, "--contact", "a@example.org", "--language", language)
    assert wrong in operator.refused("add-administrator", "--settings", settings, *given, typed=PASSWORD)


def test_a_doctors_file_that_is_no_json_is_named(operator: Operator, tmp_path: Path) -> None:
    path = tmp_path / "doctor.json"
    for content in ("{", "[" * 100_000):
        path.write_text(content)
        assert "no JSON" in operator.refused("add-doctor", "--settings", settings_file(tmp_path), "--file", path)


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
async def test_a_node_whose_port_is_taken_names_it_and_leaves_nothing_running(
    tmp_path: Path, kind: socket.SocketKind
) -> None:
    path = settings_file(tmp_path)
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        setting = "port = 0" if kind == socket.SOCK_STREAM else "udp_port = 0"
        path.write_text(path.read_text().replace(f"\n{setting}", f"\n{setting[:-1]}{port}"))
        settings = Settings.from_file(path)
        FileKeyRing.create(settings.path(settings.key_ring))
        SigningKey.create(settings.path(settings.signing_key))
        await migrate(settings.database_url)
        before = asyncio.all_tasks()
        with pytest.raises(OSError, match=str(port)):
            await start(settings)
        assert asyncio.all_tasks() == before


def test_a_node_without_keys_says_how_to_make_them(operator: Operator, tmp_path: Path) -> None:
    settings = settings_file(tmp_path)
    assert "key ring" in operator.refused("serve", "--settings", settings)
    operator.done("make-keys", "--settings", settings)
    (tmp_path / "signing-key.pem").unlink()
    assert "make-keys" in operator.refused("serve", "--settings", settings)


def in_database(settings: Settings, work: Callable[[AsyncSession], Awaitable[object]]) -> None:
    async def do() -> None:
        database = Database(settings.database_url)
        async with database.write() as session:
            await work(session)
        await database.close()

    asyncio.run(do())


@pytest.fixture
def audited(operator: Operator, tmp_path: Path) -> Path:
    """The settings of a node with three rows in its audit chain, signed."""
    path = settings_file(tmp_path)
    operator.done("make-keys", "--settings", path)
    operator.done("migrate", "--settings", path)
    settings = Settings.from_file(path)
    key = SigningKey.open(settings.path(settings.signing_key))

    async def write(session: AsyncSession) -> None:
        for action in ("arrived", "read-shared", "wrote-note"):
            await chain.record(session, actor={}, action=action, subject="s", visit_id=None, detail={}, now=LONG_AGO)
        await chain.checkpoint(session, key.private, LONG_AGO)

    in_database(settings, write)
    return path


def test_an_audit_chain_is_verified(operator: Operator, audited: Path) -> None:
    said = operator.done("verify-audit", "--settings", audited)
    assert said == "KE: 3 rows of the audit chain are as they were written.\n"


def test_an_audit_chain_is_not_looked_for_in_a_database_without_one(operator: Operator, tmp_path: Path) -> None:
    path = settings_file(tmp_path)
    operator.done("make-keys", "--settings", path)
    assert "run: telemed migrate" in operator.refused("verify-audit", "--settings", path)


@pytest.mark.parametrize(
    ("tamper", "words"),
    [
        ("UPDATE audit_event SET action = 'nothing' WHERE seq = 2", "breaks at row 2"),
        ("DELETE FROM audit_checkpoint", "since 2026-01-01 08:00 UTC are signed by no checkpoint"),
    ],
)
def test_what_was_done_to_an_audit_chain_is_named(operator: Operator, audited: Path, tamper: str, words: str) -> None:
    async def do(session: AsyncSession) -> None:
        connection = await session.connection()
        # What keeps rows as they are is no obstacle to whoever owns the database.
        triggers = await connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'"))
        for name in triggers.scalars().all():
            await connection.execute(text(f"DROP TRIGGER {name}"))
        await connection.execute(text(tamper))

    in_database(Settings.from_file(audited), do)
    assert words in operator.refused("verify-audit", "--settings", audited)


def test_a_chain_signed_with_a_key_that_was_replaced_is_verified_with_its_public_half(
    operator: Operator, audited: Path
) -> None:
    settings = Settings.from_file(audited)
    path = settings.path(settings.signing_key)
    before = SigningKey.open(path).public
    path.unlink()
    operator.done("make-keys", "--settings", audited)
    assert "row 3 is not signed" in operator.refused("verify-audit", "--settings", audited)
    assert "3 rows" in operator.done("verify-audit", "--settings", audited, f"--key={before}")
    assert "make-keys prints" in operator.refused("verify-audit", "--settings", audited, "--key", "nonsense")


@pytest.mark.parametrize("damaged", ["ke/settings.toml", "ke/signing-key.pem", "root/root-key.pem"])
def test_a_demo_whose_files_are_damaged_says_which(operator: Operator, tmp_path: Path, damaged: str) -> None:
    prepare(tmp_path, {"KE": free_port()})
    (tmp_path / damaged).write_text("node = 7")
    ports = ",".join(str(free_port()) for _ in range(3))
    assert damaged in operator.refused("demo", "--var", tmp_path, "--ports", ports)


async def logged(folder: Path, meanwhile: Callable[[int], Awaitable[None]]) -> list[dict[str, Any]]:
    """What a node's process logs from its start to its end; `meanwhile` gets its port."""
    settings, port = settings_file(folder), free_port()
    settings.write_text(settings.read_text().replace("\nport = 0\n", f"\nport = {port}\n"))
    written = Settings.from_file(settings)
    FileKeyRing.create(written.path(written.key_ring))
    SigningKey.create(written.path(written.signing_key))
    await migrate(written.database_url)
    command = ("-m", "telemed", "serve", "--settings", str(settings))
    node = await asyncio.create_subprocess_exec(sys.executable, *command, stdout=subprocess.PIPE)
    assert node.stdout is not None
    lines: list[dict[str, Any]] = []
    async with asyncio.timeout(30):
        while not any("the node answers" in line["message"] for line in lines):
            lines.append(json.loads(await node.stdout.readline()))
    try:
        await meanwhile(port)
    finally:
        node.send_signal(signal.SIGTERM)
        rest, _ = await node.communicate()
    lines += [json.loads(line) for line in rest.splitlines()]
    assert node.returncode == 0
    return lines


async def test_a_node_that_serves_logs_one_json_object_a_line(tmp_path: Path) -> None:
    lines = await logged(tmp_path, lambda _: asyncio.sleep(0))
    assert lines[-1]["message"] == "the node has stopped"
    assert all({"at", "level", "logger", "message"} <= set(line) for line in lines)


async def test_what_no_http_is_is_refused_and_is_no_error_in_the_log(tmp_path: Path) -> None:
    token = api.AccessToken("k", "s" * 32).with_identity("amina").to_jwt()

    async def send(port: int) -> None:
        for path, encoding in (
            ("/api/v1/session", "gzip"),
            ("/media/twirp/livekit.RoomService/ListRooms", "gzip"),
            ("/api/v1/session", "br"),
            ("/api/v1/session", "nonsense\0"),
        ):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(
                f"POST {path} HTTP/1.1\r\nHost: ke\r\nOrigin: {ORIGIN}\r\nAuthorization: Bearer {token}\r\n"
                f"Content-Type: application/json\r\nContent-Encoding: {encoding}\r\nContent-Length: 8\r\n\r\n"
                "no gzip.".encode()
            )
            async with asyncio.timeout(10):
                answer = await reader.read()
            writer.close()
            assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.0 400")), (path, encoding, answer)

    lines = await logged(tmp_path, send)
    assert [line for line in lines if line["level"] == "error" or "exception" in line] == []
