"""Sealed entries: they open in their place and are refused everywhere else."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemed.crypto.sealing import CannotUnseal, DataKeyValue, Place, seal, unseal

KEYS = st.builds(DataKeyValue, st.binary(min_size=16, max_size=16).map(bytes.hex), st.binary(min_size=32, max_size=32))
PLACES = st.builds(Place, *[st.text(max_size=40)] * 4, st.integers(0, 2**31))
KEY = DataKeyValue("0" * 32, bytes(32))
PLACE = Place("KE", "amina", "note", "entry", 1)


@given(KEYS, PLACES, st.binary(max_size=2_000))
def test_what_is_sealed_opens_in_its_place(key: DataKeyValue, place: Place, plaintext: bytes) -> None:
    assert unseal(key, place, seal(key, place, plaintext)) == plaintext


@given(PLACES, PLACES)
def test_it_opens_in_no_other_place(place: Place, other: Place) -> None:
    sealed = seal(KEY, place, b"note")
    if place == other:
        return
    with pytest.raises(CannotUnseal):
        unseal(KEY, other, sealed)


def test_letters_moved_from_one_part_to_the_next_make_another_place() -> None:
    sealed = seal(KEY, PLACE, b"note")
    with pytest.raises(CannotUnseal):
        unseal(KEY, replace(PLACE, jurisdiction="K", subject_id="Eamina"), sealed)


@given(st.binary(max_size=60), st.data())
def test_one_bit_changed_anywhere_is_refused(plaintext: bytes, data: st.DataObject) -> None:
    sealed = bytearray(seal(KEY, PLACE, plaintext))
    bit = data.draw(st.integers(0, len(sealed) * 8 - 1))
    sealed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(CannotUnseal):
        unseal(KEY, PLACE, bytes(sealed))


@given(st.integers(0, 80))
def test_a_part_of_it_is_refused(length: int) -> None:
    sealed = seal(KEY, PLACE, bytes(40))
    with pytest.raises(CannotUnseal):
        unseal(KEY, PLACE, sealed[:length])


def test_two_seals_of_one_text_differ() -> None:
    assert seal(KEY, PLACE, b"note") != seal(KEY, PLACE, b"note")


def test_a_key_does_not_show_in_its_repr() -> None:
    assert "secret" not in repr(KEY)
