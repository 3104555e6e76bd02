"""Bounds on what one participant leaves behind: details, tracks, wishes and data."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from livekit.protocol.models import ClientInfo, DataPacket, TrackInfo, TrackType, VideoLayer, VideoQuality
from livekit.protocol.rtc import (
    AddTrackRequest,
    RequestResponse,
    SignalRequest,
    SimulcastCodec,
    UpdateParticipantMetadata,
    UpdateVideoLayers,
)

from signaling import bounds
from signaling.clients import handlers
from signaling.config import LimitSettings, RoomSettings, Settings
from signaling.operation.webhooks import Webhooks
from signaling.rooms.data import DataChannels
from signaling.rooms.participants import MAX_REFUSED, Participant
from signaling.rooms.room import Room
from signaling.rooms.tracks import Track, Wishes
from signaling.tokens import Claims, VideoGrant
from tests.signaling.conftest import KEY, SECRET

LONG = "n" * 257


# Inside a room


def _participant(**limits: Any) -> Participant:
    settings = Settings(
        keys={KEY: SECRET}, limits=LimitSettings(**limits), room=RoomSettings(max_attributes_bytes=1000)
    )
    room = Room("visit", settings, Webhooks(settings))
    grant = VideoGrant(can_update_own_metadata=True)
    participant = Participant(room, Claims("li", 0, video=grant, api_key=KEY), ClientInfo(), auto_subscribe=True)
    room.join(participant)
    return participant


class _Signal:
    def __init__(self) -> None:
        self.sent: list[Any] = []

    def send(self, response: Any) -> None:
        self.sent.append(response)


def test_attributes_do_not_grow_from_message_to_message() -> None:
    participant = _participant()
    participant.signal = signal = _Signal()
    reasons = []
    for number in range(20):
        update = UpdateParticipantMetadata(attributes={f"key-{number}": "v" * 90})
        handlers.handle(participant, SignalRequest(update_metadata=update))
        reasons.append(signal.sent[-1].request_response.reason)
    assert reasons[0] == RequestResponse.OK
    assert reasons[-1] == RequestResponse.LIMIT_EXCEEDED
    assert sum(map(len, participant.attributes.values())) < 1000


def test_a_track_too_many_is_refused() -> None:
    participant = _participant(tracks_per_participant=2)
    participant.signal = signal = _Signal()
    for number in range(3):
        handlers.handle(participant, SignalRequest(add_track=AddTrackRequest(cid=f"c{number}")))
    assert len(participant.tracks) == 2
    assert signal.sent[-1].request_response.reason == RequestResponse.LIMIT_EXCEEDED


@pytest.mark.parametrize(
    "request_",
    [
        AddTrackRequest(cid="c", name=LONG),
        AddTrackRequest(cid=LONG),
        AddTrackRequest(cid="c", layers=[VideoLayer(rid="r" * 100)] * 100),
        AddTrackRequest(cid="c", layers=[VideoLayer()] * (bounds.MAX_LAYERS + 1)),
        AddTrackRequest(cid="c", simulcast_codecs=[SimulcastCodec()] * (bounds.MAX_CODECS + 1)),
        AddTrackRequest(cid="c", simulcast_codecs=[SimulcastCodec(layers=[VideoLayer()] * (bounds.MAX_LAYERS + 1))]),
        AddTrackRequest(
            cid="c",
            type=TrackType.VIDEO,
            layers=[VideoLayer(rid="r" * 2000)] * 2,
            simulcast_codecs=[SimulcastCodec(codec=codec) for codec in ("vp8", "vp9")],
        ),
    ],
)
def test_a_track_that_says_too_much_of_itself_is_refused(request_: AddTrackRequest) -> None:
    participant = _participant()
    handlers.handle(participant, SignalRequest(add_track=request_))
    assert not participant.tracks


@pytest.mark.parametrize("layers", [[], [VideoLayer()], [VideoLayer(width=7)] * (bounds.MAX_LAYERS + 1)])
def test_a_track_keeps_the_layers_it_was_announced_with(layers: list[VideoLayer]) -> None:
    participant = _participant()
    announced = [VideoLayer(quality=VideoQuality.LOW, width=320), VideoLayer(quality=VideoQuality.HIGH, width=1280)]
    request = AddTrackRequest(cid="c", type=TrackType.VIDEO, layers=announced)
    handlers.handle(participant, SignalRequest(add_track=request))
    (track,) = participant.tracks.values()
    update = UpdateVideoLayers(track_sid=track.sid, layers=layers)
    handlers.handle(participant, SignalRequest(update_layers=update))
    assert list(track.info.layers) == announced


def test_of_refused_tracks_only_so_many_short_ids_are_kept() -> None:
    participant = _participant()
    for number in range(2 * MAX_REFUSED):
        for cid in (LONG, f"c{number}"):
            request = AddTrackRequest(cid=cid, sid="TR_gone", type=TrackType.VIDEO)
            handlers.handle(participant, SignalRequest(add_track=request))
    assert list(participant.refused) == [f"c{number}" for number in range(MAX_REFUSED, 2 * MAX_REFUSED)]


def test_a_track_has_only_so_many_ids() -> None:
    participant = _participant()
    for number in range(50):
        request = AddTrackRequest(cid="c")
        request.simulcast_codecs.add(codec="vp8", cid=f"d{number}")
        handlers.handle(participant, SignalRequest(add_track=request))
    (track,) = participant.tracks.values()
    assert len(track.cids) == handlers.MAX_CIDS


def test_wishes_about_tracks_are_bounded_and_can_still_be_changed() -> None:
    participant = _participant()
    sids = [f"TR_{number}" for number in range(2 * handlers.MAX_EXPLICIT)]
    for number in range(0, len(sids), 100):
        request = SignalRequest()
        request.subscription.track_sids.extend(sids[number : number + 100])
        request.subscription.subscribe = True
        handlers.handle(participant, request)
        request.sync_state.track_sids_disabled.extend(sids[number : number + 100])
        handlers.handle(participant, request)
        request.track_setting.track_sids.extend(sids[number : number + 100])
        handlers.handle(participant, request)
    assert len(participant.explicit) == len(participant.wishes) == handlers.MAX_EXPLICIT
    request = SignalRequest()
    request.subscription.track_sids.append(sids[0])
    handlers.handle(participant, request)
    assert participant.explicit[sids[0]] is False


def test_wishes_about_a_track_end_with_it() -> None:
    participant = _participant()
    room = participant.room
    other = Participant(room, Claims("amina", 0), ClientInfo(), auto_subscribe=True)
    room.join(other)
    track = other.add_track(TrackInfo(sid="TR_1"), "c")
    participant.explicit["TR_1"], participant.wishes["TR_1"] = True, Wishes()
    room.unpublish(track, tell=False)
    assert not participant.explicit
    assert not participant.wishes


@pytest.mark.parametrize(("quality", "layer"), [(3, 2), (77, 2), (-5, 0)])
def test_one_viewers_odd_wish_is_no_layer_that_others_lack(quality: int, layer: int) -> None:
    participant = _participant()
    track = Track(participant, TrackInfo(), "c")
    assert track.layer_for(Wishes(quality=quality)) == layer


# Data


def _channels(counts: Counter[str], **limits: int) -> tuple[DataChannels, list[DataPacket], list[int]]:
    taken: list[DataPacket] = []
    overflows: list[int] = []
    channels = DataChannels(LimitSettings(**limits), counts, taken.append, lambda: overflows.append(1))
    return channels, taken, overflows


class _Channel:
    """A data channel whose far side takes nothing."""

    def __init__(self, label: str) -> None:
        self.label = label
        self.readyState = "open"
        self.bufferedAmount = 0
        self.listeners: dict[str, Any] = {}

    def on(self, event: str, listener: Any) -> None:
        self.listeners[event] = listener

    def send(self, data: bytes) -> None:
        self.bufferedAmount += len(data)


def test_data_too_large_or_too_much_is_dropped_and_counted() -> None:
    counts: Counter[str] = Counter()
    channels, taken, _ = _channels(counts, data_packet_bytes=100, data_bytes_per_second=250)
    channel: Any = _Channel("_lossy")
    channels.adopt(channel, outgoing=False)
    packet = DataPacket()
    packet.user.payload = bytes(80)
    channel.listeners["message"](bytes(101))
    channel.listeners["message"](b"\xff" * 50)
    for _ in range(5):
        channel.listeners["message"](packet.SerializeToString())
    assert len(taken) == 2
    assert counts == {"data_too_much": 4, "data_malformed": 1}


def test_somebody_who_reads_no_data_is_told_to_come_anew_once_too_much_waits() -> None:
    channels, _, overflows = _channels(Counter(), data_buffer_bytes=1000)
    channel: Any = _Channel("_reliable")
    channels.adopt(channel, outgoing=True)
    packet = DataPacket(kind=DataPacket.RELIABLE)
    for _ in range(30):
        channels.send(packet, bytes(100))
    assert overflows
    assert channel.bufferedAmount <= 1100


def test_lossy_data_is_lost_where_nobody_reads() -> None:
    counts: Counter[str] = Counter()
    channels, _, overflows = _channels(counts)
    channel: Any = _Channel("_lossy")
    channels.adopt(channel, outgoing=True)
    for _ in range(300):
        channels.send(DataPacket(kind=DataPacket.LOSSY), bytes(1000))
    assert not overflows
    assert counts["data_unread"] > 150
