"""Which track's stream a received SSRC is: declared, named by MID and RID, a repair of another, or nobody's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from signaling.sfu.formats import rtp
from signaling.sfu.formats.rtp import Packet
from signaling.sfu.receiving.uplink import Stream, Uplink

MAX_STREAMS: Final = 64
"""Incoming SSRCs of one peer; libsrtp keeps a context for each."""
MAX_STRANGERS: Final = 64
"""SSRCs that belong to no track, or that only report, before libsrtp's contexts for them are freed."""
RIDS = ("q", "h", "f")


def layer_of(rid: str) -> int:
    """The spatial layer that a LiveKit client's rid names."""
    return RIDS.index(rid) if rid in RIDS else 0


class Incoming:
    """The streams of one peer by SSRC; `forget(ssrc)` frees what decryption keeps for one that is gone."""

    def __init__(self, forget: Callable[[int], None]) -> None:
        self.uplinks: dict[str, Uplink] = {}
        self.streams: dict[int, Stream] = {}
        self.repairs: dict[int, Stream] = {}
        self.strangers: set[int] = set()
        self._forget = forget
        self._declared: dict[int, Uplink] = {}
        self._declared_repairs: dict[int, tuple[int, Uplink]] = {}
        self._mid_id = self._rid_id = self._repaired_rid_id = 0

    @property
    def is_empty(self) -> bool:
        """Whether nothing is expected or known any more."""
        return not (self.uplinks or self.streams or self.repairs or self._declared or self._declared_repairs)

    def learn_extensions(self, extensions: dict[str, int]) -> None:
        """Note the ids under which the client identifies its streams; they are the same in a whole bundle."""
        self._mid_id = extensions.get(rtp.MID, self._mid_id)
        self._rid_id = extensions.get(rtp.RID, self._rid_id)
        self._repaired_rid_id = extensions.get(rtp.REPAIRED_RID, self._repaired_rid_id)

    def expect(self, uplink: Uplink, ssrcs: list[int], repairs: dict[int, int]) -> None:
        """Expect a track's packets, by declared SSRC or by MID and RID; `repairs` are (RTX SSRC, repaired SSRC)."""
        self.uplinks[uplink.mid] = uplink
        self._declared.update({ssrc: uplink for ssrc in ssrcs if ssrc not in repairs})
        self._declared_repairs.update({repair: (base, uplink) for repair, base in repairs.items()})

    def drop(self, uplink: Uplink) -> list[Stream]:
        """Forget a track; returns the streams that it had."""
        self.uplinks.pop(uplink.mid, None)
        ended = [stream for stream in self.streams.values() if stream.uplink is uplink]
        for table in (self.streams, self.repairs):
            for ssrc in [ssrc for ssrc, stream in table.items() if stream.uplink is uplink]:
                del table[ssrc]
                self._forget(ssrc)
        self._declared = {ssrc: owner for ssrc, owner in self._declared.items() if owner is not uplink}
        self._declared_repairs = {
            ssrc: entry for ssrc, entry in self._declared_repairs.items() if entry[1] is not uplink
        }
        return ended

    def may_begin(self, ssrc: int) -> bool:
        """Whether a packet of an SSRC that is no stream may be looked at."""
        return ssrc in self.repairs or len(self.streams) + len(self.repairs) < MAX_STREAMS

    def note_stranger(self, ssrc: int) -> None:
        """Count an SSRC that belongs to nobody; before there are too many, all are forgotten."""
        if ssrc in self.streams or ssrc in self.repairs:
            return
        self.strangers.add(ssrc)
        if len(self.strangers) > MAX_STRANGERS:
            for stranger in self.strangers - self.streams.keys() - self.repairs.keys():
                self._forget(stranger)
            self.strangers.clear()

    def stream_of(self, packet: Packet) -> Stream | None:
        """The stream of a packet whose SSRC is none yet: the first of one, or a retransmission (see `is_repair`)."""
        repaired = self._repaired_by(packet)
        if repaired is not None:
            self.repairs[packet.ssrc] = repaired
            return repaired
        uplink = None if packet.ssrc in self._declared_repairs else self._uplink_of(packet)
        if uplink is None or packet.extension(self._repaired_rid_id):
            return None
        rid = packet.extension(self._rid_id).decode("ascii", "replace")
        stream = self.streams[packet.ssrc] = uplink.add_stream(packet.ssrc, rid, layer_of(rid))
        return stream

    def is_repair(self, ssrc: int) -> bool:
        """Whether an SSRC carries another stream's packets again (RFC 4588)."""
        return ssrc in self.repairs

    def _repaired_by(self, packet: Packet) -> Stream | None:
        known = self.repairs.get(packet.ssrc)
        if known is not None:
            return known
        declared = self._declared_repairs.get(packet.ssrc)
        if declared is not None:
            return self.streams.get(declared[0])
        named = packet.extension(self._repaired_rid_id)
        uplink = self._uplink_of(packet) if named else None
        if uplink is None:
            return None
        rid = named.decode("ascii", "replace")
        # A client may have gone on under another SSRC; then it repairs what it sends now.
        return next((stream for stream in reversed(uplink.streams) if stream.rid == rid), None)

    def _uplink_of(self, packet: Packet) -> Uplink | None:
        mid = packet.extension(self._mid_id).decode("ascii", "replace")
        return self._declared.get(packet.ssrc) or self.uplinks.get(mid)
