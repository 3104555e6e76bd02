"""Which layers of which codec a publisher is asked for, and what the second codec changes.

A peer needs a running loop, hence the async tests.
"""

from __future__ import annotations

import time

import pytest
from livekit.protocol.models import BackupCodecPolicy, ClientInfo, SimulcastCodecInfo, TrackInfo, TrackType
from livekit.protocol.rtc import SignalResponse, StreamState

from signaling.config import Settings
from signaling.operation.webhooks import Webhooks
from signaling.rooms import backup, dynacast
from signaling.rooms.participants import Participant
from signaling.rooms.room import Room
from signaling.rooms.tracks import Subscription, Track, Wishes
from signaling.sfu.endpoint import Endpoint
from signaling.sfu.formats.sdp import Codec
from signaling.sfu.network.transport import Certificate
from signaling.sfu.peer import Peer
from signaling.sfu.receiving.uplink import Uplink
from signaling.sfu.sending.downlink import Downlink
from signaling.tokens import Claims

SETTINGS = Settings(keys={"key": "a-secret-of-more-than-thirty-two-characters"})
VP8, VP9 = Codec(96, "VP8", 90000), Codec(98, "VP9", 90000)
EITHER = [VP8, VP9]


class Inbox:
    """A WebSocket that keeps what is sent."""

    def __init__(self) -> None:
        self.sent: list[SignalResponse] = []

    def send(self, response: SignalResponse) -> None:
        self.sent.append(response)

    def states(self) -> list[StreamState]:
        """What each update said of a video."""
        updates = [r.stream_state_update for r in self.sent if r.HasField("stream_state_update")]
        return [state.state for update in updates for state in update.stream_states]

    def asked(self) -> list[dict[str, int]]:
        """What each update asked for: codec → best layer, -1 for none."""
        updates = [r.subscribed_quality_update for r in self.sent if r.HasField("subscribed_quality_update")]
        return [{c.codec: sum(q.enabled for q in c.qualities) - 1 for c in u.subscribed_codecs} for u in updates]


class Scene:
    """A publisher of VP9 with VP8 behind it, and viewers."""

    def __init__(self, policy: BackupCodecPolicy) -> None:
        self.room = Room("visit", SETTINGS, Webhooks(SETTINGS))
        self.inbox = Inbox()
        self.publisher = Participant(self.room, Claims("li", 0), ClientInfo(), auto_subscribe=True)
        self.publisher.signal = self.inbox
        self.endpoint = Endpoint(["127.0.0.1"], 0, -1)
        kinds = [SimulcastCodecInfo(mime_type="video/vp9", cid="one"), SimulcastCodecInfo(mime_type="video/vp8")]
        info = TrackInfo(
            sid="TR_V", type=TrackType.VIDEO, mime_type="video/vp9", codecs=kinds, backup_codec_policy=policy
        )
        self.track = Track(self.publisher, info, "one")
        self.track.uplink = self.uplink("0", VP9)

    def peer(self) -> Peer:
        return Peer(
            self.endpoint,
            Certificate(),
            on_connected=lambda: None,
            on_closed=lambda: None,
            on_channel=lambda _: None,
            on_yield=lambda _: None,
        )

    def uplink(self, mid: str, codec: Codec) -> Uplink:
        return Uplink(self.peer(), mid, "video", codec, {c.payload_type: c for c in EITHER}, {})

    def view(self, name: str, known: list[Codec], wishes: Wishes | None = None) -> Subscription:
        """Someone watches, whose client knows these codecs."""
        assert self.track.uplink is not None
        viewer = Participant(self.room, Claims(name, 0), ClientInfo(), auto_subscribe=True)
        viewer.signal = Inbox()
        downlink = Downlink(self.peer(), self.track.uplink, ssrc=1, rtx_ssrc=2)
        subscription = Subscription(viewer, self.track, downlink, wishes or Wishes())
        subscription.apply()
        self.track.uplink.downlinks.append(downlink)
        self.track.subscriptions[name] = subscription
        if not downlink.bind(known, {}):
            backup.cannot_receive(subscription)
        return subscription


async def test_the_second_codec_is_asked_for_once_somebody_lacks_the_first() -> None:
    scene = Scene(BackupCodecPolicy.SIMULCAST)
    scene.view("wang", EITHER)
    dynacast.update(scene.track, 0.0)
    scene.view("amina", [VP8], Wishes(quality=1))
    assert scene.inbox.asked() == [{"vp9": 2}, {"vp9": 2, "vp8": 1}]


@pytest.mark.parametrize(
    ("policy", "others", "asked"),
    [
        (BackupCodecPolicy.SIMULCAST, "vp9", {"vp9": 2, "vp8": 2}),
        (BackupCodecPolicy.PREFER_REGRESSION, "vp8", {"vp9": -1, "vp8": 2}),
        (BackupCodecPolicy.REGRESSION, "vp8", {"vp9": -1, "vp8": 2}),
    ],
)
async def test_the_policy_says_whether_the_others_change_over(
    policy: BackupCodecPolicy, others: str, asked: dict[str, int]
) -> None:
    scene = Scene(policy)
    amina, wang = scene.view("amina", [VP8]), scene.view("wang", EITHER)
    dynacast.update(scene.track, 0.0)
    assert not amina.downlink.is_bound
    second = scene.uplink("1", VP8)
    backup.begin(scene.track, second)
    assert amina.downlink.is_bound
    assert amina.downlink.uplink is second
    assert wang.downlink.uplink.codec.mime_type == others
    dynacast.update(scene.track, time.monotonic() + dynacast.DELAY_SECONDS)
    assert scene.inbox.asked()[-1] == asked


async def test_without_the_second_codec_everyone_who_can_gets_the_first_again() -> None:
    scene = Scene(BackupCodecPolicy.REGRESSION)
    amina, wang = scene.view("amina", [VP8]), scene.view("wang", EITHER)
    second = scene.uplink("1", VP8)
    backup.begin(scene.track, second)
    backup.end(scene.track)
    assert wang.downlink.uplink is scene.track.uplink
    assert not wang.needs_backup
    assert amina.needs_backup
    assert second.downlinks == []


async def test_a_client_that_lacks_both_codecs_is_told() -> None:
    scene = Scene(BackupCodecPolicy.SIMULCAST)
    amina = scene.view("amina", [Codec(45, "AV1", 90000)])
    backup.begin(scene.track, scene.uplink("1", VP8))
    assert not amina.downlink.is_bound
    assert not backup.cannot_receive(amina)
    assert amina.subscriber.signal.sent[-1].subscription_response.track_sid == "TR_V"


async def test_less_is_asked_for_only_after_a_while_and_more_at_once() -> None:
    scene = Scene(BackupCodecPolicy.SIMULCAST)
    viewer = scene.view("wang", EITHER)
    dynacast.update(scene.track, 0.0)
    viewer.wishes = Wishes(quality=0)
    viewer.apply()
    for now in (1.0, 1.0 + dynacast.DELAY_SECONDS - 0.1):
        dynacast.update(scene.track, now)
    assert scene.inbox.asked() == [{"vp9": 2}]
    dynacast.update(scene.track, 1.0 + dynacast.DELAY_SECONDS)
    viewer.wishes = Wishes(quality=1)
    viewer.apply()
    dynacast.update(scene.track, 7.0)
    assert scene.inbox.asked() == [{"vp9": 2}, {"vp9": 0}, {"vp9": 1}]


async def test_a_publisher_that_sends_on_although_its_link_is_strained_is_told_again() -> None:
    scene = Scene(BackupCodecPolicy.SIMULCAST)
    scene.view("amina", [VP9])
    uplink = scene.track.uplink
    assert uplink is not None
    stream = uplink.add_stream(7, "", 0)
    uplink.peer.reception.strain.is_yielding = True
    told = []
    for second, is_sending in enumerate((1, 1, 1, 1, 0, 0, 0, 1, 1)):
        now = 1000.0 + second
        if is_sending:
            stream.last_at = now
        dynacast.update(scene.track, now)
        told.append(len(scene.inbox.asked()))
    assert scene.inbox.asked() == [{"vp9": -1}] * 3
    # Every two seconds while pictures come, and no more once they have stopped.
    assert told == [1, 1, 2, 2, 2, 2, 2, 3, 3]


async def test_a_publisher_that_sends_layers_that_nobody_wants_is_told_again_ever_later() -> None:
    scene = Scene(BackupCodecPolicy.SIMULCAST)
    scene.view("amina", [VP9], Wishes(quality=1))
    uplink = scene.track.uplink
    assert uplink is not None
    low, medium, high = (uplink.add_stream(layer + 1, rid, layer) for layer, rid in enumerate("qhf"))
    told_at = []
    for second in range(100):
        now = 1000.0 + second
        low.last_at = medium.last_at = high.last_at = now
        before = len(scene.inbox.asked())
        dynacast.update(scene.track, now)
        if len(scene.inbox.asked()) > before:
            told_at.append(second)
    assert told_at == [0, 2, 6, 14, 30, 62]
    assert scene.inbox.asked() == [{"vp9": 1}] * 6


async def test_a_publisher_that_heeds_is_told_once() -> None:
    scene = Scene(BackupCodecPolicy.SIMULCAST)
    scene.view("amina", [VP9], Wishes(quality=1))
    uplink = scene.track.uplink
    assert uplink is not None
    low, medium, high = (uplink.add_stream(layer + 1, rid, layer) for layer, rid in enumerate("qhf"))
    high.last_at = 1000.5
    for second in range(20):
        now = 1000.0 + second
        low.last_at = medium.last_at = now
        dynacast.update(scene.track, now)
    assert scene.inbox.asked() == [{"vp9": 1}]


async def test_who_comes_back_is_told_again_what_was_asked_for_meanwhile() -> None:
    scene = Scene(BackupCodecPolicy.SIMULCAST)
    dynacast.tell_again(scene.track)
    assert scene.inbox.asked() == []
    scene.view("wang", EITHER)
    scene.publisher.signal = None
    dynacast.update(scene.track, 0.0)
    scene.publisher.signal = scene.inbox
    dynacast.update(scene.track, 1.0)
    assert scene.inbox.asked() == []
    dynacast.tell_again(scene.track)
    assert scene.inbox.asked() == [{"vp9": 2}]


async def test_who_comes_while_a_video_is_held_back_is_told_once_its_client_knows_the_track() -> None:
    scene = Scene(BackupCodecPolicy.SIMULCAST)
    assert scene.track.uplink is not None
    strain = scene.track.uplink.peer.reception.strain
    inboxes = []
    for seconds, name, strained in (
        (0, "wang", False),
        (1, "", True),
        (2, "amina", True),
        (3, "", True),
        (4, "", True),
    ):
        if name:
            inboxes.append(scene.view(name, EITHER).subscriber.signal)
        strain.is_yielding = strained
        dynacast.update(scene.track, float(seconds))
    paused = [StreamState.PAUSED]
    assert [inbox.states() for inbox in inboxes if isinstance(inbox, Inbox)] == [paused, paused]
    strain.is_yielding = False
    dynacast.update(scene.track, 5.0)
    scene.view("li", EITHER)
    dynacast.update(scene.track, 6.0)
    dynacast.update(scene.track, 7.0)
    everybody = [subscription.subscriber.signal for subscription in scene.track.subscriptions.values()]
    both = [StreamState.PAUSED, StreamState.ACTIVE]
    assert [inbox.states() for inbox in everybody if isinstance(inbox, Inbox)] == [both, both, []]
