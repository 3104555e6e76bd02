"""A slot holds one packet, and nothing written to it reaches its neighbours."""

from __future__ import annotations

import pytest

from signaling.sfu.network.slots import SLOT_BYTES, Slots

ROOM = 128


def test_a_packet_is_read_as_it_was_written_with_what_stands_before_it() -> None:
    slot = Slots(3, ROOM).slots[1]
    slot.write(b"before, payload", -8)
    assert slot.read(7) == b"payload"
    slot.write(b"PAY")
    assert slot.read(7) == b"PAYload"
    assert slot.octet(0) == ord("P")


@pytest.mark.parametrize(("index", "size"), [(-ROOM - 1, 1), (0, SLOT_BYTES - ROOM + 1), (SLOT_BYTES - ROOM, 1)])
def test_what_would_reach_a_neighbour_is_refused(index: int, size: int) -> None:
    slots = Slots(3, ROOM)
    with pytest.raises(ValueError, match="more than a slot holds"):
        slots.slots[1].write(bytes((7,)) * size, index)
    assert not any(slots.memory[:])


def test_no_more_is_read_than_a_slot_holds() -> None:
    with pytest.raises(ValueError, match="more than a slot holds"):
        Slots(2, ROOM).slots[0].read(SLOT_BYTES - ROOM + 1)
