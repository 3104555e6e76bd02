"""What one subscriber gets of one track: layer choice, renumbering, and answers to its complaints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from signaling.sfu.formats import codecs, rtcp, rtp
from signaling.sfu.formats.codecs import Vp8Descriptor
from signaling.sfu.formats.dependency import Frame, LayerSelector
from signaling.sfu.formats.opus import Pack
from signaling.sfu.formats.sdp import Codec
from signaling.sfu.link.allocation import Demand
from signaling.sfu.link.bandwidth import NO_LIMIT
from signaling.sfu.sending import playout
from signaling.sfu.sending.beginning import Beginning
from signaling.sfu.sending.repairs import Repairs
from signaling.sfu.sending.reporting import SenderReports
from signaling.sfu.sending.rewrite import SequenceMap, TimestampMap, Vp8Map, put_in_order
from signaling.sfu.sending.sent import KEPT_PACKETS, SentPacket
from signaling.sfu.sending.temporal import HIGHEST_TEMPORAL, Vp8Selector

if TYPE_CHECKING:
    from signaling.sfu.peer import Peer
    from signaling.sfu.receiving.uplink import Stream, Uplink

HIGHEST_LAYER: Final = 2
"""The largest of three simulcast layers, or spatial ones."""


class Downlink:
    """One outgoing RTP stream. It sends nothing until `bind` has told it the negotiated numbers."""

    def __init__(self, peer: Peer, uplink: Uplink, *, ssrc: int, rtx_ssrc: int) -> None:
        self.peer = peer
        self.uplink = uplink
        self.ssrc = ssrc
        self.rtx_ssrc = rtx_ssrc
        self.target_layer = HIGHEST_LAYER
        self.target_fps = 0
        self.rank = 0
        self.strips_trailers = False
        self.limit_layer = HIGHEST_LAYER
        self.limit_temporal: int = HIGHEST_TEMPORAL
        self.room_bps = NO_LIMIT
        self.fitted_at = 0.0
        self.paused = False
        self.packets = 0
        self.octets = 0
        self.fraction_lost = 0.0
        self._losses = playout.Losses()
        self._playout_id = 0
        self._playout: rtp.Extensions = ()
        self._current: Stream | None = None
        self._bound = False
        self._is_held = False
        self._beginning = Beginning()
        self._negotiated: tuple[list[Codec], dict[str, int]] | None = None
        self._payload_types = codecs.NONE_NEGOTIATED
        self._extensions: list[tuple[int, int]] = []
        self._sequences = SequenceMap(first_out=ssrc & 0x7FFF)
        self._timestamps = TimestampMap(uplink.codec.clock_rate, first_out=ssrc)
        self._pictures = Vp8Map()
        self._layers = LayerSelector()
        self._temporal = HIGHEST_TEMPORAL
        self._thinning: Vp8Selector | None = None
        self._pack: Pack | None = None
        self._repairs = Repairs(peer, ssrc=ssrc, rtx_ssrc=rtx_ssrc)
        self._slots = self._repairs.slots
        self._reports = SenderReports(ssrc, uplink.codec.clock_rate)

    @property
    def is_bound(self) -> bool:
        """Whether the subscriber has negotiated this stream."""
        return self._bound

    @property
    def is_repaired(self) -> bool:
        """Whether retransmissions have a format of their own."""
        return bool(self._repairs.payload_types)

    @property
    def is_watched(self) -> bool:
        """Whether the subscriber wants pictures, and there are any."""
        return self._bound and not self.paused and self.uplink.kind == "video" and not self.uplink.muted

    @property
    def current_layer(self) -> int:
        """The layer being forwarded, or -1."""
        return self._current.layer if self._current is not None else -1

    def bind(self, offered: list[Codec], extensions: dict[str, int]) -> bool:
        """Take the subscriber's payload types and extension ids. False when it cannot receive the codec."""
        self._negotiated = offered, extensions
        sent = self.uplink.payload_types.values()
        self._payload_types, self._repairs.payload_types = codecs.translate(sent, offered)
        forwarded = [rtp.ABS_CAPTURE_TIME, rtp.AUDIO_LEVEL]
        if self.uplink.codec.mime_type in ("vp9", "av1"):
            forwarded.append(rtp.DEPENDENCY_DESCRIPTOR)
        mine, theirs = extensions, self.uplink.extensions
        self._extensions = [(theirs[u], mine[u]) for u in forwarded if u in theirs and u in mine]
        self._playout_id = mine.get(rtp.PLAYOUT_DELAY, 0) if self.is_repaired else 0
        self._playout = ()
        self._bound = self._payload_types[self.uplink.codec.payload_type] >= 0
        self._is_held = not self.peer.secure.is_keyed
        self.peer.hurry()
        return self._bound

    def follow(self, uplink: Uplink) -> bool:
        """Get the track from another uplink, from its next key frame on. False when its codec cannot be received."""
        if self in self.uplink.downlinks:
            self.uplink.downlinks.remove(self)
        uplink.downlinks.append(self)
        self.uplink = uplink
        self._current = None
        return self._negotiated is None or self.bind(*self._negotiated)

    def unbind(self) -> None:
        """Send nothing more."""
        self._bound = False
        self._current = None

    @property
    def has_yielded(self) -> bool:
        """Whether the link is too narrow for even the smallest layer."""
        return self.limit_layer < 0

    def set_limit(self, layer: int, temporal: int) -> bool:
        """Take the largest layer that the link carries, -1 for none, and the highest of its temporal layers.

        Returns whether yielding begins or ends.
        """
        changed = (layer < 0) != self.has_yielded
        self.limit_layer, self.limit_temporal = layer, temporal
        if layer < 0:
            self.stop()
        return changed

    def set_paused(self, paused: bool) -> None:
        """Stop or go on; going on waits for a key frame."""
        if paused and not self.paused:
            self.stop()
        self.paused = paused

    def stop(self) -> None:
        """Send nothing until the next beginning: of pictures that is a key frame."""
        self._current = None
        if self._pack is not None:
            self._pack.restart()

    def wanted(self) -> Stream | None:
        """The best live stream not above the target layer, else the smallest there is."""
        alive = self.uplink.alive()
        if not alive:
            return None
        ceiling = min(self.target_layer, self.limit_layer)
        fitting = [stream for stream in alive if stream.layer <= ceiling]
        return fitting[-1] if fitting else alive[0]

    def demand(self) -> Demand | None:
        """The layers that could be sent and what they cost; None when nothing is wanted or measured."""
        if not self.is_watched:
            return None
        measured = [s for s in self.uplink.alive() if s.bitrate_bps > 0 and s.layer <= self.target_layer]
        if not measured:
            return None
        thinned = measured[0].thinned_bps
        structure = measured[0].dependencies.structure
        if len(measured) == 1 and structure is not None and structure.targets[structure.order[0]][0]:
            stream, highest = measured[0], min(structure.targets[structure.order[0]][0], self.target_layer)
            layers = structure.costs(stream.layer_bps, highest)
            current = (self._layers.spatial, self.limit_temporal)
            return Demand(layers or ((0, stream.bitrate_bps),), current, self.rank, thinned)
        layers = tuple((s.layer, s.bitrate_bps) for s in measured)
        return Demand(layers, (self.current_layer, self.limit_temporal), self.rank, thinned)

    def poll(self, now: float, horizon: float) -> None:
        """Ask for the key frame that a switch waits for, and drop what was sent before `horizon`."""
        if self._current is not None:
            self._temporal = min(self._current.rates.layer_for(self.target_fps), self.limit_temporal)
            if self._thinning is None and self._temporal < HIGHEST_TEMPORAL and self.uplink.codec.mime_type == "vp8":
                self._thinning = Vp8Selector()
        if self.uplink.kind == "audio":
            self._judge_pack(now)
        self._repairs.keep_from(horizon, self._sequences.last_out + 1, now)
        self.seek_key_frame(now)

    def seek_key_frame(self, now: float) -> None:
        """Ask for the key frame that a beginning or a switch waits for."""
        if self.has_yielded or not self.is_watched:
            return
        wanted = self.wanted()
        if wanted is not None and (wanted is not self._current or not self._layers.is_settled):
            self.uplink.request_key_frame(wanted, now)

    def forward_sound(self, stream: Stream, packet: rtp.Packet, number: int, name: str, now: float) -> None:
        """Send one packet of sound on, or let it wait for more; `name` is its codec's."""
        if self._pack is None or not self._packed(stream, packet, number, name, now):
            self.forward(stream, packet, number, name, key=not packet.is_padding, descriptor=None, now=now)

    def _packed(self, stream: Stream, packet: rtp.Packet, number: int, name: str, now: float) -> bool:
        """Whether a packet of sound waits, or has gone, with others."""
        pack, at = self._pack, packet.payload_at
        if name == "red":
            at = codecs.primary_of_red(packet.data, at, packet.payload_end) or packet.payload_end
        sound = packet.data[at : packet.payload_end]
        if pack is None or number <= pack.last:
            return False
        can_take = pack.can_take(sound)
        if not (can_take and pack.is_followed_by(packet, number, sound)):
            self._send_pack(stream, now)
        if can_take:
            pack.add(packet, number, sound, now)
            if pack.is_full:
                self._send_pack(stream, now)
        return can_take

    def _send_pack(self, stream: Stream, now: float) -> None:
        pack = self._pack
        if pack is None or pack.is_empty:
            return
        packet = pack.take(self.uplink.codec.payload_type)
        if packet.ssrc != stream.ssrc:
            return
        if stream is self._current:
            for number in range(pack.first, pack.last):
                self._sequences.drop(number)
        name = self.uplink.codec.mime_type
        self.forward(stream, packet, pack.last, name, key=True, descriptor=None, now=now)

    def _judge_pack(self, now: float) -> None:
        """Have sound packed as long as the subscriber's link wants it; what waits in vain for more goes."""
        pack, wanted = self._pack, 0 if self.uplink.is_opaque else self.peer.packet_ms
        is_other = wanted != (pack.milliseconds if pack is not None else 0)
        if pack is not None and self._current is not None and (is_other or pack.is_late(now)):
            self._send_pack(self._current, now)
        if is_other:
            self._pack = Pack(wanted) if wanted else None

    def forward(
        self,
        stream: Stream,
        packet: rtp.Packet,
        number: int,
        name: str,
        key: bool,
        descriptor: Vp8Descriptor | None,
        now: float,
        frame: Frame | None = None,
    ) -> None:
        """Send one packet on, or leave it out; `name` is its codec's."""
        if not self._bound or self.paused or self.limit_layer < 0:
            return
        if self._is_held:
            if self.uplink.kind != "video":
                return
            if self._beginning.is_over(self.octets, now):
                self._current = None
        if stream is not self._current:
            if not key or stream is not self.wanted():
                return
            self._switch(stream, packet, number, descriptor, now)
        payload_type = self._payload_types[packet.payload_type]
        at = packet.payload_at
        if payload_type < 0 and name == "red":
            payload_type = self._payload_types[self.uplink.codec.payload_type]
            at = codecs.primary_of_red(packet.data, at, packet.payload_end) or packet.payload_end
        if at >= packet.payload_end or payload_type < 0:
            self._sequences.drop(number)
            return
        left_out = 0
        if self._thinning is not None and descriptor is not None:
            left_out = self._thinning.choose(descriptor, self._temporal, is_key=key)
            if left_out < 0:
                self._sequences.drop(number)
                return
        marker = packet.marker
        if frame is not None and frame.structure is not None:
            spatial = min(self.target_layer, self.limit_layer)
            if not self._layers.choose(frame, packet.timestamp, spatial, self._temporal):
                self._sequences.drop(number)
                return
            # The receiver takes a picture as whole at the marker, which the layers left out would have carried.
            marker = marker or (frame.ends and frame.kind is not None and frame.kind.spatial == self._layers.spatial)
        sequence = self._sequences.forward(number)
        if sequence < 0:
            return
        prefix = b""
        if descriptor is not None:
            if key:
                self._pictures.is_in_order = self._is_slow()
            prefix = self._pictures.rewrite(packet.data[at], descriptor, left_out)
            if prefix:
                at += descriptor.size
        timestamp = self._timestamps.forward(packet.timestamp, now)
        data, end = packet.data, packet.payload_end
        # A publisher puts one behind each layer of a picture, of which the marker ends only the last.
        if self.strips_trailers and (marker or (frame is not None and frame.ends)):
            beginning, at, end = codecs.without_trailer(name, data, at, end)
            prefix += beginning
        forwarded = self._forwarded(packet) if self._extensions else ()
        if self._playout:
            forwarded += self._playout
        kept = SentPacket(sequence & 0xFFFF, marker, payload_type, timestamp, prefix, data, at, end, forwarded)
        if sequence > self._sequences.last_out - KEPT_PACKETS:
            # One that is later still would take the place of a newer one.
            self._slots[sequence & KEPT_PACKETS - 1] = kept
        self.packets += 1
        self.octets += len(prefix) + end - at
        if self._is_held:
            return
        kept.number = self.peer.send_rtp(
            marker=marker,
            payload_type=payload_type,
            sequence=sequence,
            timestamp=timestamp,
            ssrc=self.ssrc,
            extensions=forwarded,
            prefix=prefix,
            data=data,
            at=at,
            end=end,
        )

    def _forwarded(self, packet: rtp.Packet) -> rtp.Extensions:
        found: rtp.Extensions = ()
        for theirs, mine in self._extensions:
            value = packet.extension(theirs)
            if value:
                found = (*found, (mine, value)) if found else ((mine, value),)
        return found

    def _switch(
        self, stream: Stream, packet: rtp.Packet, number: int, descriptor: Vp8Descriptor | None, now: float
    ) -> None:
        aligned = None
        old = self._current
        if old is not None and old.report is not None and stream.report is not None:
            # Both layers report on the publisher's clock, so the same instant can be found in the old one.
            ahead = (stream.report.ntp - old.report.ntp) / 2**32
            rate = self.uplink.codec.clock_rate
            same = old.report.rtp_timestamp + ahead * rate - stream.report.rtp_timestamp
            aligned = (round(packet.timestamp + same) + self._timestamps.offset) & 0xFFFFFFFF
        self._sequences.restart(number)
        self._timestamps.restart(packet.timestamp, now, aligned)
        if descriptor is not None:
            self._pictures.restart(descriptor)
        self._layers.restart()
        if self._thinning is not None:
            self._thinning.restart()
        if self._pack is not None:
            self._pack.restart()
        self._current = stream
        self._beginning.begin(self._sequences.last_out + 1, self.octets, now)

    def release(self, now: float) -> None:
        """There are keys for the subscriber: send what was held, as if it had come just now."""
        is_held, self._is_held = self._is_held, False
        if not is_held or self._current is None:
            return
        if self._beginning.is_over(self.octets, now):
            self._current = None
            return
        # How far away the subscriber is, only the handshake has told.
        is_late = self.uplink.codec.mime_type == "vp8" and not self._pictures.is_in_order and self._is_slow()
        self._pictures.is_in_order |= is_late
        for kept in self._begun():
            if is_late:
                put_in_order(kept)
            self._repairs.send(kept)

    def _begun(self) -> list[SentPacket]:
        return self._repairs.find(self._beginning.first, self._sequences.last_out + 1)

    def retransmit(self, sequences: list[int]) -> None:
        """Answer a NACK with what is still there."""
        self._repairs.answer(sequences)

    def pad(self, octets: int) -> None:
        """Send padding that no decoder sees; only where retransmissions are known."""
        self._repairs.pad(octets, self._timestamps.last_out)

    def key_frame_requested(self, now: float) -> None:
        """The subscriber cannot decode. While what it began with may have been lost, that is sent once more."""
        if self._current is None:
            return
        beginning = self._beginning
        is_whole = beginning.is_repeatable and bool(self._repairs.find(beginning.first, beginning.first + 1))
        if not is_whole or beginning.is_over(self.octets, now):
            self.uplink.request_key_frame(self._current, now)
            return
        beginning.is_repeatable = False
        for kept in self._begun():
            self._repairs.send(kept)

    def report_received(self, report: rtcp.ReceptionReport, now: float) -> float | None:
        """Take a reception report; returns the round trip in seconds if it tells."""
        self.fraction_lost = report.fraction_lost / 256
        self._losses.note(self.fraction_lost, now)
        return self._reports.round_trip_seconds(report, now)

    def _is_slow(self) -> bool:
        """Whether a repair on either way takes so long that a receiver should wait for it."""
        ways = (self.uplink.peer, self.peer)
        return any(peer.rtt_seconds > playout.IN_ORDER_SECONDS for peer in ways if peer.is_rtt_known)

    def judge_playout(self, now: float) -> None:
        """Have pictures held back for as long as repairs take, on both ways; a wish holds until the next."""
        stream = self._current
        if stream is None or not self._playout_id:
            return
        ways = ((stream.losses, self.uplink.peer), (self._losses, self.peer))
        lossy = [peer for losses, peer in ways if losses.are_frequent(now) and peer.is_rtt_known]
        seconds = playout.hold_seconds([peer.rtt_seconds for peer in lossy])
        if seconds or self._playout:
            self._playout = ((self._playout_id, playout.write(seconds)),)

    def sender_report(self, now: float) -> rtcp.SenderReport | None:
        """What is to be reported now; None as long as the publisher has reported nothing."""
        stream = self._current
        if stream is None or stream.report is None or not self.packets:
            return None
        offset = self._timestamps.offset
        return self._reports.make(stream.report, stream.report_at, offset, self.packets, self.octets, now)
