"""Between a participant and its peer connections: what each tells the other."""

from __future__ import annotations

import logging
from collections.abc import Callable

from livekit.protocol.models import AudioTrackFeature, DataPacket
from livekit.protocol.rtc import (
    MediaSectionsRequirement,
    SessionDescription,
    SignalResponse,
)

from signaling.negotiation import answers
from signaling.negotiation.answers import Intent
from signaling.negotiation.offers import ClientOffers
from signaling.negotiation.subscriber import ServerOffers
from signaling.rooms import backup, packet_length, yielding
from signaling.rooms.data import LOSSY, RELIABLE, DataChannels
from signaling.rooms.participants import Participant
from signaling.rooms.tracks import Track
from signaling.sfu.endpoint import Endpoint
from signaling.sfu.peer import Peer
from signaling.sfu.receiving.uplink import Uplink
from signaling.sfu.sending.downlink import Downlink

logger = logging.getLogger(__name__)

FORWARDED = frozenset(
    {
        "user",
        "chat_message",
        "sip_dtmf",
        "rpc_request",
        "rpc_ack",
        "rpc_response",
        "stream_header",
        "stream_chunk",
        "stream_trailer",
        "encrypted_packet",
    }
)
"""The kinds of data packet that clients send to each other. A speaker packet would make anybody seem to speak."""


def connect(
    participant: Participant,
    endpoint: Endpoint,
    *,
    single: bool,
    on_active: Callable[[Participant], None],
    on_slow: Callable[[Participant], None],
) -> None:
    """Give a participant its peer connections: one for both directions, or one for each."""
    certificate = endpoint.certificate
    if certificate is None:
        raise RuntimeError("endpoint is not open")
    participant.data = DataChannels(
        participant.room.settings.limits,
        endpoint.counts,
        on_packet=lambda packet: _data(participant, packet),
        on_overflow=lambda: on_slow(participant),
    )
    data = participant.data
    publisher = Peer(
        endpoint,
        certificate,
        on_connected=lambda: _connected(participant, on_active, primary=single),
        on_closed=lambda: _media_lost(participant),
        on_channel=lambda channel: data.adopt(channel, outgoing=single),
        on_yield=lambda downlink: _tell_yield(participant, downlink),
    )
    participant.offers = ClientOffers(
        publisher,
        on_uplink=lambda cid, uplink: _uplink(participant, cid, uplink),
        off_uplink=lambda uplink: _uplink_gone(participant, uplink),
        is_awaited=participant.awaits,
        intent_of=lambda cid, kind: _intent_of(participant, cid, kind),
        ptime_ms=lambda: participant.ptime_ms,
        need_sections=lambda audios, videos: _need_sections(participant, audios, videos),
        cannot_receive=lambda track: _cannot_receive(participant, track),
    )
    if single:
        return
    subscriber = Peer(
        endpoint,
        certificate,
        on_connected=lambda: _connected(participant, on_active, primary=True),
        on_closed=lambda: _media_lost(participant),
        on_channel=lambda _: None,
        on_yield=lambda downlink: _tell_yield(participant, downlink),
    )
    participant.subscriber = ServerOffers(
        subscriber,
        send=lambda offer: _send_offer(participant, offer),
        cannot_receive=lambda track: _cannot_receive(participant, track),
    )
    data.adopt(subscriber.secure.open_channel(RELIABLE, ordered=True, max_retransmits=None), outgoing=True)
    data.adopt(subscriber.secure.open_channel(LOSSY, ordered=False, max_retransmits=0), outgoing=True)


def _connected(participant: Participant, on_active: Callable[[Participant], None], *, primary: bool) -> None:
    if primary or not participant.claims.video.can_subscribe:
        on_active(participant)


def _media_lost(participant: Participant) -> None:
    logger.info("media connection of %s ended", participant.sid)


def _uplink(participant: Participant, cid: str, uplink: Uplink) -> None:
    track = participant.track_for(cid, uplink.kind)
    if track is None:
        participant.unclaimed[uplink] = cid
    else:
        track.cids.setdefault(cid, track.first_codec)
        participant.room.take_media(track, cid, uplink)


def _uplink_gone(participant: Participant, uplink: Uplink) -> None:
    participant.unclaimed.pop(uplink, None)
    for track in list(participant.tracks.values()):
        if track.uplink is uplink:
            participant.room.unpublish(track, tell=False)
        elif track.backup is uplink:
            backup.end(track)


def _data(participant: Participant, packet: DataPacket) -> None:
    grant = participant.claims.video
    kind = packet.WhichOneof("value")
    if not grant.can_publish_data or (kind not in FORWARDED and not (kind == "transcription" and grant.agent)):
        return
    name = "" if participant.is_hidden else participant.identity
    packet.participant_sid = participant.sid
    packet.participant_identity = name
    if kind == "user":
        packet.user.participant_sid = "" if participant.is_hidden else participant.sid
        packet.user.participant_identity = name
        if not packet.destination_identities:
            packet.destination_identities.extend(packet.user.destination_identities)
    room = participant.room
    room.send_data(packet, participant, room.addressees(packet.destination_identities, packet.user.destination_sids))


def _intent_of(participant: Participant, cid: str, kind: str) -> Intent:
    track = participant.track_for(cid, kind)
    if track is None:
        return answers.UNKNOWN
    if track.kind == "video":
        return Intent(track.cids.get(cid, track.first_codec))
    return Intent(
        packet_length.codec(participant.ptime_ms, disable_red=track.info.disable_red),
        dtx=AudioTrackFeature.TF_NO_DTX not in track.info.audio_features,
        stereo=track.is_stereo,
    )


def _cannot_receive(participant: Participant, track: Track) -> bool:
    subscription = participant.subscriptions.get(track.sid)
    return subscription is not None and backup.cannot_receive(subscription)


def _tell_yield(participant: Participant, downlink: Downlink) -> None:
    for subscription in participant.subscriptions.values():
        if subscription.downlink is downlink:
            yielding.tell_viewer(subscription)


def _need_sections(participant: Participant, audios: int, videos: int) -> None:
    requirement = MediaSectionsRequirement(num_audios=audios, num_videos=videos)
    participant.send(SignalResponse(media_sections_requirement=requirement))


def _send_offer(participant: Participant, offer: SessionDescription) -> None:
    participant.send(SignalResponse(offer=offer))
