"""A slot holds one packet, and nothing written to it reaches its neighbours."""

from __future__ import annotations

import pytest

from signaling.sfu.network.slots import SLOT_BYTES, Slots


def test_a_packet_is_read_as_it_was_written() -> None:
    slot = Slots(3).slots[1]
    slot.write(b"payload")
    slot.write(b"PAY")
    assert slot.read(7) == b"PAYload"
    assert slot.octet(0) == ord("P")


def test_what_would_reach_a_neighbour_is_refused() -> None:
    slots = Slots(3)
    with pytest.raises(ValueError, match="more than a slot holds"):
        slots.slots[1].write(bytes((7,)) * (SLOT_BYTES + 1))
    assert not any(slots.memory[:])


def test_no_more_is_read_than_a_slot_holds() -> None:
    with pytest.raises(ValueError, match="more than a slot holds"):
        Slots(2).slots[0].read(SLOT_BYTES + 1)
