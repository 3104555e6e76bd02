"""The second codec of a track: published when somebody cannot receive the first, and forwarded instead of it."""

from __future__ import annotations

from livekit.protocol.models import BackupCodecPolicy, SubscriptionError
from livekit.protocol.rtc import SignalResponse, SubscriptionResponse

from signaling.rooms import dynacast
from signaling.rooms.tracks import Subscription, Track
from signaling.sfu.receiving.uplink import Uplink


def cannot_receive(subscription: Subscription) -> bool:
    """A client lacks the codec it was to get: turn to the second one. False, and the client is told, without one."""
    track = subscription.track
    if track.backup_codec and subscription.downlink.uplink is not track.backup:
        subscription.needs_backup = True
        dynacast.update(track)
        if track.backup is None or subscription.downlink.follow(track.backup):
            return True
    problem = SubscriptionResponse(track_sid=track.sid, err=SubscriptionError.SE_CODEC_UNSUPPORTED)
    subscription.subscriber.send(SignalResponse(subscription_response=problem))
    return False


def begin(track: Track, uplink: Uplink) -> None:
    """The second codec is negotiated: forward it to whoever waits for it.

    Unless the publisher wants to go on sending both, everybody gets it and the first codec rests: a poor uplink
    should not carry a picture twice.
    """
    track.backup = uplink
    uplink.set_muted(track.info.muted)
    track.is_regressed = track.info.backup_codec_policy != BackupCodecPolicy.SIMULCAST
    for codec in track.info.codecs[1:]:
        codec.mid = uplink.mid
    for subscription in track.subscriptions.values():
        if subscription.needs_backup or track.is_regressed:
            subscription.needs_backup = subscription.downlink.follow(uplink)
            if not subscription.needs_backup and track.uplink is not None:
                subscription.downlink.follow(track.uplink)
    dynacast.update(track)


def end(track: Track) -> None:
    """The second codec is gone: whoever can gets the first again."""
    track.backup = None
    track.is_regressed = False
    track.announced.pop(track.backup_codec, None)
    for subscription in track.subscriptions.values():
        if subscription.needs_backup and track.uplink is not None:
            subscription.needs_backup = not subscription.downlink.follow(track.uplink)
    dynacast.update(track)
