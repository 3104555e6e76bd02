"""Who receives which track."""

from __future__ import annotations

from typing import TYPE_CHECKING

from livekit.protocol.models import ClientInfo
from livekit.protocol.rtc import (
    SignalResponse,
    SubscriptionPermissionUpdate,
    TrackSubscribed,
)

from signaling.negotiation.offers import new_ssrcs
from signaling.rooms import dynacast
from signaling.rooms.participants import Participant
from signaling.rooms.tracks import Subscription, Track, Wishes
from signaling.sfu.sending.downlink import Downlink

if TYPE_CHECKING:
    from signaling.rooms.room import Room


def reconcile(room: Room, participant: Participant) -> None:
    """Give the participant what is wanted and allowed, take away the rest, and tell of a publisher's refusals."""
    if participant.receiver is None:
        return
    if not participant.claims.video.can_subscribe:
        # What the client was told of refusals stays as it is: it is told of changes when it may subscribe again.
        for given in list(participant.subscriptions.values()):
            unsubscribe(given)
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
    return wanted and track.is_published


def _tell_permission(participant: Participant, track: Track, *, allowed: bool) -> None:
    update = SubscriptionPermissionUpdate(participant_sid=track.publisher.sid, track_sid=track.sid, allowed=allowed)
    participant.send(SignalResponse(subscription_permission_update=update))


def _subscribe(participant: Participant, track: Track) -> None:
    receiver = participant.receiver
    if receiver is None or track.uplink is None:
        return
    ssrc, rtx_ssrc = new_ssrcs()
    uplink = track.backup if track.is_regressed and track.backup is not None else track.uplink
    downlink = Downlink(receiver.peer, uplink, ssrc=ssrc, rtx_ssrc=rtx_ssrc)
    # A decoder may stumble over what it does not know.
    is_trailer_known = ClientInfo.CAP_PACKET_TRAILER in participant.client.capabilities
    downlink.strips_trailers = bool(track.info.packet_trailer_features) and not is_trailer_known
    wishes = participant.wishes.setdefault(track.sid, Wishes())
    subscription = Subscription(participant, track, downlink, wishes, needs_backup=uplink is track.backup)
    subscription.apply()
    participant.subscriptions[track.sid] = subscription
    if not participant.is_hidden and all(other.subscriber.is_hidden for other in track.subscriptions.values()):
        track.publisher.send(SignalResponse(track_subscribed=TrackSubscribed(track_sid=track.sid)))
    track.subscriptions[participant.sid] = subscription
    uplink.downlinks.append(downlink)
    receiver.attach(track, downlink)
    dynacast.update(track)


def unsubscribe(subscription: Subscription) -> None:
    """Take a track away from a subscriber."""
    track, participant = subscription.track, subscription.subscriber
    participant.subscriptions.pop(track.sid, None)
    track.subscriptions.pop(participant.sid, None)
    if subscription.downlink in subscription.downlink.uplink.downlinks:
        subscription.downlink.uplink.downlinks.remove(subscription.downlink)
    if participant.receiver is not None:
        participant.receiver.detach(subscription.downlink)
    dynacast.update(track)
