"""What a client is answered, and what its tracks become, by requests about them."""

from __future__ import annotations

import pytest
from livekit.protocol.models import (
    AudioTrackFeature,
    ClientInfo,
    TrackInfo,
    TrackSource,
    TrackType,
    VideoLayer,
    VideoQuality,
)
from livekit.protocol.rtc import (
    AddTrackRequest,
    MuteTrackRequest,
    RequestResponse,
    SignalRequest,
    SignalResponse,
    SimulcastCodec,
    UpdateLocalAudioTrack,
    UpdateLocalVideoTrack,
    UpdateParticipantMetadata,
)

from signaling.clients import handlers
from signaling.config import Settings
from signaling.operation.webhooks import Webhooks
from signaling.rooms.participants import Participant
from signaling.rooms.room import Room
from signaling.tokens import Claims, VideoGrant
from tests.signaling.conftest import KEY, SECRET

STEREO, NO_DTX = AudioTrackFeature.TF_STEREO, AudioTrackFeature.TF_NO_DTX


class _Signal:
    def __init__(self) -> None:
        self.sent: list[SignalResponse] = []

    def send(self, response: SignalResponse) -> None:
        self.sent.append(response)


def _participant(*, may_change: bool = False) -> tuple[Participant, _Signal]:
    settings = Settings(keys={KEY: SECRET})
    room = Room("visit", settings, Webhooks(settings))
    claims = Claims("amina", 0, api_key=KEY, video=VideoGrant(can_update_own_metadata=may_change))
    participant = Participant(room, claims, ClientInfo(), auto_subscribe=True)
    room.join(participant)
    signal = _Signal()
    participant.signal = signal
    participant.add_track(TrackInfo(sid="TR_A", type=TrackType.AUDIO, width=1), "a")
    participant.add_track(TrackInfo(sid="TR_V", type=TrackType.VIDEO), "v")
    return participant, signal


@pytest.mark.parametrize(
    "request_",
    [
        SignalRequest(mute=MuteTrackRequest(sid="TR_gone", muted=True)),
        SignalRequest(update_audio_track=UpdateLocalAudioTrack(track_sid="TR_gone")),
        SignalRequest(update_video_track=UpdateLocalVideoTrack(track_sid="TR_gone")),
    ],
)
def test_who_speaks_of_a_track_that_is_not_there_is_told_so(request_: SignalRequest) -> None:
    participant, signal = _participant()
    handlers.handle(participant, request_)
    (answer,) = signal.sent
    kind = request_.WhichOneof("message")
    assert kind is not None
    assert answer.request_response.reason == RequestResponse.NOT_FOUND
    assert answer.request_response.WhichOneof("request") == kind
    assert getattr(answer.request_response, kind) == getattr(request_, kind)


@pytest.mark.parametrize(
    ("is_allowed", "name", "reason", "message"),
    [
        (True, "Amina", RequestResponse.OK, ""),
        (True, "n" * 257, RequestResponse.LIMIT_EXCEEDED, "name too long"),
        (False, "Amina", RequestResponse.NOT_ALLOWED, "token does not allow metadata of one's own"),
    ],
)
def test_who_may_not_change_its_details_so_is_told_why(
    is_allowed: bool, name: str, reason: RequestResponse.Reason, message: str
) -> None:
    participant, signal = _participant(may_change=is_allowed)
    update = UpdateParticipantMetadata(name=name, request_id=7)
    handlers.handle(participant, SignalRequest(update_metadata=update))
    answer = signal.sent[-1].request_response
    assert (answer.request_id, answer.reason, answer.message) == (7, reason, message)


@pytest.mark.parametrize(
    ("kind", "wanted", "told"),
    [
        (TrackType.VIDEO, ["h265"], ["video/VP8"]),
        (TrackType.VIDEO, ["h265", "vp8"], ["video/VP8"]),
        (TrackType.VIDEO, ["video/H265", "h264"], ["video/VP8", "video/H264"]),
        (TrackType.VIDEO, ["vp9", "video/vp8"], ["video/VP9", "video/VP8"]),
        (TrackType.AUDIO, ["pcmu"], ["audio/opus"]),
        (TrackType.AUDIO, ["audio/red"], ["audio/red"]),
        (TrackType.VIDEO, [""], [""]),
    ],
)
def test_in_the_place_of_a_codec_that_is_not_enabled_the_first_one_is_told(
    kind: TrackType, wanted: list[str], told: list[str]
) -> None:
    participant, signal = _participant()
    named = [SimulcastCodec(codec=codec, cid="x" if not index else "") for index, codec in enumerate(wanted)]
    request = AddTrackRequest(cid="x", type=kind, simulcast_codecs=named)
    handlers.handle(participant, SignalRequest(add_track=request))
    info = signal.sent[-1].track_published.track
    assert [codec.mime_type for codec in info.codecs] == told
    assert info.mime_type == told[0]
    assert participant.tracks[info.sid].cids == {"x": told[0].partition("/")[2].lower()}


def test_layers_are_told_from_the_smallest_on_and_what_belongs_together() -> None:
    participant, signal = _participant()
    layers = [VideoLayer(quality=quality, bitrate=quality) for quality in (VideoQuality.HIGH, VideoQuality.LOW)]
    codecs = [SimulcastCodec(codec="vp8", cid="x")]
    for source, said, told in (
        (TrackSource.SCREEN_SHARE, "", "screen"),
        (TrackSource.CAMERA, "", "camera"),
        (TrackSource.UNKNOWN, "", "unknown"),
        (TrackSource.CAMERA, "mine", "mine"),
    ):
        request = AddTrackRequest(
            cid=f"{source}{said}",
            type=TrackType.VIDEO,
            source=source,
            stream=said,
            layers=layers,
            simulcast_codecs=codecs,
        )
        handlers.handle(participant, SignalRequest(add_track=request))
        info = signal.sent[-1].track_published.track
        assert info.stream == told
        assert list(info.layers) == list(info.codecs[0].layers) == layers[::-1]


def test_a_track_that_is_announced_again_before_its_media_is_the_same() -> None:
    participant, signal = _participant()
    for _ in range(2):
        handlers.handle(participant, SignalRequest(add_track=AddTrackRequest(cid="x", type=TrackType.AUDIO)))
    first, again = (answer.track_published.track.sid for answer in signal.sent[-2:])
    assert first == again


@pytest.mark.parametrize("features", [[STEREO, NO_DTX, STEREO], [NO_DTX], []])
def test_features_of_a_sound_are_what_was_said_last(features: list[AudioTrackFeature]) -> None:
    participant, _ = _participant()
    info = participant.tracks["TR_A"].info
    for said in ([STEREO, NO_DTX], features):
        update = UpdateLocalAudioTrack(track_sid="TR_A", features=said)
        handlers.handle(participant, SignalRequest(update_audio_track=update))
    assert list(info.audio_features) == sorted(set(features))
    assert (info.stereo, info.disable_dtx) == (STEREO in features, NO_DTX in features)


def test_a_picture_has_no_sound_and_a_sound_no_size() -> None:
    participant, _ = _participant()
    sound, picture = (participant.tracks[sid].info for sid in ("TR_A", "TR_V"))
    update = UpdateLocalAudioTrack(track_sid="TR_V", features=[STEREO])
    handlers.handle(participant, SignalRequest(update_audio_track=update))
    for sid in ("TR_A", "TR_V"):
        size = UpdateLocalVideoTrack(track_sid=sid, width=640, height=360)
        handlers.handle(participant, SignalRequest(update_video_track=size))
    assert (sound.width, sound.height) == (1, 0)
    assert (picture.width, picture.height, list(picture.audio_features)) == (640, 360, [])
