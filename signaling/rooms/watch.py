"""What a room tells its participants by the clock: who speaks, how good each connection is, and how many are there."""

from __future__ import annotations

from collections import defaultdict
from typing import Final

from livekit.protocol.models import ConnectionQuality, SpeakerInfo
from livekit.protocol.rtc import ConnectionQualityInfo, ConnectionQualityUpdate, SignalResponse, SpeakersChanged

from signaling.rooms import quality
from signaling.rooms.participants import Participant
from signaling.rooms.room import Room
from signaling.sfu.receiving import speakers

UNKNOWN: Final = -1.0
"""In the place of a level: whatever it is now is news."""


def tell_speakers(room: Room) -> None:
    """Tell everyone whose loudness changed, of itself and those it is subscribed to.

    Somebody in a waiting room must not learn who speaks.
    """
    levels = _levels(room)
    for participant in room.participants.values():
        # Who is away is told when it is back.
        if participant.signal is not None:
            _tell_levels(participant, levels.get(participant.sid, {}))


def tell_again(participant: Participant) -> None:
    """Have the clock tell all of it to somebody who was cut off: what it was told last may have been lost."""
    participant.told_levels = dict.fromkeys(participant.told_levels.keys() | _heard(participant), UNKNOWN)
    participant.told_quality = {}


def _levels(room: Room) -> dict[str, dict[str, float]]:
    """For each listener the levels of those it may hear. Speakers are few, so it is they who look for listeners."""
    levels: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for speaker in room.participants.values():
        level = _level(speaker)
        if level > 0 and not speaker.is_hidden:
            for sid in {speaker.sid}.union(*(track.subscriptions for track in speaker.tracks.values())):
                levels[sid][speaker.sid] = level
    return levels


def _level(participant: Participant) -> float:
    tracks = participant.tracks.values()
    return max((track.uplink.loudness.take() for track in tracks if track.uplink and not track.info.muted), default=0.0)


def _tell_levels(participant: Participant, levels: dict[str, float]) -> None:
    news = speakers.changed(participant.told_levels, levels)
    participant.told_levels = levels
    if news:
        told = [SpeakerInfo(sid=sid, level=level, active=level > 0) for sid, level in news.items()]
        participant.send(SignalResponse(speakers_changed=SpeakersChanged(speakers=told)))


def tell_quality(room: Room) -> None:
    """Tell everyone whose connection is better or worse than it was told, of its own and those it is subscribed to."""
    known = {}
    for participant in room.participants.values():
        if not participant.is_hidden:
            word, score = _quality(participant)
            known[participant.sid] = ConnectionQualityInfo(participant_sid=participant.sid, quality=word, score=score)
    for participant in room.participants.values():
        heard = {sid: known[sid] for sid in known.keys() & _heard(participant)}
        told = [info for sid, info in heard.items() if participant.told_quality.get(sid) != info.quality]
        participant.told_quality = {sid: info.quality for sid, info in heard.items()}
        if told:
            participant.send(SignalResponse(connection_quality=ConnectionQualityUpdate(updates=told)))


def _heard(participant: Participant) -> set[str]:
    """The sids of those of whom somebody is told: itself and those it is subscribed to, unless they are hidden."""
    people = {participant, *(subscription.track.publisher for subscription in participant.subscriptions.values())}
    return {person.sid for person in people if not person.is_hidden}


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
