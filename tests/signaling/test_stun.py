"""Connectivity checks, beside those that another implementation writes and reads."""

from __future__ import annotations

import aioice.stun
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signaling.sfu.formats import stun
from signaling.sfu.network.addresses import on_the_wire, to_address

PASSWORD = b"VOkJxbRl1RmTxUk/WvJxBt"
PUBLISHED = bytes.fromhex(
    "000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74002400046e0001ff80290008932ff9b151"
    "263b36000600096576746a3a6836765920202000080014 9aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf"
)
"""The request of RFC 5769 §2.1."""


def _theirs(*, nominated: bool = False, signed: bool = True) -> bytes:
    message = aioice.stun.Message(
        message_method=aioice.stun.Method.BINDING, message_class=aioice.stun.Class.REQUEST, transaction_id=bytes(12)
    )
    message.attributes["USERNAME"] = "ours:theirs"
    if nominated:
        message.attributes["USE-CANDIDATE"] = None
    if signed:
        message.add_message_integrity(PASSWORD)
    return bytes(message)


def test_the_published_request_is_read() -> None:
    message = stun.parse(PUBLISHED)
    assert (message.kind, message.username, message.is_nominated) == (stun.REQUEST, b"evtj:h6vY", False)
    assert message.transaction_id == PUBLISHED[8:20]
    assert message.is_genuine(PASSWORD)
    assert not message.is_genuine(PASSWORD[:-1])


@pytest.mark.parametrize("nominated", [True, False])
def test_what_another_implementation_asks_is_read(nominated: bool) -> None:
    message = stun.parse(_theirs(nominated=nominated))
    assert message.username == b"ours:theirs"
    assert message.is_nominated == nominated
    assert message.is_genuine(PASSWORD)


def test_what_nobody_signed_is_not_genuine() -> None:
    assert not stun.parse(_theirs(signed=False)).is_genuine(PASSWORD)


@pytest.mark.parametrize("source", [("192.0.2.1", 32853), ("2001:db8::7", 1)])
def test_another_implementation_reads_the_answer(source: tuple[str, int]) -> None:
    answer = stun.answer(stun.parse(_theirs()), *on_the_wire(to_address(*source) + bytes(8)), PASSWORD)
    found = aioice.stun.parse_message(answer)
    assert found.message_class == aioice.stun.Class.RESPONSE
    assert found.transaction_id == bytes(12)
    assert found.attributes["XOR-MAPPED-ADDRESS"] == source
    assert found.check_message_integrity(PASSWORD)
    assert stun.parse(answer).is_genuine(PASSWORD)


def test_another_implementation_reads_our_own_check() -> None:
    found = aioice.stun.parse_message(stun.request("theirs:ours", PASSWORD, bytes(range(12))))
    assert found.message_class == aioice.stun.Class.REQUEST
    assert found.transaction_id == bytes(range(12))
    assert found.attributes["USERNAME"] == "theirs:ours"
    assert {"PRIORITY", "ICE-CONTROLLED", "FINGERPRINT"} <= found.attributes.keys()
    assert found.check_message_integrity(PASSWORD)


def test_what_stands_behind_the_digest_counts_for_nothing() -> None:
    signed = _theirs()[:-8]
    more = signed[:2] + (len(signed) - 20 + 4).to_bytes(2, "big") + signed[4:] + bytes.fromhex("00250000")
    message = stun.parse(more)
    assert message.is_genuine(PASSWORD)
    assert not message.is_nominated


def test_no_bit_before_the_checksum_can_be_changed() -> None:
    for bit in range((len(PUBLISHED) - 8) * 8):
        changed = bytearray(PUBLISHED)
        changed[bit // 8] ^= 1 << bit % 8
        try:
            message = stun.parse(bytes(changed))
        except ValueError:
            continue
        assert not message.is_genuine(PASSWORD)


def test_a_checksum_stands_at_the_end() -> None:
    checksum = PUBLISHED[-8:]
    twice = PUBLISHED[:2] + (len(PUBLISHED) - 12).to_bytes(2, "big") + PUBLISHED[4:] + checksum
    with pytest.raises(ValueError, match="damaged"):
        stun.parse(twice)


@given(st.integers(0, len(PUBLISHED) - 1), st.booleans())
def test_what_is_cut_short_is_refused(length: int, is_told: bool) -> None:
    cut = PUBLISHED[:length]
    if is_told and length >= 20:
        cut = cut[:2] + (length - 20).to_bytes(2, "big") + cut[4:]
    try:
        message = stun.parse(cut)
    except ValueError:
        return
    # Cut between two attributes it is a message still; up to its digest it is even genuine.
    assert message.is_genuine(PASSWORD) == (length >= len(PUBLISHED) - 8)
