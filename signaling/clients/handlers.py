"""What each kind of signal request does, one function a kind."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable

from google.protobuf.message import Message
from livekit.protocol.models import AudioTrackFeature, TrackInfo, TrackSource, TrackType, VideoLayer, VideoQuality
from livekit.protocol.rtc import (
    AddTrackRequest,
    MuteTrackRequest,
    Ping,
    Pong,
    PublishDataTrackRequest,
    RequestResponse,
    SessionDescription,
    SignalRequest,
    SignalResponse,
    SubscriptionPermission,
    SyncState,
    TrackPublishedResponse,
    UpdateLocalAudioTrack,
    UpdateLocalVideoTrack,
    UpdateParticipantMetadata,
    UpdateSubscription,
    UpdateTrackSettings,
)

from signaling import bounds, ids, tokens
from signaling.errors import InvalidArgumentError
from signaling.rooms import audience, dynacast, subscriptions
from signaling.rooms.participants import Participant
from signaling.rooms.room import ENABLED_CODECS
from signaling.rooms.tracks import Track, Wishes

logger = logging.getLogger(__name__)

MAX_EXPLICIT = 1000
"""Wishes about tracks that one participant may leave, known tracks or not."""
MAX_PERMITTED = 2000
"""Participants that a subscription permission may name."""
MAX_CIDS = 8
"""Ids under which a track's media may come: one for each codec of it."""
STREAMS = {
    TrackSource.CAMERA: "camera",
    TrackSource.MICROPHONE: "camera",
    TrackSource.SCREEN_SHARE: "screen",
    TrackSource.SCREEN_SHARE_AUDIO: "screen",
}
"""What belongs together where the publisher does not say so, in LiveKit's words."""


def handle(participant: Participant, request: SignalRequest) -> None:
    """Do what a request asks; what cannot be done is answered or logged, never raised."""
    kind = request.WhichOneof("message")
    handler = HANDLERS.get(kind or "")
    if handler is None:
        logger.debug("request %s is not supported", kind)
        return
    try:
        handler(participant, getattr(request, kind or ""))
    except (ValueError, InvalidArgumentError):
        logger.info("participant %s sent a %s that cannot be read or is too large", participant.sid, kind)


def _refuse(participant: Participant, reason: RequestResponse.Reason, **request: Message) -> None:
    participant.send(
        SignalResponse(request_response=RequestResponse(reason=reason, **request))  # type: ignore[arg-type]
    )


def _refuse_data_track(participant: Participant, request: PublishDataTrackRequest) -> None:
    """Said at once, or the client waits for its own timeout."""
    _refuse(participant, RequestResponse.NOT_ALLOWED, publish_data_track=request)


def _offer(participant: Participant, offer: SessionDescription) -> None:
    if participant.offers is not None:
        participant.send(SignalResponse(answer=participant.offers.answer(offer)))


def _answer(participant: Participant, answer: SessionDescription) -> None:
    if participant.subscriber is not None:
        participant.subscriber.answered(answer)


def _trickle(participant: Participant, _: Message) -> None:
    """An ICE-lite side learns addresses from the checks themselves."""


def add_track(participant: Participant, request: AddTrackRequest) -> None:
    """Announce a track, or another codec of one."""
    room = participant.room
    # First, because of what is refused the id is kept.
    bounds.check_track(room.settings, request)
    if request.sid and request.sid not in participant.tracks:
        # A second codec of a track that has gone meanwhile; as a track of its own everybody would see it.
        _refuse_track(participant, RequestResponse.NOT_FOUND, request)
        return
    if request.type not in (TrackType.AUDIO, TrackType.VIDEO):
        _refuse_track(participant, RequestResponse.UNSUPPORTED_TYPE, request)
        return
    if not tokens.may_publish(participant.claims.video, request.source):
        _refuse_track(participant, RequestResponse.NOT_ALLOWED, request)
        return
    if len(participant.tracks) >= room.settings.limits.tracks_per_participant:
        _refuse_track(participant, RequestResponse.LIMIT_EXCEEDED, request)
        return
    if request.cid in participant.refused:
        participant.refused.remove(request.cid)
    track = participant.tracks.get(request.sid) or participant.track_of(request.cid)
    if track is None or (track.is_published and not request.sid):
        # One that is published under this id ends with the next offer: its publisher begins it anew.
        track = participant.add_track(_track_info(request), request.cid)
        room.update_ptime()
    for codec in request.simulcast_codecs:
        if codec.cid:
            _know_as(track, codec.cid, codec.codec)
    participant.send(SignalResponse(track_published=TrackPublishedResponse(cid=request.cid, track=track.info)))
    if (uplink := participant.claim(track, request.cid)) is not None:
        room.take_media(track, request.cid, uplink)


def _refuse_track(participant: Participant, reason: RequestResponse.Reason, request: AddTrackRequest) -> None:
    """Its media may be offered nevertheless, and must not be taken for another track's."""
    participant.refused.append(request.cid)
    _refuse(participant, reason, add_track=request)


def _know_as(track: Track, cid: str, codec: str) -> None:
    if cid in track.cids or len(track.cids) < MAX_CIDS:
        track.cids[cid] = _mime_type(track.info.type, codec).partition("/")[2].lower()


def _track_info(request: AddTrackRequest) -> TrackInfo:
    audio = request.type == TrackType.AUDIO
    info = TrackInfo(
        sid=ids.new(ids.AUDIO if audio else ids.VIDEO),
        type=request.type,
        name=request.name,
        muted=request.muted,
        width=request.width,
        height=request.height,
        simulcast=len(request.layers) > 1 or any(len(codec.layers) > 1 for codec in request.simulcast_codecs),
        disable_dtx=request.disable_dtx,
        source=request.source,
        layers=_by_quality(request.layers),
        stereo=request.stereo or AudioTrackFeature.TF_STEREO in request.audio_features,
        disable_red=request.disable_red,
        encryption=request.encryption,
        stream=request.stream or STREAMS.get(request.source, "unknown"),
        audio_features=_features(request),
        backup_codec_policy=request.backup_codec_policy,
        packet_trailer_features=request.packet_trailer_features,
    )
    for codec in request.simulcast_codecs:
        mime_type = _mime_type(request.type, codec.codec)
        if any(mime_type == known.mime_type for known in info.codecs):
            continue
        info.codecs.add(
            mime_type=mime_type,
            cid=codec.cid,
            layers=_by_quality(codec.layers or request.layers),
            video_layer_mode=codec.video_layer_mode,
        )
    if info.codecs:
        info.mime_type = info.codecs[0].mime_type
        if not info.layers:
            info.layers.extend(info.codecs[0].layers)
    # Layers said once are told with each codec.
    bounds.check_description(info)
    return info


def _by_quality(layers: Iterable[VideoLayer]) -> list[VideoLayer]:
    return sorted(layers, key=lambda layer: layer.quality)


def _features(request: AddTrackRequest) -> list[AudioTrackFeature]:
    """What older clients say of sound in fields of their own is a feature like the others."""
    found = set(request.audio_features)
    if request.stereo:
        found.add(AudioTrackFeature.TF_STEREO)
    if request.disable_dtx:
        found.add(AudioTrackFeature.TF_NO_DTX)
    return sorted(found)


def _mime_type(kind: int, codec: str) -> str:
    """The MIME type, as we spell it, of a codec that clients name with or without its kind; nothing for none.

    For one that is not enabled it is the first that is: clients take it up from there.
    """
    if not codec:
        return ""
    prefix = "audio/" if kind == TrackType.AUDIO else "video/"
    named = codec if "/" in codec else prefix + codec
    enabled = [mime for mime in ENABLED_CODECS if mime.startswith(prefix)]
    return next((mime for mime in enabled if mime.lower() == named.lower()), enabled[0])


def _mute(participant: Participant, request: MuteTrackRequest) -> None:
    track = participant.tracks.get(request.sid)
    if track is None:
        _refuse(participant, RequestResponse.NOT_FOUND, mute=request)
    elif track.info.muted != request.muted:
        participant.room.mute(track, muted=request.muted, by_admin=False)


def update_subscription(participant: Participant, request: UpdateSubscription) -> None:
    """Note which tracks are wanted; the same one is often named twice."""
    sids = set(request.track_sids)
    for group in request.participant_tracks:
        sids.update(group.track_sids)
    if request.subscribe:
        # livekit-client takes what it asks for as allowed until it hears otherwise.
        participant.denied -= sids
    for sid in sids:
        if sid in participant.explicit or len(participant.explicit) < MAX_EXPLICIT:
            participant.explicit[sid] = request.subscribe
    subscriptions.reconcile(participant.room, participant)


def _track_setting(participant: Participant, request: UpdateTrackSettings) -> None:
    for sid in set(request.track_sids):
        subscription = participant.subscriptions.get(sid)
        off = request.disabled or request.quality == VideoQuality.OFF
        wishes = Wishes(off, request.quality, request.width, request.height, request.fps, request.priority)
        if subscription is not None:
            subscription.wishes = wishes
            subscription.apply()
            dynacast.update(subscription.track)
        if sid in participant.wishes or len(participant.wishes) < MAX_EXPLICIT:
            participant.wishes[sid] = wishes


def _permission(participant: Participant, request: SubscriptionPermission) -> None:
    if len(request.track_permissions) > MAX_PERMITTED:
        raise InvalidArgumentError("too many track permissions")
    room = participant.room
    participant.audience = audience.read(request, {other.sid: other.identity for other in room.participants.values()})
    for other in room.others(participant):
        subscriptions.reconcile(room, other)


def sync_state(participant: Participant, state: SyncState) -> None:
    """Take up again what the client believes."""
    for sid in state.track_sids_disabled:
        if sid not in participant.wishes and len(participant.wishes) >= MAX_EXPLICIT:
            continue
        wishes = participant.wishes.setdefault(sid, Wishes())
        wishes.disabled = True
        if sid in participant.subscriptions:
            participant.subscriptions[sid].wishes = wishes
            participant.subscriptions[sid].apply()
    update_subscription(participant, state.subscription)
    if participant.data is not None:
        participant.data.received_until({s.publisher_sid: s.last_seq for s in state.datachannel_receive_states})


def _ping(participant: Participant, _: int) -> None:
    participant.send(SignalResponse(pong=int(time.time() * 1000)))


def _ping_request(participant: Participant, request: Ping) -> None:
    participant.ping_rtt_ms = request.rtt
    pong = Pong(last_ping_timestamp=request.timestamp, timestamp=int(time.time() * 1000))
    participant.send(SignalResponse(pong_resp=pong))


def _update_metadata(participant: Participant, request: UpdateParticipantMetadata) -> None:
    reason, message = RequestResponse.OK, ""
    if not participant.claims.video.can_update_own_metadata:
        reason, message = RequestResponse.NOT_ALLOWED, "token does not allow metadata of one's own"
    else:
        before = participant.claims
        try:
            participant.set_details(name=request.name, metadata=request.metadata, attributes=dict(request.attributes))
            participant.room.announce(participant)
            if participant.claims != before:
                _refresh_token(participant)
        except InvalidArgumentError as problem:
            reason, message = RequestResponse.LIMIT_EXCEEDED, str(problem)
    response = RequestResponse(request_id=request.request_id, reason=reason, message=message, update_metadata=request)
    participant.send(SignalResponse(request_response=response))


def _refresh_token(participant: Participant) -> None:
    """Or a full reconnect would bring the old details back. Who changes all the time gets one by the clock."""
    if participant.is_changed:
        participant.refresh_at = 0.0
    else:
        participant.room.refresh_token(participant)


def _update_audio(participant: Participant, request: UpdateLocalAudioTrack) -> None:
    bounds.check_description(request)
    track = participant.tracks.get(request.track_sid)
    if track is None:
        _refuse(participant, RequestResponse.NOT_FOUND, update_audio_track=request)
    elif track.kind == "audio":
        features = set(request.features)
        del track.info.audio_features[:]
        track.info.audio_features.extend(sorted(features))
        track.info.stereo = AudioTrackFeature.TF_STEREO in features
        track.info.disable_dtx = AudioTrackFeature.TF_NO_DTX in features
        participant.room.announce(participant)


def _update_video(participant: Participant, request: UpdateLocalVideoTrack) -> None:
    track = participant.tracks.get(request.track_sid)
    if track is None:
        _refuse(participant, RequestResponse.NOT_FOUND, update_video_track=request)
    elif track.kind == "video":
        track.info.width, track.info.height = request.width, request.height
        participant.room.announce(participant)


HANDLERS: dict[str, Callable[..., None]] = {
    "offer": _offer,
    "answer": _answer,
    "trickle": _trickle,
    "add_track": add_track,
    "mute": _mute,
    "subscription": update_subscription,
    "track_setting": _track_setting,
    "subscription_permission": _permission,
    "ping": _ping,
    "ping_req": _ping_request,
    "update_metadata": _update_metadata,
    "update_audio_track": _update_audio,
    "update_video_track": _update_video,
    "publish_data_track_request": _refuse_data_track,
}
