"""One peer connection: its addresses, its protected transport, and the streams that come and go on it."""

from __future__ import annotations

import secrets
import time
from collections import Counter
from collections.abc import Callable
from struct import Struct
from typing import TYPE_CHECKING, Final

from aiortc import RTCDataChannel

from signaling.sfu import tally
from signaling.sfu.formats import rtcp, rtp, twcc
from signaling.sfu.link.sharing import SharedLink
from signaling.sfu.network import ice
from signaling.sfu.network.addresses import Address
from signaling.sfu.network.native import is_rtcp
from signaling.sfu.network.slots import Slot
from signaling.sfu.network.stream_wire import StreamWire
from signaling.sfu.network.transport import Certificate, SecureTransport
from signaling.sfu.network.wire import Wire
from signaling.sfu.receiving.missing import LEAST_SECONDS
from signaling.sfu.receiving.reception import Reception
from signaling.sfu.sending.downlink import Downlink
from signaling.sfu.sending.sent import Horizon

if TYPE_CHECKING:
    from signaling.sfu.endpoint import Endpoint

FEEDBACK_SECONDS: Final = 0.1
REPORT_SECONDS: Final = 1.0
MAX_REPAIRS = 200
"""Packets sent again to one peer in each feedback interval (20 Mbit/s): one NACK can ask for a thousand."""
_ssrc: Final = Struct("!I")
NEVER: Final = float("inf")
DEFAULT_RTT_SECONDS = 0.1


class Peer:
    """A peer connection as ICE-lite sees it; it waits for the client to come."""

    def __init__(
        self,
        endpoint: Endpoint,
        certificate: Certificate,
        *,
        on_connected: Callable[[], None],
        on_closed: Callable[[], None],
        on_channel: Callable[[RTCDataChannel], None],
        on_yield: Callable[[Downlink], None],
    ) -> None:
        self.endpoint = endpoint
        self.ssrc = secrets.randbits(31) or 1
        self.credentials = ice.new_credentials()
        self.remote_ufrag = self.remote_pwd = ""
        self.counts: Counter[str] = Counter()
        self.rtt_seconds = DEFAULT_RTT_SECONDS
        self.is_rtt_known = False
        self._horizon = Horizon()
        self.selected: tuple[Wire | StreamWire, Address] | None = None
        self.downlinks: dict[int, Downlink] = {}
        self.transport_cc_out = 0
        self.packet_ms = 0
        self.link = SharedLink(self.downlinks, on_yield)
        self._on_connected = on_connected
        self._is_near = False
        self._repairs_left = MAX_REPAIRS
        self.due_at = NEVER
        self.feedback_due = 0.0
        self.is_waiting = False
        """Whether more is due soon, even if nothing comes meanwhile: something is missing, or probed for."""
        self._report_due = 0.0
        self._transport_sequence = 0
        self.secure = SecureTransport(
            certificate,
            send=self._send_plain,
            on_keyed=self._keyed,
            on_connected=self._connected,
            on_closed=on_closed,
            on_channel=on_channel,
        )
        self.reception = Reception(self.ssrc, self.counts, self.secure.forget_received)
        endpoint.add(self)

    @property
    def is_narrow(self) -> bool:
        """Whether either way has turned out to carry little more than sound."""
        return self.link.is_narrow or self.reception.strain.is_narrow

    @property
    def is_starved(self) -> bool:
        """Whether pictures give way now, because either way carries sound at most."""
        yields = any(downlink.has_yielded and downlink.is_watched for downlink in self.downlinks.values())
        return yields or self.reception.strain.is_yielding

    def restart_ice(self) -> None:
        """New credentials; the old ones stay good until the new ones are used."""
        self.link.forget_width()
        self.reception.forget_width()
        self.credentials = ice.new_credentials()
        self.endpoint.add(self)

    def reach(self, wire: Wire | StreamWire, address: Address, now: float) -> None:
        """Send there from now on."""
        self.selected = (wire, address)
        self.link.estimate.forget_path()
        self.reception.forget_path()
        self.secure.reach()
        if self.secure.is_client:
            self._approach(now)

    def _approach(self, now: float) -> None:
        """Media can be sent a round trip from now: time enough for a key frame to come."""
        if not self._is_near:
            self._is_near = True
            self._seek_key_frames(now)

    def _seek_key_frames(self, now: float) -> None:
        for downlink in self.downlinks.values():
            downlink.seek_key_frame(now)

    def _keyed(self) -> None:
        now = time.monotonic()
        if self.secure.round_trip_seconds is not None:
            self._note_round_trip(self.secure.round_trip_seconds)
            self.reception.strain.begin(self.rtt_seconds, now)
        for downlink in self.downlinks.values():
            downlink.release(now)
        self.hurry()

    def _connected(self) -> None:
        shortest = self.secure.round_trip_seconds
        if shortest is not None and shortest < self.rtt_seconds:
            # Of the answer that brought the keys something was lost, and came again.
            self.rtt_seconds = shortest
            self.reception.strain.come_nearer(shortest)
        if self.secure.was_flight_repeated:
            now = time.monotonic()
            for downlink in self.downlinks.values():
                downlink.key_frame_requested(now)
        self._on_connected()

    def hurry(self) -> None:
        """Have the next poll do at once what is due later: a stream just negotiated waits for its key frame."""
        self.feedback_due = 0.0
        self.endpoint.hurry(self)

    def await_missing(self) -> None:
        """Be polled soon even if nothing comes: a packet was passed over."""
        self.endpoint.hurry(self, LEAST_SECONDS)

    def _note_round_trip(self, seconds: float) -> None:
        self.rtt_seconds += (seconds - self.rtt_seconds) / (4 if self.is_rtt_known else 1)
        self.is_rtt_known = True

    # Towards the client

    def _send_plain(self, data: bytes) -> None:
        if self.selected is not None:
            wire, address = self.selected
            wire.send(address, data)

    def send_rtp(
        self,
        *,
        marker: bool,
        payload_type: int,
        sequence: int,
        timestamp: int,
        ssrc: int,
        extensions: rtp.Extensions,
        prefix: bytes,
        data: bytes,
        at: int,
        end: int,
        is_padding: bool = False,
        transport_number: int = -1,
    ) -> int:
        """Protect and send an RTP packet, `data[at:end]` its payload. Returns its transport-wide number.

        A packet sent again under its own sequence number needs its first `transport_number` too: AES-GCM breaks when
        two different headers are protected under one (RFC 7714 §8.1). Any other gets the next one.
        """
        if self.selected is None:
            return transport_number
        wire, address = self.selected
        number_id = self.transport_cc_out
        number, is_new = transport_number, transport_number < 0
        if is_new:
            number = self._transport_sequence = (self._transport_sequence + 1) & 0xFFFF
        head = rtp.header(
            marker=marker,
            payload_type=payload_type,
            sequence=sequence,
            timestamp=timestamp,
            ssrc=ssrc,
            extensions=extensions,
            number_id=number_id,
            number=number,
        )
        if prefix:
            head += prefix
        if is_padding:
            head = bytes((head[0] | 0x20,)) + head[1:]
        if number_id and is_new:
            self.link.estimate.sent(number, len(head) + end - at, wire.departures)
        wire.send_rtp(address, head, data, at, end, self.secure)
        return number

    def send_rtcp(self, packet: bytes) -> None:
        """Protect and send an RTCP packet (reduced-size, RFC 5506)."""
        if self.selected is not None and self.secure.is_keyed:
            wire, address = self.selected
            wire.send_rtcp(address, packet, self.secure)

    # From the client

    def dtls_received(self, data: bytes, now: float) -> bool:
        """Take one datagram of the handshake, or of what is protected by it; False when too many wait."""
        self._approach(now)
        return self.secure.receive(data)

    def remove_downlink(self, downlink: Downlink) -> None:
        """Send a stream no more."""
        downlink.unbind()
        if self.downlinks.pop(downlink.ssrc, None) is not None:
            tally.add_sent((downlink,), self.counts)
            self.secure.forget_sent(downlink.ssrc)
            self.secure.forget_sent(downlink.rtx_ssrc)

    def totals(self) -> Counter[str]:
        """What was counted so far, with what the streams of now have counted themselves."""
        found = self.counts.copy()
        self.reception.add_totals(found)
        tally.add_sent(self.downlinks.values(), found)
        return found

    def srtp_received(self, slot: Slot, length: int, now: float) -> bool:
        """Take an SRTP or SRTCP packet; False when it is neither."""
        data = self.secure.unprotect(slot, length)
        if data is None:
            return False
        if not data:
            self.counts["rtcp_not_genuine" if is_rtcp(slot.octet(1)) else "rtp_not_genuine"] += 1
        elif is_rtcp(data[1]):
            self._rtcp_received(data, now)
        else:
            self._rtp_received(data, now)
        return True

    def _rtp_received(self, data: bytes, now: float) -> None:
        try:
            packet = rtp.parse(data)
        except ValueError:
            self.reception.incoming.note_stranger(_ssrc.unpack(data[8:12])[0])
            self.counts["rtp_malformed"] += 1
            return
        self.reception.take(packet, now)

    def _rtcp_received(self, data: bytes, now: float) -> None:
        self._horizon.heard(now)
        if len(data) >= 8:
            self.reception.incoming.note_stranger(data[4] << 24 | data[5] << 16 | data[6] << 8 | data[7])
        try:
            reports = rtcp.parse(data)
        except ValueError:
            self.counts["rtcp_malformed"] += 1
            return
        for report in reports:
            if isinstance(report, rtcp.TransportFeedback):
                self._feedback_received(report.body, now)
            elif isinstance(report, rtcp.SenderReport):
                self.reception.note_report(report, now)
            elif isinstance(report, rtcp.ReceptionReport):
                if (downlink := self.downlinks.get(report.ssrc)) is not None:
                    rtt = downlink.report_received(report, now)
                    if rtt is not None:
                        self._note_round_trip(rtt)
            elif isinstance(report, rtcp.Nack):
                if (downlink := self.downlinks.get(report.media_ssrc)) is not None:
                    self._repair(downlink, report.sequences)
            elif isinstance(report, rtcp.KeyFrameRequest):
                self._key_frame_requested(report.media_ssrc, now)

    def _key_frame_requested(self, ssrc: int, now: float) -> None:
        downlink = self.downlinks.get(ssrc)
        if downlink is not None:
            self.counts["plis_received"] += 1
            downlink.key_frame_requested(now)

    def _repair(self, downlink: Downlink, sequences: list[int]) -> None:
        self.counts["nacks_received"] += len(sequences)
        granted = sequences[: self._repairs_left]
        self._repairs_left -= len(granted)
        self.counts["nack_refused"] += len(sequences) - len(granted)
        downlink.retransmit(granted)

    def _feedback_received(self, body: bytes, now: float) -> None:
        try:
            base, arrivals = twcc.parse(body)
            self.link.estimate.feedback(base, arrivals, now)
        except ValueError:
            self.counts["feedback_malformed"] += 1

    # In time

    def poll(self, now: float) -> None:
        """Send what is due: requests for missing packets and key frames, feedback, reports.

        Notes in `due_at` when there will be more.
        """
        if not self.secure.is_keyed:
            self.due_at = NEVER
            self.is_waiting = False
            if self._is_near:
                self._seek_key_frames(now)
            return
        self.is_waiting = self.reception.is_incomplete
        if self.is_waiting:
            self._send_each(self.reception.requests(now, self.rtt_seconds))
        if now >= self.feedback_due:
            self.feedback_due = now + FEEDBACK_SECONDS
            self._repairs_left = MAX_REPAIRS
            self._send_each(self.reception.feedback(now))
            self.link.share(now)
            horizon = self._horizon.at(now, self.rtt_seconds if self.is_rtt_known else None)
            for downlink in self.downlinks.values():
                downlink.poll(now, horizon)
        if now >= self._report_due:
            self._report_due = now + REPORT_SECONDS
            self._send_reports(now)
        self.is_waiting |= self.link.probe(now)
        self.due_at = now + LEAST_SECONDS if self.is_waiting else self.feedback_due

    def _send_each(self, packets: list[bytes]) -> None:
        for packet in packets:
            self.send_rtcp(packet)

    def _send_reports(self, now: float) -> None:
        self._send_each(self.reception.reports(now))
        for downlink in self.downlinks.values():
            downlink.judge_playout(now)
            report = downlink.sender_report(now)
            if report is not None:
                name = rtcp.source_description(report.ssrc, "sfu")
                self.send_rtcp(rtcp.sender_report(report) + name)

    def loss(self) -> float:
        """The worst share of packets lost lately, in either direction, from 0 to 1."""
        outgoing = max((downlink.fraction_lost for downlink in self.downlinks.values()), default=0.0)
        return max(outgoing, self.reception.fraction_lost)

    async def close(self) -> None:
        """Leave the endpoint and end the transport."""
        self.endpoint.remove(self)
        await self.secure.close()
