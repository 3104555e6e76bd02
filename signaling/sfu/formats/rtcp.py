"""RTCP: the few packets a forwarding unit reads and writes (RFC 3550, RFC 4585, transport-wide feedback)."""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct, error, pack, unpack_from
from typing import Final

SENDER_REPORT: Final = 200
RECEIVER_REPORT: Final = 201
SOURCE_DESCRIPTION: Final = 202
GOODBYE: Final = 203
TRANSPORT_FEEDBACK: Final = 205
PAYLOAD_FEEDBACK: Final = 206

NACK_FORMAT: Final = 1
TRANSPORT_CC_FORMAT: Final = 15
PLI_FORMAT: Final = 1
FIR_FORMAT: Final = 4
APPLICATION_FORMAT: Final = 15

MAX_NACKED: Final = 512
"""Sequence numbers taken from one NACK; more is an attack, not a report."""

_report: Final = Struct("!IIIIII")


# Those that come all the time have their __init__ written out: the one that dataclass makes is interpreted.


@dataclass(slots=True, init=False)
class SenderReport:
    """What a sender says of its clocks: `ntp` is 64-bit NTP time, `rtp_timestamp` the same instant."""

    ssrc: int
    ntp: int
    rtp_timestamp: int
    packets: int
    octets: int

    def __init__(self, ssrc: int, ntp: int, rtp_timestamp: int, packets: int, octets: int) -> None:
        self.ssrc = ssrc
        self.ntp = ntp
        self.rtp_timestamp = rtp_timestamp
        self.packets = packets
        self.octets = octets

    def lag_seconds(self, before: SenderReport, clock_rate: float) -> float:
        """How far timestamps have fallen behind the sender's time since an earlier report; less than 0 is ahead."""
        elapsed = round((self.ntp - before.ntp) * clock_rate / 2**32)
        behind = (elapsed - self.rtp_timestamp + before.rtp_timestamp) & 0xFFFFFFFF
        return (behind if behind < 0x80000000 else behind - 0x100000000) / clock_rate


@dataclass(slots=True, init=False)
class ReceptionReport:
    """What a receiver says of one stream; `fraction_lost` is of 256, `dlsr` in 1/65536 s."""

    ssrc: int
    fraction_lost: int
    lost: int
    highest_sequence: int
    jitter: int
    lsr: int
    dlsr: int

    def __init__(
        self, ssrc: int, fraction_lost: int, lost: int, highest_sequence: int, jitter: int, lsr: int, dlsr: int
    ) -> None:
        self.ssrc = ssrc
        self.fraction_lost = fraction_lost
        self.lost = lost
        self.highest_sequence = highest_sequence
        self.jitter = jitter
        self.lsr = lsr
        self.dlsr = dlsr


@dataclass(frozen=True, slots=True)
class Nack:
    """Sequence numbers that did not arrive."""

    media_ssrc: int
    sequences: list[int]


@dataclass(frozen=True, slots=True)
class KeyFrameRequest:
    """A PLI or FIR."""

    media_ssrc: int


@dataclass(slots=True, init=False)
class TransportFeedback:
    """A transport-wide feedback packet's body, read by `twcc.parse`."""

    body: bytes

    def __init__(self, body: bytes) -> None:
        self.body = body


@dataclass(frozen=True, slots=True)
class Goodbye:
    """Streams that have ended."""

    ssrcs: tuple[int, ...]


Report = SenderReport | ReceptionReport | Nack | KeyFrameRequest | TransportFeedback | Goodbye


def parse(data: bytes) -> list[Report]:
    """Read a compound packet. Raises ValueError for anything cut short; unknown packets are passed over."""
    found: list[Report] = []
    at = 0
    try:
        while at < len(data):
            first, kind = data[at], data[at + 1]
            stop = at + 4 + 4 * (data[at + 2] << 8 | data[at + 3])
            if first >> 6 != 2 or stop > len(data):
                raise ValueError("RTCP packet malformed or cut short")
            found += _parse_one(kind, first & 0x1F, data[at + 4 : stop])
            at = stop
    except (IndexError, error) as problem:
        raise ValueError("RTCP packet cut short") from problem
    return found


def _parse_one(kind: int, count: int, body: bytes) -> list[Report]:
    if kind == TRANSPORT_FEEDBACK and count == TRANSPORT_CC_FORMAT:
        return [TransportFeedback(body[8:])]
    if kind == SENDER_REPORT:
        ssrc, ntp, timestamp, packets, octets = unpack_from("!IQIII", body)
        return [SenderReport(ssrc, ntp, timestamp, packets, octets), *_reception_reports(body, 24, count)]
    if kind == RECEIVER_REPORT:
        return [*_reception_reports(body, 4, count)]
    if kind == GOODBYE:
        return [Goodbye(unpack_from(f"!{count}I", body))]
    if kind == TRANSPORT_FEEDBACK and count == NACK_FORMAT:
        return [Nack(unpack_from("!I", body, 4)[0], _nacked(body[8:]))]
    if kind == PAYLOAD_FEEDBACK and count == PLI_FORMAT:
        return [KeyFrameRequest(unpack_from("!I", body, 4)[0])]
    if kind == PAYLOAD_FEEDBACK and count == FIR_FORMAT:
        return [KeyFrameRequest(unpack_from("!I", body, at)[0]) for at in range(8, len(body) - 7, 8)]
    return []


def _reception_reports(body: bytes, at: int, count: int) -> list[ReceptionReport]:
    found: list[ReceptionReport] = []
    for index in range(count):
        ssrc, loss, highest, jitter, lsr, dlsr = _report.unpack_from(body, at + 24 * index)
        lost = loss & 0xFFFFFF
        lost -= 0x1000000 if lost & 0x800000 else 0
        found.append(ReceptionReport(ssrc, loss >> 24, lost, highest, jitter, lsr, dlsr))
    return found


def _nacked(body: bytes) -> list[int]:
    sequences: list[int] = []
    for at in range(0, len(body) - 3, 4):
        base, mask = unpack_from("!HH", body, at)
        sequences.append(base)
        sequences.extend((base + 1 + bit) & 0xFFFF for bit in range(16) if mask >> bit & 1)
        if len(sequences) >= MAX_NACKED:
            break
    return sequences


def _packet(kind: int, count: int, body: bytes) -> bytes:
    return pack("!BBH", 0x80 | count, kind, len(body) // 4) + body


def sender_report(report: SenderReport) -> bytes:
    """Write a sender report without reception blocks."""
    return _packet(
        SENDER_REPORT,
        0,
        pack(
            "!IQIII",
            report.ssrc,
            report.ntp,
            report.rtp_timestamp & 0xFFFFFFFF,
            report.packets & 0xFFFFFFFF,
            report.octets & 0xFFFFFFFF,
        ),
    )


def receiver_report(ssrc: int, reports: list[ReceptionReport]) -> bytes:
    """Write a receiver report of at most 31 blocks."""
    blocks = b"".join(
        _report.pack(
            block.ssrc,
            block.fraction_lost << 24 | block.lost & 0xFFFFFF,
            block.highest_sequence & 0xFFFFFFFF,
            block.jitter & 0xFFFFFFFF,
            block.lsr,
            block.dlsr & 0xFFFFFFFF,
        )
        for block in reports[:31]
    )
    return _packet(RECEIVER_REPORT, len(reports[:31]), pack("!I", ssrc) + blocks)


def source_description(ssrc: int, cname: str) -> bytes:
    """Write the CNAME chunk that a compound packet must carry (RFC 3550 §6.1)."""
    item = pack("!IBB", ssrc, 1, len(cname)) + cname.encode("ascii") + b"\0"
    return _packet(SOURCE_DESCRIPTION, 1, item + bytes(-len(item) % 4))


def nack(sender_ssrc: int, media_ssrc: int, sequences: list[int]) -> bytes:
    """Ask again for `sequences`, given in ascending order."""
    pairs: list[tuple[int, int]] = []
    for sequence in sequences:
        if pairs and 0 < (distance := (sequence - pairs[-1][0]) & 0xFFFF) <= 16:
            base, mask = pairs[-1]
            pairs[-1] = (base, mask | 1 << distance - 1)
        else:
            pairs.append((sequence & 0xFFFF, 0))
    fci = b"".join(pack("!HH", base, mask) for base, mask in pairs)
    return _packet(TRANSPORT_FEEDBACK, NACK_FORMAT, pack("!II", sender_ssrc, media_ssrc) + fci)


def pli(sender_ssrc: int, media_ssrc: int) -> bytes:
    """Ask for a key frame."""
    return _packet(PAYLOAD_FEEDBACK, PLI_FORMAT, pack("!II", sender_ssrc, media_ssrc))


def receiver_estimate(sender_ssrc: int, bps: int, ssrcs: list[int]) -> bytes:
    """Say that at most `bps` can be received of all a sender's streams (REMB, draft-alvestrand-rmcat-remb §2.2).

    At most 255 of `ssrcs` are named; 18 bits of the figure are exact, and it is rounded down.
    """
    exponent = max(0, bps.bit_length() - 18)
    named = ssrcs[:255]
    body = pack("!II4sI", sender_ssrc, 0, b"REMB", len(named) << 24 | exponent << 18 | bps >> exponent)
    return _packet(PAYLOAD_FEEDBACK, APPLICATION_FORMAT, body + b"".join(pack("!I", ssrc) for ssrc in named))


def transport_feedback(sender_ssrc: int, media_ssrc: int, body: bytes) -> bytes:
    """Wrap a transport-wide feedback body that `twcc.build` made."""
    return _packet(TRANSPORT_FEEDBACK, TRANSPORT_CC_FORMAT, pack("!II", sender_ssrc, media_ssrc) + body)
