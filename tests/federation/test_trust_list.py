"""The trust list: what a node accepts, and what it refuses."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat
from joserfc import jws
from pydantic import ValidationError

from telemed.db import Database
from telemed.federation import trust_list
from telemed.federation.keys import SigningKey, SigningKeyUnusable
from telemed.federation.trust_list import Trust, TrustedNode, TrustList, TrustListRefused
from tests.conftest import SetClock

NOW = datetime(2026, 11, 24, 8, tzinfo=UTC)
ROOT, KE, CN = (SigningKey.of(Ed25519PrivateKey.generate()) for _ in range(3))


def listed(version: int = 1, cn_status: str = "active") -> TrustList:
    nodes = [
        TrustedNode(id="KE", jurisdiction="KE", origin="http://ke.localhost:1", keys=(KE.public,)),
        TrustedNode.model_validate(
            {
                "id": "CN",
                "jurisdiction": "CN",
                "origin": "http://cn.localhost:2",
                "keys": (CN.public,),
                "status": cn_status,
            }
        ),
    ]
    return trust_list.make(nodes, version=version, now=NOW, life=timedelta(days=30))


def test_a_list_names_each_node_by_its_id_and_by_its_keys() -> None:
    read = trust_list.verify(trust_list.sign(listed(), ROOT), root=ROOT.public, now=NOW)
    assert read == listed()
    assert read.signers[KE.keyid].id == "KE"
    assert list(read.keys_of("CN")) == [CN.keyid]
    assert read.node("IT") is None


def test_a_suspended_node_has_no_keys() -> None:
    suspended = listed(cn_status="suspended")
    assert suspended.node("CN") is None
    assert CN.keyid not in suspended.public_keys


def test_a_node_is_trusted_with_what_the_list_says_and_with_all_where_it_is_silent() -> None:
    ke, cn = listed().nodes
    assert ke.may("directory")
    assert ke.may("visits")
    fewer = TrustedNode.model_validate({**cn.model_dump(), "purposes": ["directory"]})
    assert [fewer.may("directory"), fewer.may("booking"), fewer.may("visits")] == [True, False, False]
    with pytest.raises(ValidationError):
        TrustedNode.model_validate({**cn.model_dump(), "purposes": ["everything"]})


def test_another_roots_list_is_refused() -> None:
    with pytest.raises(TrustListRefused):
        trust_list.verify(trust_list.sign(listed(), KE), root=ROOT.public, now=NOW)


def test_a_list_past_its_end_is_refused() -> None:
    with pytest.raises(TrustListRefused):
        trust_list.verify(trust_list.sign(listed(), ROOT), root=ROOT.public, now=NOW + timedelta(days=30))


def test_what_the_root_signed_for_another_purpose_is_refused() -> None:
    text = jws.serialize_compact(
        {"alg": "Ed25519", "typ": "JWT"}, listed().model_dump_json(), ROOT.jwk, algorithms=["Ed25519"]
    )
    with pytest.raises(TrustListRefused):
        trust_list.verify(text, root=ROOT.public, now=NOW)


def test_two_nodes_may_not_share_a_key() -> None:
    ke, cn = listed().nodes
    with pytest.raises(ValidationError):
        trust_list.make([ke, cn.model_copy(update={"keys": ke.keys})], version=1, now=NOW, life=timedelta(days=1))


@pytest.mark.parametrize("written", ["{}=", "{}!!!!", "\n\n\n\n{}"])
def test_two_nodes_may_not_share_a_key_that_is_written_in_two_ways(written: str) -> None:
    ke, cn = listed().nodes
    same = TrustedNode.model_validate({**cn.model_dump(), "keys": [written.format(KE.public)]})
    assert list(trust_list.make([same], version=1, now=NOW, life=timedelta(days=1)).public_keys) == [KE.keyid]
    with pytest.raises(ValidationError):
        trust_list.make([ke, same], version=1, now=NOW, life=timedelta(days=1))


async def test_a_changed_file_is_taken_up_and_an_older_list_is_not(
    database: Database, tmp_path: Path, clock: SetClock
) -> None:
    path = tmp_path / "trust-list.jws"
    trust = Trust(database, path, ROOT.public)
    with pytest.raises(TrustListRefused):
        await trust.current(clock())
    for offered, in_force in ((2, 2), (3, 3), (1, 3)):
        beside = tmp_path / f"new-{offered}"
        beside.write_text(trust_list.sign(listed(offered), ROOT))
        beside.rename(path)
        assert (await trust.current(clock())).version == in_force
    with pytest.raises(TrustListRefused):
        await Trust(database, path, ROOT.public).current(clock())


async def test_whoever_takes_the_first_list_at_once_finds_it_accepted(
    database: Database, tmp_path: Path, clock: SetClock
) -> None:
    path = tmp_path / "trust-list.jws"
    path.write_text(trust_list.sign(listed(), ROOT))
    trust = Trust(database, path, ROOT.public)
    taken = await asyncio.gather(*(trust.current(clock()) for _ in range(5)))
    assert [one.version for one in taken] == [1] * 5


async def test_a_file_that_is_no_text_is_no_list(database: Database, tmp_path: Path, clock: SetClock) -> None:
    path = tmp_path / "trust-list.jws"
    trust = Trust(database, path, ROOT.public)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(TrustListRefused):
        await trust.current(clock())
    path.write_text(trust_list.sign(listed(), ROOT))
    assert (await trust.current(clock())).version == 1
    path.write_bytes(b"\xff\xfe")
    assert (await trust.current(clock())).version == 1


def test_a_file_that_is_no_key_is_named(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    locked = BestAvailableEncryption(b"a password")
    for content in (b"", b"\xff", KE.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked)):
        path.write_bytes(content)
        path.chmod(0o600)
        with pytest.raises(SigningKeyUnusable, match=r"key\.pem"):
            SigningKey.open(path)


def test_no_key_is_made_that_reads_as_an_option(tmp_path: Path) -> None:
    # Of 600 made at random, all would pass once in ten thousand times.
    made = [SigningKey.create(tmp_path / str(number)).public for number in range(600)]
    assert not [public for public in made if public.startswith("-")]


def test_a_key_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    key = SigningKey.create(path)
    assert SigningKey.load(path).public == key.public
    path.chmod(0o644)
    with pytest.raises(ValueError, match="read by others"):
        SigningKey.load(path)
