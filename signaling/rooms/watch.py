"""What a room tells its participants by the clock: who speaks, how good each connection is, and how many are there."""

from __future__ import annotations

from livekit.protocol.models import ConnectionQuality, SpeakerInfo
from livekit.protocol.rtc import ConnectionQualityInfo, ConnectionQualityUpdate, SignalResponse, SpeakersChanged

from signaling.rooms import quality
from signaling.rooms.participants import Participant
from signaling.rooms.room import Room
from signaling.sfu.receiving import speakers


def tell_speakers(room: Room) -> None:
    """Tell everyone whose loudness changed."""
    levels: dict[str, float] = {}
    for participant in room.participants.values():
        if participant.is_hidden:
            continue
        found = [t.uplink.loudness.take() for t in participant.tracks.values() if t.uplink and not t.info.muted]
        if found and max(found) > 0:
            levels[participant.sid] = max(found)
    news = speakers.changed(room.speaking, levels)
    room.speaking = levels
    if not news:
        return
    told = [SpeakerInfo(sid=sid, level=level, active=level > 0) for sid, level in news.items()]
    update = SignalResponse(speakers_changed=SpeakersChanged(speakers=told))
    for participant in room.participants.values():
        participant.send(update)


def tell_quality(room: Room) -> None:
    """Tell everyone how good the connections are."""
    told = []
    for participant in room.participants.values():
        if not participant.is_hidden:
            word, score = _quality(participant)
            told.append(ConnectionQualityInfo(participant_sid=participant.sid, quality=word, score=score))
    update = SignalResponse(connection_quality=ConnectionQualityUpdate(updates=told))
    for participant in room.participants.values():
        participant.send(update)


def tell_counts(room: Room) -> None:
    """Tell the room's state to whoever knows of more or fewer people or publishers."""
    counts = room.counts()
    room.announce_room([participant for participant in room.participants.values() if participant.told_counts != counts])


def _quality(participant: Participant) -> tuple[ConnectionQuality, float]:
    if participant.signal is None:
        return ConnectionQuality.LOST, 0.0
    peers = [side.peer for side in (participant.offers, participant.subscriber) if side is not None]
    loss, rtt_seconds = max(peer.loss() for peer in peers), min(peer.rtt_seconds for peer in peers)
    return quality.rate(loss, rtt_seconds, is_starved=any(peer.is_starved for peer in peers))
