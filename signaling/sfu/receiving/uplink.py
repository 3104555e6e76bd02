"""What a publisher sends: its streams, what is missing of them, and the downlinks that get them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from signaling.sfu.formats import codecs, rtcp, rtp
from signaling.sfu.formats.dependency import MAX_SPATIAL, DependencyReader, Frame
from signaling.sfu.formats.rtp import Extender, Packet
from signaling.sfu.formats.sdp import Codec
from signaling.sfu.link.bandwidth import NO_LIMIT
from signaling.sfu.receiving.missing import Missing
from signaling.sfu.receiving.speakers import Loudness
from signaling.sfu.sending.playout import Losses
from signaling.sfu.sending.temporal import LAYERS, FrameRates, thinned

if TYPE_CHECKING:
    from signaling.sfu.peer import Peer
    from signaling.sfu.sending.downlink import Downlink

KEY_FRAME_SECONDS: Final = 0.5
"""Least time between two key frame requests to one stream, however many viewers ask."""
KEY_FRAME_ROUND_TRIPS: Final = 3
"""On a slow link a key frame takes long to come; asking again meanwhile would only make another."""
BITRATE_WINDOW_SECONDS: Final = 1.0
"""The lesser of two counts: a shared screen's key frame fills one, and seemed to be more than a narrow link carries."""
ALIVE_SECONDS: Final = 1.0
"""A layer silent for this long, while another is sent, has been stopped."""
MAX_EARLY: Final = 64
"""Packets of one stream that wait for the one that says what they are: it was overtaken, or is being sent again."""


@dataclass(slots=True)
class Stream:
    """One incoming RTP stream: a track, or one simulcast layer of it (0 is the smallest)."""

    uplink: Uplink
    ssrc: int
    rid: str
    layer: int
    repair_ssrc: int = 0
    numbers: Extender = field(default_factory=Extender)
    dependencies: DependencyReader = field(default_factory=DependencyReader)
    highest: int = -1
    first: int = -1
    packets: int = 0
    octets: int = 0
    jitter: float = 0.0
    missing: Missing = field(default_factory=Missing)
    losses: Losses = field(default_factory=Losses)
    rates: FrameRates = field(default_factory=FrameRates)
    report: rtcp.SenderReport | None = None
    report_at: float = 0.0
    bitrate_bps: float = 0.0
    fraction_lost: float = 0.0
    last_at: float = 0.0
    key_frame_wanted_at: float = -10.0
    early: list[tuple[Packet, int, str]] = field(default_factory=list)
    picture: int = -1
    _transit: float = 0.0
    _window_at: float = 0.0
    _window_octets: int = 0
    _window_bps: tuple[float, list[float], tuple[float, ...]] | None = None
    layer_bps: list[float] = field(default_factory=lambda: [0.0] * MAX_SPATIAL)
    _layer_octets: list[int] = field(default_factory=lambda: [0] * MAX_SPATIAL)
    thinned_bps: tuple[float, ...] = ()
    _temporal_octets: list[int] = field(default_factory=lambda: [0] * LAYERS)
    _reported_expected: int = 0
    _reported_packets: int = 0
    _reported_lost: int = 0

    def accept(self, packet: Packet, now: float) -> int:
        """Count a packet in. Returns its extended sequence number, or -1 for one that came before."""
        number = self.numbers.extend(packet.sequence)
        if self.highest < 0:
            self.first = self.highest = number
        elif number > self.highest:
            if number > self.highest + 1:
                self.missing.note_gap(self.highest + 1, number, now)
                self.uplink.peer.await_missing()
            self.highest = number
        elif not self.missing.take(number):
            return -1
        self.packets += 1
        self.octets += len(packet.data)
        self.last_at = now
        self._measure(packet, now)
        return number

    def _measure(self, packet: Packet, now: float) -> None:
        rate = self.uplink.clock_rate
        transit = now * rate - packet.timestamp
        if self.packets > 1:
            difference = abs(transit - self._transit)
            # A difference of seconds is a timestamp that wrapped or a publisher that paused, not jitter.
            if difference < rate * 3:
                self.jitter += (difference - self.jitter) / 16
        self._transit = transit
        self._window_octets += len(packet.data)
        elapsed = now - self._window_at
        if elapsed >= BITRATE_WINDOW_SECONDS:
            self._note_window(elapsed)
            self._layer_octets = [0] * MAX_SPATIAL
            self._temporal_octets = [0] * LAYERS
            self._window_at, self._window_octets = now, 0

    def _note_window(self, elapsed: float) -> None:
        if elapsed >= 3 * BITRATE_WINDOW_SECONDS:
            self.bitrate_bps, self._window_bps = 0.0, None
            return
        layers = [8 * octets / elapsed for octets in self._layer_octets]
        smallest = self._layer_octets[0] or self._window_octets
        fewer = tuple([8 * octets / elapsed for octets in thinned(smallest, self._temporal_octets)])
        newest = (8 * self._window_octets / elapsed, layers, fewer)
        before, self._window_bps = self._window_bps, newest
        lesser = before if before is not None and before[0] < newest[0] else newest
        self.bitrate_bps, self.layer_bps, self.thinned_bps = lesser

    @property
    def transit_seconds(self) -> float:
        """How long the newest packet was under way, give or take a constant."""
        return self._transit / self.uplink.clock_rate

    def note_layer(self, spatial: int, octets: int) -> None:
        """Count a packet towards the spatial layer it belongs to."""
        self._layer_octets[spatial] += octets

    def note_temporal(self, temporal: int, octets: int) -> None:
        """Count a packet of the smallest spatial layer towards the temporal layer it belongs to."""
        self._temporal_octets[temporal] += octets

    def restore(self, packet: Packet) -> Packet | None:
        """The original of a retransmission of this stream (RFC 4588 §4)."""
        at = packet.payload_at
        rtx = self.uplink.payload_types.get(packet.payload_type)
        if rtx is None or rtx.apt is None or at + 2 > packet.payload_end:
            return None
        packet.sequence = int.from_bytes(packet.data[at : at + 2], "big")
        packet.payload_at = at + 2
        packet.payload_type = rtx.apt
        packet.ssrc = self.ssrc
        return packet

    def reception(self, now: float) -> rtcp.ReceptionReport:
        """A report since the last one (RFC 3550 appendix A.3)."""
        expected = self.highest - self.first + 1
        lost = max(-0x800000, min(0x7FFFFF, expected - self.packets))
        expected_now = expected - self._reported_expected
        received_now = self.packets - self._reported_packets
        self._reported_expected, self._reported_packets = expected, self.packets
        if expected_now > 0:
            self.losses.note((self.missing.lost - self._reported_lost) / expected_now, now)
        self._reported_lost = self.missing.lost
        lost_now = expected_now - received_now
        fraction = (lost_now << 8) // expected_now if expected_now > 0 and lost_now > 0 else 0
        self.fraction_lost = fraction / 256
        lsr = dlsr = 0
        if self.report is not None:
            lsr = self.report.ntp >> 16 & 0xFFFFFFFF
            dlsr = round((now - self.report_at) * 65536)
        return rtcp.ReceptionReport(self.ssrc, min(fraction, 255), lost, self.highest, round(self.jitter), lsr, dlsr)


class Uplink:
    """A published track: the streams that carry it and whoever receives it."""

    def __init__(
        self,
        peer: Peer,
        mid: str,
        kind: str,
        codec: Codec,
        payload_types: dict[int, Codec],
        extensions: dict[str, int],
    ) -> None:
        self.peer = peer
        self.mid = mid
        self.kind = kind
        self.codec = codec
        self.clock_rate = float(codec.clock_rate)
        self.payload_types = payload_types
        self._names = {codec.payload_type: codec.mime_type for codec in payload_types.values()}
        self.extensions = extensions
        self.streams: list[Stream] = []
        self.downlinks: list[Downlink] = []
        self.muted = False
        self.is_opaque = False
        self.full_bps = 0.0
        self.ceiling_bps = NO_LIMIT
        self.rising_at = 0.0
        self.loudness = Loudness()
        self._level_id = extensions.get(rtp.AUDIO_LEVEL, 0)
        self._dependency_id = extensions.get(rtp.DEPENDENCY_DESCRIPTOR, 0)

    @property
    def bitrate_bps(self) -> float:
        """What all streams of the track take together."""
        return sum(stream.bitrate_bps for stream in self.streams)

    def alive(self) -> list[Stream]:
        """The streams being sent now, smallest first: dynacast and narrow uplinks stop some."""
        newest = 0.0
        for stream in self.streams:
            newest = max(newest, stream.last_at)
        return [stream for stream in self.streams if newest - stream.last_at < ALIVE_SECONDS]

    def set_muted(self, muted: bool) -> None:
        """Forward nothing, or go on: then with a key frame, and without a gap where there was nothing."""
        self.muted = muted
        for downlink in self.downlinks if muted else ():
            downlink.stop()

    def add_stream(self, ssrc: int, rid: str, layer: int) -> Stream:
        """A new incoming stream of this track."""
        stream = Stream(self, ssrc, rid, layer)
        self.streams.append(stream)
        self.streams.sort(key=lambda s: s.layer)
        return stream

    def receive(self, stream: Stream, packet: Packet, now: float) -> None:
        """Forward one decrypted packet to everyone who gets this stream."""
        number = stream.accept(packet, now)
        if number < 0 or self.muted:
            return
        name = self._names.get(packet.payload_type)
        if name is None:
            return
        level = packet.extension(self._level_id)
        if level:
            self.loudness.hear(level[0] & 0x7F, packet.timestamp)
        if self.kind == "audio":
            for downlink in self.downlinks:
                downlink.forward_sound(stream, packet, number, name, now)
        else:
            self._receive_picture(stream, packet, number, name, now)

    def _receive_picture(self, stream: Stream, packet: Packet, number: int, name: str, now: float) -> None:
        frame = self._described(stream, packet, number, now) if self._dependency_id else None
        if frame is not None and frame.kind is None and number > stream.dependencies.since:
            stream.early.append((packet, number, name))
            if len(stream.early) >= MAX_EARLY:
                self._take_early(stream, now)
            return
        self._forward_picture(stream, packet, number, name, frame, now)
        if stream.early and frame is not None and frame.begins_structure:
            self._take_early(stream, now)

    def _take_early(self, stream: Stream, now: float) -> None:
        """Wait no longer: now it is known what they are, or it never will be."""
        early, stream.early = stream.early, []
        for packet, number, name in early:
            self._forward_picture(stream, packet, number, name, self._described(stream, packet, number, now), now)

    def _forward_picture(
        self, stream: Stream, packet: Packet, number: int, name: str, frame: Frame | None, now: float
    ) -> None:
        descriptor = None
        if packet.is_padding:
            key = False
        elif name == "vp8":
            descriptor = codecs.parse_vp8(packet.data, packet.payload_at, packet.payload_end)
            if descriptor is not None:
                stream.picture = codecs.widen_picture(descriptor, stream.picture)
            if descriptor is not None and descriptor.temporal_layer >= 0:
                if descriptor.starts_frame:
                    stream.rates.note(descriptor.temporal_layer, now)
                if descriptor.picture_id >= 0:
                    stream.note_temporal(descriptor.temporal_layer, len(packet.data))
            key = descriptor is not None and codecs.starts_vp8_key_frame(packet.data, packet.payload_at, descriptor)
        else:
            key = codecs.is_key_frame(name, packet.data, packet.payload_at, packet.payload_end)
        if frame is not None:
            key = frame.begins_structure
        if key and number < stream.highest and not stream.early:
            # What builds on it has gone by already: nobody can begin with it.
            key = False
        for downlink in self.downlinks:
            downlink.forward(stream, packet, number, name, key, descriptor, now, frame)

    def _described(self, stream: Stream, packet: Packet, number: int, now: float) -> Frame | None:
        """What the packet's dependency descriptor says, if it has one."""
        described = packet.extension(self._dependency_id)
        if not described:
            return None
        frame = stream.dependencies.read(described, number)
        if frame is None:
            self.peer.counts["descriptor_malformed"] += 1
        elif frame.kind is None:
            if number > stream.dependencies.since:
                self.request_key_frame(stream, now)
        else:
            stream.note_layer(frame.kind.spatial, len(packet.data))
            if not frame.kind.spatial:
                if frame.starts:
                    stream.rates.note(frame.kind.temporal, now)
                stream.note_temporal(frame.kind.temporal, len(packet.data))
        return frame

    def request_key_frame(self, stream: Stream, now: float) -> None:
        """Ask the publisher for a key frame, unless that was done a moment ago."""
        pause = max(KEY_FRAME_SECONDS, KEY_FRAME_ROUND_TRIPS * self.peer.rtt_seconds)
        if now - stream.key_frame_wanted_at >= pause:
            stream.key_frame_wanted_at = now
            self.peer.counts["plis_sent"] += 1
            self.peer.send_rtcp(rtcp.pli(self.peer.ssrc, stream.ssrc))
