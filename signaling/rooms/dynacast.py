"""Which layers of which codec a publisher should send: those that somebody watches (dynacast)."""

from __future__ import annotations

import time

from livekit.protocol.models import VideoQuality
from livekit.protocol.rtc import SignalResponse, SubscribedCodec, SubscribedQuality, SubscribedQualityUpdate

from signaling.rooms import yielding
from signaling.rooms.tracks import Track

DELAY_SECONDS = 5.0
"""How long nobody must want a layer before its publisher stops it; a resized window should not flicker."""
REPEAT_SECONDS = 2.0
"""A client that does not know its own track yet ignores what it is told; on a slow link that takes seconds."""
MAX_REPEATS = 5
"""Each after twice the time of the one before: a client without dynacast never heeds them. On a strained uplink the
first pause stays, and there is no end, for there what nobody wants costs what everybody wants."""
SENT_SECONDS = 1.0
"""A layer that came no longer ago than this is still being sent."""
_QUALITIES = (VideoQuality.LOW, VideoQuality.MEDIUM, VideoQuality.HIGH)


def wanted(track: Track) -> dict[str, int]:
    """The best quality of each codec that anyone receives now, -1 for none.

    The second codec is named once somebody needs it, and from then on: naming it makes its publisher send it.
    """
    best = {False: -1, True: -1}
    for subscription in () if track.is_held_back else track.subscriptions.values():
        quality = subscription.downlink.target_layer
        if not subscription.downlink.paused and quality in _QUALITIES:
            best[subscription.needs_backup] = max(best[subscription.needs_backup], quality)
    found = {} if track.uplink is None else {track.uplink.codec.mime_type: best[False]}
    if track.backup_codec and (best[True] >= 0 or track.backup_codec in track.announced):
        found[track.backup_codec] = best[True]
    return found


def update(track: Track, now: float | None = None) -> None:
    """Tell a publisher what anyone wants: more at once, less only after a while unless its uplink is strained.

    The first time waits for the clock (`now`): the client must have taken in its own track before.
    """
    if track.kind != "video" or track.uplink is None or (not track.announced and now is None):
        return
    now = time.monotonic() if now is None else now
    yielding.hold_back(track)
    found = wanted(track)
    if found == track.announced:
        track.lower_at = None
        if _is_repeat_due(track, now) and _is_more_sent(track, now):
            track.repeats += 1
            _tell(track, found, now)
        return
    fewer = all(quality <= track.announced.get(codec, -1) for codec, quality in found.items())
    if track.announced and fewer and not track.is_held_back:
        if track.lower_at is None:
            track.lower_at = now + DELAY_SECONDS
        if now < track.lower_at:
            return
    track.lower_at = None
    track.repeats = 0
    _tell(track, found, now)


def tell_again(track: Track) -> None:
    """Its publisher may not have heard what was last asked for."""
    if track.announced:
        track.repeats = 0
        _tell(track, track.announced, time.monotonic())


def _is_repeat_due(track: Track, now: float) -> bool:
    if track.is_held_back:
        return now >= track.told_at + REPEAT_SECONDS
    return track.repeats < MAX_REPEATS and now >= track.told_at + REPEAT_SECONDS * 2**track.repeats


def _is_more_sent(track: Track, now: float) -> bool:
    """Whether a layer still comes that nobody was said to want."""
    uplinks = [uplink for uplink in (track.uplink, track.backup) if uplink is not None]
    return any(
        stream.layer > track.announced.get(uplink.codec.mime_type, -1) and now - stream.last_at < SENT_SECONDS
        for uplink in uplinks
        for stream in uplink.streams
    )


def _tell(track: Track, found: dict[str, int], now: float) -> None:
    track.announced, track.told_at = found, now
    track.publisher.send(SignalResponse(subscribed_quality_update=_message(track, found)))


def _message(track: Track, found: dict[str, int]) -> SubscribedQualityUpdate:
    by_codec = [
        SubscribedCodec(
            codec=codec,
            qualities=[SubscribedQuality(quality=level, enabled=level <= best) for level in _QUALITIES],
        )
        for codec, best in found.items()
    ]
    return SubscribedQualityUpdate(
        track_sid=track.sid, subscribed_qualities=by_codec[0].qualities, subscribed_codecs=by_codec
    )
