"""Negotiation of v0's second connection, on which the server makes the offers."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from livekit.protocol.rtc import SessionDescription

from signaling.negotiation import answers
from signaling.negotiation.offers import describe, send_section
from signaling.sfu.formats import codecs, rtp, sdp
from signaling.sfu.formats.sdp import Section
from signaling.sfu.peer import Peer
from signaling.sfu.sending.downlink import Downlink

if TYPE_CHECKING:
    from signaling.rooms.tracks import Track

logger = logging.getLogger(__name__)

_EXTENSIONS = {
    1: rtp.AUDIO_LEVEL,
    2: rtp.ABS_CAPTURE_TIME,
    3: rtp.TRANSPORT_CC,
    4: rtp.MID,
    5: rtp.PLAYOUT_DELAY,
    8: rtp.DEPENDENCY_DESCRIPTOR,
}
_ELSEWHERE = {"audio": rtp.PLAYOUT_DELAY, "video": rtp.AUDIO_LEVEL}
"""What a section of this kind has no use for."""


class ServerOffers:
    """Our offers and the client's answers; one is under way at a time.

    `cannot_receive(track)` tells that the client lacks a codec; it returns whether another is to come. `_busy` are the
    slots in which the client may have a track: it must have answered that one is empty before another comes there, or
    WebRTC takes it for the same track still, and tells nobody of a new one (W3C WebRTC §4.4.1.5).
    """

    def __init__(
        self, peer: Peer, *, send: Callable[[SessionDescription], None], cannot_receive: Callable[[Track], bool]
    ) -> None:
        self.peer = peer
        self._send = send
        self._cannot_receive = cannot_receive
        self._slots: list[tuple[str, tuple[Track, Downlink] | None]] = []
        self._offered: set[int] = set()
        self._busy: set[int] = set()
        self._offer_id = 0
        self._outstanding = False
        self._changed = False
        self._started = False

    def start(self) -> None:
        """Send the first offer, which carries the data channels even when there is nothing to watch."""
        self._started = True
        self._negotiate()

    def attach(self, track: Track, downlink: Downlink) -> None:
        """Give a downlink a section; it starts once the client has answered."""
        for index, (kind, entry) in enumerate(self._slots):
            if entry is None and kind == track.kind and index not in self._busy:
                self._slots[index] = (kind, (track, downlink))
                break
        else:
            self._slots.append((track.kind, (track, downlink)))
        self.peer.downlinks[downlink.ssrc] = downlink
        self._negotiate()

    def detach(self, downlink: Downlink) -> None:
        """Stop a downlink and free its section."""
        self.peer.remove_downlink(downlink)
        for index, (kind, entry) in enumerate(self._slots):
            if entry is not None and entry[1] is downlink:
                self._slots[index] = (kind, None)
                self._negotiate()

    def restart_ice(self) -> None:
        """New credentials and a new offer, whatever is under way."""
        self.peer.restart_ice()
        self._outstanding = False
        self._negotiate()

    def _negotiate(self) -> None:
        if not self._started:
            return
        if self._outstanding:
            self._changed = True
            return
        self._outstanding, self._changed = True, False
        self._offer_id += 1
        self._offered = {index for index, (_, entry) in enumerate(self._slots) if entry is not None}
        self._busy |= self._offered
        sections = [Section("application", "0", sctp_port=5000, protocol="UDP/DTLS/SCTP")]
        mapping = {}
        for index, (kind, entry) in enumerate(self._slots):
            section = Section(kind, str(index + 1), "inactive")
            section.codecs = list(codecs.OFFERED_AUDIO if kind == "audio" else codecs.OFFERED_VIDEO)
            section.extensions = {number: uri for number, uri in _EXTENSIONS.items() if uri != _ELSEWHERE[kind]}
            if entry is not None:
                track, downlink = entry
                if kind == "audio" and track.is_stereo:
                    section.codecs = list(codecs.OFFERED_STEREO)
                send_section(section, track, downlink, repaired=kind == "video")
                mapping[section.mid] = track.sid
            sections.append(section)
        text = sdp.write(describe(self.peer, sections, "actpass"))
        self._send(SessionDescription(type="offer", sdp=text, id=self._offer_id, mid_to_track_id=mapping))

    def answered(self, answer: SessionDescription) -> None:
        """Take the client's answer. Raises ValueError when it cannot be read."""
        if answer.id and answer.id != self._offer_id:
            return
        remote = sdp.parse(answer.sdp)
        self._busy = self._offered
        self.peer.remote_ufrag, self.peer.remote_pwd = remote.ice_ufrag, remote.ice_pwd
        is_client = remote.setup == "passive"
        port = next((s.sctp_port for s in remote.sections if s.sctp_port), 5000)
        self.peer.secure.start(remote.fingerprints, is_client=is_client, sctp_port=port)
        for section in remote.sections:
            self._confirm(section)
        self._outstanding = False
        if self._changed:
            self._negotiate()

    def _confirm(self, section: Section) -> None:
        if section.kind == "application" or not (section.mid.isdecimal() and len(section.mid) <= 4):
            return
        index = int(section.mid) - 1
        entry = self._slots[index][1] if 0 <= index < len(self._slots) else None
        if entry is None or section.direction not in sdp.RECEIVING:
            return
        extensions = answers.by_uri(section.extensions)
        self.peer.transport_cc_out = extensions.get(rtp.TRANSPORT_CC, self.peer.transport_cc_out)
        track, downlink = entry
        if not downlink.bind(section.codecs, extensions) and not self._cannot_receive(track):
            logger.info("track %s cannot be received by this client", track.sid)
