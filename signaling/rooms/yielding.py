"""Video that gives way to sound on a narrow link, on the publisher's side or a viewer's, and who is told."""

from __future__ import annotations

from collections.abc import Iterable

from livekit.protocol.rtc import SignalResponse, StreamState, StreamStateInfo, StreamStateUpdate

from signaling.rooms.participants import Participant
from signaling.rooms.tracks import Subscription, Track


def tell_viewer(subscription: Subscription) -> None:
    """Say that a video is paused, or is back."""
    subscription.was_told = True
    _tell(subscription.subscriber, [subscription])


def tell_again(viewer: Participant) -> None:
    """Say how it is now with each video that was ever paused, to somebody who may not have heard the last of it."""
    told = [subscription for subscription in viewer.subscriptions.values() if subscription.was_told]
    if told:
        _tell(viewer, told)


def _tell(viewer: Participant, subscriptions: Iterable[Subscription]) -> None:
    states = [
        StreamStateInfo(
            participant_sid=subscription.track.publisher.sid,
            track_sid=subscription.track.sid,
            state=StreamState.PAUSED if subscription.is_starved else StreamState.ACTIVE,
        )
        for subscription in subscriptions
    ]
    viewer.send(SignalResponse(stream_state_update=StreamStateUpdate(stream_states=states)))


def hold_back(track: Track) -> None:
    """Let a publisher's strained uplink carry no video, until it is well; viewers are told of a change, by the clock.

    Who comes meanwhile is told too, once its client knows the track: before that it would not heed it.
    """
    strained = track.uplink is not None and track.uplink.peer.reception.strain.is_yielding
    is_news, track.is_held_back = strained != track.is_held_back, strained
    for subscription in track.subscriptions.values():
        if subscription.is_known and (is_news or (strained and not subscription.was_told)):
            tell_viewer(subscription)
        subscription.is_known = subscription.downlink.is_bound
