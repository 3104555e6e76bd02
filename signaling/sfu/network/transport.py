"""DTLS, SRTP and SCTP of one peer, on aiortc's parts.

The only file that touches private parts of aiortc and pylibsrtp; tests/signaling/test_transport.py fails
first when an upgrade moves one of them.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any, Final, cast

from aiortc import RTCCertificate, RTCDataChannel, RTCDataChannelParameters, rtcsctptransport
from aiortc.rtcdtlstransport import (
    RTCDtlsFingerprint,
    RTCDtlsParameters,
    RTCDtlsTransport,
    SRTPProtectionProfile,
    State,
)
from aiortc.rtcsctptransport import (
    DATA_CHANNEL_OPEN,
    WEBRTC_DCEP,
    DataChunk,
    RTCSctpCapabilities,
    RTCSctpTransport,
    SackChunk,
)
from OpenSSL import SSL
from pylibsrtp._binding import ffi, lib

from signaling.sfu.network import native
from signaling.sfu.network.datagrams import Datagrams
from signaling.sfu.network.native import address_of
from signaling.sfu.network.slots import MAX_PACKET_BYTES, Slot

logger = logging.getLogger(__name__)

_seal: Final = native.load().seal
_unseal: Final = native.load().unseal
# Objects, because they are handed on as such for each packet.
_protect: Final[Any] = address_of(ffi.addressof(lib, "srtp_protect"))
_unprotect: Final[Any] = address_of(ffi.addressof(lib, "srtp_unprotect"))
_protect_rtcp: Final[Any] = address_of(ffi.addressof(lib, "srtp_protect_rtcp"))
_unprotect_rtcp: Final[Any] = address_of(ffi.addressof(lib, "srtp_unprotect_rtcp"))
_room: Final[Any] = MAX_PACKET_BYTES

PREFERRED_PROFILE = b"SRTP_AEAD_AES_128_GCM"
"""Where both sides know it (RFC 7714): as safe as 256 bits for a call, and cheaper, above all on an old phone."""
FLIGHT_COMPLETE = b"SSLv3/TLS write finished"
"""OpenSSL's words for a client that has said all and awaits the server's Finished."""
HANDSHAKE_SECONDS = 30.0
HANDSHAKE_TRIES = 20
MAX_MESSAGE_BYTES = 262144
MAX_CHANNELS = 16
"""Data channels of one peer; clients open three or four."""
MAX_BEYOND_WINDOW_BYTES = 64 * 1024
"""What may arrive beyond the window of 1 MiB that we announce; aiortc keeps unfinished messages without end."""
MAX_DISORDER = 2048
"""Chunks that arrived before others, two windows full of them; aiortc sorts them at each arrival."""


MAX_GAP = 1 << 15
"""Numbers that were sent beyond the last acknowledged one, of which the window allows far fewer."""
MAX_STREAMS = 256
"""SCTP streams on which something came; a channel has one."""
CIPHERS = (
    b"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA"
    b":ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-CHACHA20-POLY1305"
)
"""aiortc's, and after them what a far side needs whose certificate is of RSA, as GStreamer's is."""


def _in_order(numbers: Iterable[int]) -> list[int]:
    """Numbers of chunks as they were sent: after 2³² they begin again (RFC 9260 §1.6), and lie close together."""
    found = sorted(numbers)
    if found and found[-1] - found[0] >= 1 << 31:
        first = bisect_left(found, 1 << 31)
        return found[first:] + found[:first]
    return found


_sctp_module = cast("Any", rtcsctptransport)
_sctp_module.sorted = _in_order
# Its round trips must not be what a clock is set by: whatever was lost would be sent again after a minute.
_sctp_module.time = SimpleNamespace(time=time.monotonic)


class Certificate:
    """A fresh key and self-signed certificate; its fingerprint goes into every description.

    It has one OpenSSL context for all associations, where aiortc makes one of 22 KB for each.
    """

    def __init__(self) -> None:
        self._certificate = RTCCertificate.generateCertificate()
        self._context: SSL.Context | None = None

    @property
    def fingerprint(self) -> tuple[str, str]:
        """The SHA-256 fingerprint as (algorithm, value)."""
        found = next(f for f in self._certificate.getFingerprints() if f.algorithm == "sha-256")
        return found.algorithm, found.value

    def _create_ssl_context(self, srtp_profiles: list[SRTPProtectionProfile]) -> SSL.Context:
        """What RTCDtlsTransport needs of a certificate."""
        if self._context is None:
            ordered = sorted(srtp_profiles, key=lambda profile: profile.openssl_profile != PREFERRED_PROFILE)
            self._context = self._certificate._create_ssl_context(ordered)
            self._context.set_cipher_list(CIPHERS)
            self._context.set_mode(SSL.MODE_RELEASE_BUFFERS)
            # Nobody resumes a DTLS session; a context would keep twenty thousand of them.
            self._context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
        return self._context


class SctpBounds:
    """Ends to what a hostile far side can have aiortc's SCTP keep or count; and an association may begin late.

    It stands before some of its methods: mypyc compiles no subclass of a class that it has not compiled.
    """

    def __init__(self, sctp: RTCSctpTransport, on_channel: Callable[[RTCDataChannel], None]) -> None:
        self.is_over = False
        self._sctp = cast("Any", sctp)
        self._on_channel = on_channel
        sctp.on("datachannel", on_channel)
        self._sack, self._sctp._receive_sack_chunk = sctp._receive_sack_chunk, self._receive_sack_chunk
        self._data, self._sctp._receive_data_chunk = sctp._receive_data_chunk, self._receive_data_chunk
        self._inbound, self._sctp._get_inbound_stream = sctp._get_inbound_stream, self._get_inbound_stream
        self._state, self._sctp._set_state = sctp._set_state, self._set_state

    async def _receive_sack_chunk(self, chunk: SackChunk) -> None:
        # In order and of what was sent (RFC 9260 §3.3.4): each gap is counted through, number by number.
        queue = self._sctp._sent_queue
        ahead = queue[-1].tsn - chunk.cumulative_tsn & 0xFFFFFFFF if queue else 0
        last, gaps = 0, []
        for begin, end in chunk.gaps:
            if last < begin <= end <= ahead < MAX_GAP:
                gaps.append((begin, end))
                last = end
        chunk.gaps = gaps
        await self._sack(chunk)

    async def _receive_data_chunk(self, chunk: DataChunk) -> None:
        if not chunk.user_data:
            raise ConnectionError("data without data")
        if self._opens_what_closes(chunk):
            # What would have closed the old channel got lost; let this be lost too, and it comes again after that.
            self._sctp._sack_needed = True
            return
        await self._data(chunk)
        # Fragments of what never ends are looked through with each further one.
        if len(self._get_inbound_stream(chunk.stream_id).reassembly) > MAX_DISORDER:
            raise ConnectionError("fragments without end")

    def _opens_what_closes(self, chunk: DataChunk) -> bool:
        if chunk.protocol != WEBRTC_DCEP or chunk.user_data[0] != DATA_CHANNEL_OPEN:
            return False
        channel = self._sctp._data_channels.get(chunk.stream_id)
        return channel is not None and channel.readyState == "closing"

    def _get_inbound_stream(self, stream_id: int) -> Any:
        known = self._sctp._inbound_streams
        if stream_id not in known and len(known) >= MAX_STREAMS:
            raise ConnectionError("too many streams")
        return self._inbound(stream_id)

    def _set_state(self, state: Any) -> None:
        self._state(state)
        # aiortc gives up after half a minute, listens to nobody any more, and still answers who comes later.
        if state == RTCSctpTransport.State.CLOSED and not self.is_over:
            self._sctp.on("datachannel", self._on_channel)

    def end(self) -> None:
        """There is nothing under it any more: its channels close."""
        self.is_over = True
        self._set_state(RTCSctpTransport.State.CLOSED)


class SecureTransport:
    """One DTLS association with the SRTP sessions and data channels on it."""

    def __init__(
        self,
        certificate: Certificate,
        *,
        send: Callable[[bytes], None],
        on_keyed: Callable[[], None],
        on_connected: Callable[[], None],
        on_closed: Callable[[], None],
        on_channel: Callable[[RTCDataChannel], None],
    ) -> None:
        self._send = send
        self._datagrams = Datagrams(self._send_handshake)
        self._dtls = RTCDtlsTransport(cast("Any", self._datagrams), [cast("Any", certificate)])
        self._encrypt, cast("Any", self._dtls)._send_data = self._dtls._send_data, self._send_data
        self._sctp = RTCSctpTransport(self._dtls)
        self._bounds = SctpBounds(self._sctp, self._channel_opened)
        self._on_channel = on_channel
        self._on_keyed = on_keyed
        self._on_connected = on_connected
        self._on_closed = on_closed
        self._parameters = RTCDtlsParameters()
        self.is_client = False
        self._task: asyncio.Task[None] | None = None
        self._closed = False
        # The latter two are where libsrtp's part of the former lies.
        self._sessions: tuple[Any, Any] | None = None
        self._receiving: Any = None
        self._sending: Any = None

    @property
    def is_keyed(self) -> bool:
        """Whether media can be protected."""
        return self._sending is not None

    @property
    def was_flight_repeated(self) -> bool:
        """Whether our last flight may have been lost, and with it the media that followed at once."""
        return self._datagrams.is_repeated

    @property
    def round_trip_seconds(self) -> float | None:
        """How long an answer took in the handshake; None before there was one."""
        return self._datagrams.round_trip_seconds

    @property
    def is_started(self) -> bool:
        """Whether a handshake was begun; the far side's fingerprints cannot change after that."""
        return self._task is not None

    def start(self, fingerprints: list[tuple[str, str]], *, is_client: bool, sctp_port: int) -> None:
        """Begin the handshake, as DTLS client or server; nothing leaves before `reach`."""
        if self._task is None and not self._closed:
            self._parameters = RTCDtlsParameters([RTCDtlsFingerprint(a, v) for a, v in fingerprints])
            self.is_client = is_client
            self._task = asyncio.create_task(self._run(sctp_port))

    async def _send_data(self, data: bytes) -> None:
        """Send for the data channels, or end what an alert has ended: aiortc takes no notice of one."""
        try:
            await self._encrypt(data)
        except SSL.Error:
            logger.info("the far side broke off its association")
            self._datagrams.close()

    def reach(self) -> None:
        """From now on what is sent arrives somewhere."""
        self._datagrams.reach()

    def _send_handshake(self, data: bytes) -> None:
        """Send a datagram, and take the keys once it was the last that the far side needs for its own.

        RFC 7918 says when a client need not await the server's Finished: its certificate and its share of the key are
        checked, and no cipher or profile that either side knows is weak. So media follows a round trip sooner.
        """
        self._send(data)
        if self.is_client and not self.is_keyed and self._is_flight_complete():
            self._dtls._validate_peer_identity(self._parameters)
            if self._dtls._state != State.FAILED:
                self._dtls._setup_srtp()
                self._take_keys()

    def _is_flight_complete(self) -> bool:
        connection = self._dtls._ssl
        return connection is not None and bool(connection.get_state_string() == FLIGHT_COMPLETE)

    def _take_keys(self) -> None:
        receiving, sending = self._dtls._rx_srtp, self._dtls._tx_srtp
        if sending is not None:
            self._sessions = receiving, sending
            self._receiving, self._sending = address_of(receiving._srtp[0]), address_of(sending._srtp[0])
            self._on_keyed()

    async def _shake_hands(self) -> None:
        """Try, and try again when it broke before any certificate was shown: somebody else may have put in a word."""
        for _ in range(HANDSHAKE_TRIES):
            await self._dtls.start(self._parameters)
            if self._dtls.encrypted or self._datagrams.is_closed:
                return
            self._sessions = self._receiving = self._sending = None
            self._dtls._state = State.NEW
        self._dtls._state = State.FAILED

    async def _run(self, sctp_port: int) -> None:
        self._dtls._set_role("client" if self.is_client else "server")
        try:
            async with asyncio.timeout(HANDSHAKE_SECONDS):
                await self._shake_hands()
        except TimeoutError:
            logger.info("handshake timed out")
        except Exception:
            logger.exception("handshake failed")
        if self._dtls.state != "connected":
            self._closed = True
            self._receiving = self._sending = None
            self._datagrams.close()
            self._on_closed()
            return
        self._datagrams.settle(is_answered=self.is_client)
        if self._sessions is None:
            self._take_keys()
        else:
            # aiortc has made the same two again.
            self._dtls._rx_srtp, self._dtls._tx_srtp = self._sessions
        self._dtls.on("statechange", self._state_changed)
        await self._sctp.start(RTCSctpCapabilities(maxMessageSize=MAX_MESSAGE_BYTES), sctp_port)
        self._on_connected()

    def _state_changed(self) -> None:
        if self._dtls.state == "closed" and not self._closed:
            self._closed = True
            self._bounds.end()
            self._on_closed()

    def receive(self, data: bytes) -> bool:
        """Take one DTLS datagram; False when too many wait, or when the far side made us end the association."""
        disorder = len(self._sctp._sack_misordered)
        if self._sctp._advertised_rwnd < -MAX_BEYOND_WINDOW_BYTES or disorder > MAX_DISORDER:
            self._datagrams.close()
        return self._datagrams.put(data)

    def _channel_opened(self, channel: RTCDataChannel) -> None:
        if len(self._sctp._data_channels) > MAX_CHANNELS:
            self._datagrams.close()
        else:
            self._on_channel(channel)

    def protect(self, slot: Slot, head: bytes, data: bytes, at: int, end: int) -> int:
        """Write the RTP packet that `head` and `data[at:end]` make into a slot, encrypted.

        Returns its length there, or 0 when it cannot be sent. Raises ValueError when it does not fit.
        """
        if self._sending is None:
            return 0
        length: int = _seal(_protect, self._sending, slot.address, _room, head, data, at, end)
        return length

    def protect_rtcp(self, slot: Slot, packet: bytes) -> int:
        """The same of an RTCP packet."""
        if self._sending is None:
            return 0
        length: int = _seal(_protect_rtcp, self._sending, slot.address, _room, packet, b"", 0, 0)
        return length

    def unprotect(self, slot: Slot, length: int) -> bytes | None:
        """The RTP or RTCP packet in a slot, decrypted; empty when it is not genuine, None when it is neither."""
        # Without keys nothing is genuine, whatever it is.
        if self._receiving is None:
            return b"" if slot.octet(0) >> 6 == 2 else None
        found: bytes | None = _unseal(_unprotect, _unprotect_rtcp, self._receiving, slot.address, length)
        return found

    def forget_sent(self, ssrc: int) -> None:
        """Free what libsrtp keeps of a stream that is sent no more."""
        if self._sending is not None and self._sessions is not None:
            lib.srtp_remove_stream(self._sessions[1]._srtp[0], socket.htonl(ssrc))

    def forget_received(self, ssrc: int) -> None:
        """The same of a stream that is received no more."""
        if self._receiving is not None and self._sessions is not None:
            lib.srtp_remove_stream(self._sessions[0]._srtp[0], socket.htonl(ssrc))

    def open_channel(self, label: str, *, ordered: bool, max_retransmits: int | None) -> RTCDataChannel:
        """Open a data channel from our side; it opens once the association is up."""
        parameters = RTCDataChannelParameters(label=label, ordered=ordered, maxRetransmits=max_retransmits)
        return RTCDataChannel(self._sctp, parameters)

    async def close(self) -> None:
        """End everything; safe to call twice."""
        self._closed = True
        self._datagrams.close()
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait([self._task])
        self._sessions = self._receiving = self._sending = None
        self._bounds.is_over = True
        try:
            await self._sctp.stop()
            await self._dtls.stop()
        except ConnectionError:
            logger.debug("peer was gone before its transport closed")
