"""Negotiation of a connection on which the client makes the offers: all of v1, the publisher's side of v0."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING

from livekit.protocol.rtc import SessionDescription

from signaling.negotiation import answers
from signaling.negotiation.answers import Intent
from signaling.sfu.formats import rtp, sdp
from signaling.sfu.formats.sdp import Description, Section
from signaling.sfu.peer import Peer
from signaling.sfu.receiving.uplink import Uplink
from signaling.sfu.sending.downlink import Downlink

if TYPE_CHECKING:
    from signaling.rooms.tracks import Track

logger = logging.getLogger(__name__)


def describe(peer: Peer, sections: list[Section], setup: str) -> Description:
    """Our side of a description."""
    return Description(
        sections=sections,
        ice_ufrag=peer.credentials.ufrag,
        ice_pwd=peer.credentials.pwd,
        fingerprints=[peer.endpoint.fingerprint],
        setup=setup,
        candidates=peer.endpoint.candidates,
        is_lite=True,
    )


def new_ssrcs() -> tuple[int, int]:
    """An SSRC and the one of its retransmissions."""
    return secrets.randbits(31) | 1, secrets.randbits(31) | 0x80000000


def send_section(section: Section, track: Track, downlink: Downlink, *, repaired: bool) -> None:
    """Write a downlink into a section, named so that clients find the track."""
    # The client may publish in the very section on which it receives.
    section.direction = "sendrecv" if section.direction == "recvonly" else "sendonly"
    section.msid = (f"{track.publisher.sid}|{track.sid}", track.sid)
    section.cname = track.publisher.sid
    section.ssrcs = [downlink.ssrc]
    if repaired:
        section.ssrcs.append(downlink.rtx_ssrc)
        section.ssrc_groups = [("FID", [downlink.ssrc, downlink.rtx_ssrc])]


class ClientOffers:
    """The client's offers and our answers; sections it offers to receive on are filled with downlinks.

    `on_uplink(cid, uplink)` tells of media the client will send, `off_uplink` of its end, `is_awaited(cid)` whether a
    track without media is announced under that id, `intent_of(cid, kind)` what was said of how it will be sent,
    `ptime_ms()` how much sound a packet should carry, and `need_sections(audios, videos)` asks the client for an offer.
    `cannot_receive(track)` tells that the client lacks a codec; it returns whether another is to come.
    """

    def __init__(
        self,
        peer: Peer,
        *,
        on_uplink: Callable[[str, Uplink], None],
        off_uplink: Callable[[Uplink], None],
        is_awaited: Callable[[str], bool],
        intent_of: Callable[[str, str], Intent],
        ptime_ms: Callable[[], int],
        need_sections: Callable[[int, int], None],
        cannot_receive: Callable[[Track], bool],
    ) -> None:
        self.peer = peer
        self._on_uplink = on_uplink
        self._off_uplink = off_uplink
        self._is_awaited = is_awaited
        self._intent_of = intent_of
        self._ptime_ms = ptime_ms
        self._need_sections = need_sections
        self._cannot_receive = cannot_receive
        self.expects_offer = False
        self._cids: dict[str, str] = {}
        self._assigned: dict[str, tuple[Track, Downlink]] = {}
        self._waiting: list[tuple[Track, Downlink]] = []
        self._free = {"audio": 0, "video": 0}
        self._asked = {"audio": 0, "video": 0}
        self._known_sections = {"audio": 0, "video": 0}

    def answer(self, offer: SessionDescription) -> SessionDescription:
        """Answer one offer. Raises ValueError when it cannot be read."""
        remote = sdp.parse(offer.sdp)
        if not remote.sections or not remote.ice_ufrag or not remote.fingerprints:
            raise ValueError("offer without sections, ICE or fingerprint")
        self._check_mids(remote)
        self.expects_offer = False
        self._follow_ice(remote)
        self._count_sections(remote)
        sections = [self._answer_section(section) for section in remote.sections]
        mids = {section.mid for section in remote.sections}
        for mid in [mid for mid in self._cids if mid not in mids]:
            self._end_uplink(mid)
        self._fill(remote.sections, sections)
        # As LiveKit's server: our first flight goes out with the answer to the first check, a round trip sooner.
        is_client = remote.setup != "active"
        self.peer.secure.start(remote.fingerprints, is_client=is_client, sctp_port=_sctp_port(remote))
        text = sdp.write(describe(self.peer, sections, "active" if is_client else "passive"))
        mapping = {mid: track.sid for mid, (track, _) in self._assigned.items()}
        return SessionDescription(type="answer", sdp=text, id=offer.id, mid_to_track_id=mapping)

    def _check_mids(self, remote: Description) -> None:
        """A mid names one section, and what it once was it stays (RFC 8829 §5.2.2)."""
        kinds = {section.mid: section.kind for section in remote.sections}
        if len(kinds) < len(remote.sections):
            raise ValueError("two sections of one mid")
        if any(kinds.get(mid, track.kind) != track.kind for mid, (track, _) in self._assigned.items()):
            raise ValueError("a section has changed its kind")

    def _follow_ice(self, remote: Description) -> None:
        if self.peer.remote_ufrag and self.peer.remote_ufrag != remote.ice_ufrag:
            self.peer.restart_ice()
        self.peer.remote_ufrag, self.peer.remote_pwd = remote.ice_ufrag, remote.ice_pwd

    def _count_sections(self, remote: Description) -> None:
        for kind in ("audio", "video"):
            known = sum(
                s.kind == kind and s.direction in ("recvonly", "inactive") and not s.is_rejected
                for s in remote.sections
            )
            grown = max(0, known - self._known_sections[kind])
            self._known_sections[kind] = known
            self._asked[kind] = max(0, self._asked[kind] - grown)

    def _answer_section(self, section: Section) -> Section:
        answer = Section(section.kind, section.mid, "inactive", 9, section.protocol, section.formats)
        if section.is_rejected or section.kind not in ("audio", "video", *answers.DATA_KINDS):
            answer.port = 0
            self._vacate(section.mid)
            return answer
        if section.kind == "application":
            answer.sctp_port = 5000
            return answer
        sending = section.direction in sdp.SENDING and section.msid is not None
        cid = section.msid[1] if section.msid is not None else ""
        intent = self._intent_of(cid, section.kind) if sending else answers.UNKNOWN
        answer.codecs = answers.accept_codecs(section, intent)
        named = answers.primary(answer.codecs, intent.codec)
        if named is None:
            answer.port = 0
            return answer
        descriptor = not sending or named.mime_type in ("vp9", "av1")
        answer.extensions = answers.accept_extensions(section, descriptor=descriptor)
        if sending:
            answer.direction = "recvonly"
            answer.rids = section.rids
            answer.ptime_ms = self._ptime_ms() if section.kind == "audio" else 0
            self._begin_uplink(section, answer, cid)
        elif section.mid in self._cids:
            self._end_uplink(section.mid)
        return answer

    def _begin_uplink(self, section: Section, answer: Section, cid: str) -> None:
        extensions = answers.by_uri(answer.extensions)
        self.peer.reception.learn_extensions(extensions)
        if self._cids.get(section.mid) == cid and not self._is_awaited(cid):
            return
        self._end_uplink(section.mid)
        codec = answers.primary(answer.codecs, self._intent_of(cid, section.kind).codec)
        if codec is None:
            return
        payload_types = {codec.payload_type: codec for codec in answer.codecs}
        uplink = Uplink(self.peer, section.mid, section.kind, codec, payload_types, extensions)
        self._cids[section.mid] = cid
        self.peer.reception.takes_estimates |= "goog-remb" in codec.feedback
        self.peer.reception.expect(uplink, section.ssrcs, section.repairs)
        self._on_uplink(cid, uplink)

    def _vacate(self, mid: str) -> None:
        """A section is out of use: what was sent there has ended, and what was received there needs another."""
        self._end_uplink(mid)
        entry = self._assigned.pop(mid, None)
        if entry is not None:
            entry[1].unbind()
            self._waiting.append(entry)

    def _end_uplink(self, mid: str) -> None:
        if self._cids.pop(mid, None) is not None:
            uplink = self.peer.reception.uplinks[mid]
            self.peer.reception.drop(uplink)
            self._off_uplink(uplink)

    def renew(self) -> None:
        """Ask for an offer whose answer will say what has changed."""
        if self._cids and not self.expects_offer:
            self._need_sections(0, 0)

    def uplink_of(self, cid: str) -> Uplink | None:
        """The media negotiated under a client's track id."""
        return next((self.peer.reception.uplinks[mid] for mid, known in self._cids.items() if known == cid), None)

    # Sending

    def attach(self, track: Track, downlink: Downlink) -> None:
        """Find a section for a downlink; it starts with the next offer."""
        self._waiting.append((track, downlink))
        self.ask()

    def detach(self, downlink: Downlink) -> None:
        """Stop a downlink and free its section."""
        self.peer.remove_downlink(downlink)
        self._waiting = [entry for entry in self._waiting if entry[1] is not downlink]
        for mid in [mid for mid, entry in self._assigned.items() if entry[1] is downlink]:
            kind = self._assigned.pop(mid)[0].kind
            self._free[kind] += 1
            self._need_sections(0, 0)

    def resume(self) -> None:
        """What was asked for may not have arrived. A client that comes back offers first, and that answer asks anew."""
        self._asked = {"audio": 0, "video": 0}
        self.expects_offer = True

    def ask(self) -> None:
        """Ask the client for the sections that waiting downlinks lack, less what was asked for already."""
        if not self._waiting or self.expects_offer:
            return
        lacking = {}
        for kind in ("audio", "video"):
            needed = sum(track.kind == kind for track, _ in self._waiting)
            lacking[kind] = max(0, needed - self._free[kind] - self._asked[kind])
            self._asked[kind] += lacking[kind]
        self._need_sections(lacking["audio"], lacking["video"])

    def _fill(self, offered: list[Section], answered: list[Section]) -> None:
        self._free = {"audio": 0, "video": 0}
        for section, answer in zip(offered, answered, strict=True):
            entry = self._assigned.get(section.mid)
            if (
                section.direction not in sdp.RECEIVING
                or not answer.port
                or (entry is None and section.mid in self._cids)
            ):
                continue
            entry = entry or self._next(section.kind)
            if entry is None:
                if section.kind in self._free:
                    self._free[section.kind] += 1
                continue
            track, downlink = entry
            extensions = answers.by_uri(answer.extensions)
            self.peer.transport_cc_out = extensions.get(rtp.TRANSPORT_CC, self.peer.transport_cc_out)
            if not downlink.bind(answer.codecs, extensions) and not self._cannot_receive(track):
                logger.info("track %s cannot be received by this client", track.sid)
                self._free[section.kind] += 1
                continue
            self._assigned[section.mid] = entry
            self.peer.downlinks[downlink.ssrc] = downlink
            send_section(answer, track, downlink, repaired=downlink.is_repaired)
        self.ask()

    def _next(self, kind: str) -> tuple[Track, Downlink] | None:
        for index, (track, _) in enumerate(self._waiting):
            if track.kind == kind:
                return self._waiting.pop(index)
        return None


def _sctp_port(remote: Description) -> int:
    return next((s.sctp_port for s in remote.sections if s.kind == "application" and s.sctp_port), 5000)
