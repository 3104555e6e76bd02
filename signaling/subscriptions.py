"""Who receives which track, and which layers of it anyone wants."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from livekit.protocol.rtc import (
    SignalResponse,
    SubscribedCodec,
    SubscribedQuality,
    SubscribedQualityUpdate,
    SubscriptionPermissionUpdate,
    TrackSubscribed,
)

from signaling.offers import new_ssrcs
from signaling.participants import Participant
from signaling.sfu.downlink import Downlink
from signaling.tracks import DYNACAST_DELAY_SECONDS, Subscription, Track, Wishes

if TYPE_CHECKING:
    from signaling.rooms import Room


def reconcile(room: Room, participant: Participant) -> None:
    """Give the participant what is wanted and allowed, take away the rest, and tell of a publisher's refusals."""
    if participant.receiver is None:
        return
    denied: set[str] = set()
    for other in room.others(participant):
        for track in other.tracks.values():
            subscription = participant.subscriptions.get(track.sid)
            wanted = _is_wanted(participant, track)
            allowed = track.is_allowed(participant.identity)
            if wanted and not allowed:
                denied.add(track.sid)
            if wanted and allowed == (track.sid in participant.denied):
                _tell_permission(participant, track, allowed=allowed)
            if wanted and allowed and subscription is None:
                _subscribe(participant, track)
            elif subscription is not None and not (wanted and allowed):
                unsubscribe(subscription)
    participant.denied = denied


def _is_wanted(participant: Participant, track: Track) -> bool:
    wanted = participant.explicit.get(track.sid, participant.auto_subscribe)
    return wanted and track.is_published and participant.claims.video.can_subscribe


def _tell_permission(participant: Participant, track: Track, *, allowed: bool) -> None:
    update = SubscriptionPermissionUpdate(participant_sid=track.publisher.sid, track_sid=track.sid, allowed=allowed)
    participant.send(SignalResponse(subscription_permission_update=update))


def _subscribe(participant: Participant, track: Track) -> None:
    receiver = participant.receiver
    if receiver is None or track.uplink is None:
        return
    ssrc, rtx_ssrc = new_ssrcs()
    downlink = Downlink(receiver.peer, track.uplink, ssrc=ssrc, rtx_ssrc=rtx_ssrc)
    wishes = participant.wishes.setdefault(track.sid, Wishes())
    subscription = Subscription(participant, track, downlink, wishes)
    subscription.apply()
    participant.subscriptions[track.sid] = subscription
    if not track.subscriptions:
        track.publisher.send(SignalResponse(track_subscribed=TrackSubscribed(track_sid=track.sid)))
    track.subscriptions[participant.sid] = subscription
    track.uplink.downlinks.append(downlink)
    receiver.attach(track, downlink)
    update_dynacast(track)


def unsubscribe(subscription: Subscription) -> None:
    """Take a track away from a subscriber."""
    track, participant = subscription.track, subscription.subscriber
    participant.subscriptions.pop(track.sid, None)
    track.subscriptions.pop(participant.sid, None)
    if track.uplink is not None and subscription.downlink in track.uplink.downlinks:
        track.uplink.downlinks.remove(subscription.downlink)
    if participant.receiver is not None:
        participant.receiver.detach(subscription.downlink)
    update_dynacast(track)


def update_dynacast(track: Track, now: float | None = None) -> None:
    """Tell a publisher which layers anyone wants: more at once, fewer only after a while.

    The first time waits for the clock (`now`): the client must have taken in its own track before.
    """
    if track.kind != "video" or track.uplink is None:
        return
    if track.announced_quality is None and now is None:
        return
    now = time.monotonic() if now is None else now
    best = track.best_wanted()
    best = -1 if best > 2 else best
    if best == track.announced_quality:
        track.lower_at = None
        return
    if track.announced_quality is not None and best < track.announced_quality:
        if track.lower_at is None:
            track.lower_at = now + DYNACAST_DELAY_SECONDS
        if now < track.lower_at:
            return
    track.lower_at = None
    track.announced_quality = best
    qualities = [SubscribedQuality(quality=level, enabled=level <= best) for level in (0, 1, 2)]  # type: ignore[arg-type]
    codec = SubscribedCodec(codec=track.uplink.codec.mime_type, qualities=qualities)
    track.publisher.send(
        SignalResponse(
            subscribed_quality_update=SubscribedQualityUpdate(
                track_sid=track.sid, subscribed_qualities=qualities, subscribed_codecs=[codec]
            )
        )
    )
