"""What a publisher is told when nobody who watches can get all that it sends, and that its pictures then go on.

A peer needs a running loop, hence the async tests.
"""

from __future__ import annotations

import math

import pytest

from signaling.sfu.endpoint import Endpoint
from signaling.sfu.formats import rtp
from signaling.sfu.formats.sdp import Codec
from signaling.sfu.link import sharing
from signaling.sfu.network.transport import Certificate
from signaling.sfu.peer import Peer
from signaling.sfu.receiving import ceiling
from signaling.sfu.receiving.ceiling import Ceiling
from signaling.sfu.receiving.uplink import Uplink
from signaling.sfu.sending.downlink import Downlink

VP8 = Codec(96, "VP8", 90000)
FULL_BPS = 120_000
NARROW_BPS = 60_000
PACKET_OCTETS = 500
KEY, DELTA = b"\x10\x00", b"\x10\x01"


class Scene:
    """A camera, and viewers behind links of known width."""

    def __init__(self) -> None:
        self.endpoint = Endpoint(["127.0.0.1"], 0, -1)
        self.yielded: list[Downlink] = []
        self.uplink = Uplink(self.peer(), "0", "video", VP8, {96: VP8}, {})
        self.stream = self.uplink.add_stream(9, "", 0)
        self.ceiling = Ceiling()
        self.now = 100.0
        self._sequence = 0

    def peer(self) -> Peer:
        return Peer(
            self.endpoint,
            Certificate(),
            on_connected=lambda: None,
            on_closed=lambda: None,
            on_channel=lambda _: None,
            on_yield=self.yielded.append,
        )

    def view(self, limit_bps: float | None) -> Downlink:
        """Someone comes to watch."""
        peer = self.peer()
        downlink = Downlink(peer, self.uplink, ssrc=5, rtx_ssrc=6)
        self.uplink.downlinks.append(downlink)
        peer.downlinks[5] = downlink
        peer.link.forced_limit_bps = limit_bps
        assert downlink.bind([VP8], {})
        downlink.release(self.now)
        return downlink

    def send(self, bps: float, seconds: float = 2.0) -> None:
        """Pictures at a rate, of which each first one of a call is a key frame."""
        octets = bps * seconds / 8
        count = round(octets / PACKET_OCTETS)
        for index in range(count):
            self.now += seconds / count
            self._sequence += 1
            head = rtp.header(marker=True, payload_type=96, sequence=self._sequence, timestamp=0, ssrc=9)
            payload = (DELTA if index else KEY).ljust(PACKET_OCTETS - len(head), b"\1")
            self.uplink.receive(self.stream, rtp.parse(head + payload), self.now)

    def share(self) -> None:
        for downlink in self.uplink.downlinks:
            downlink.peer.link.share(self.now)

    def bound(self) -> float:
        return ceiling.bound(self.uplink, self.now)

    def told(self) -> int:
        return self.ceiling.due([self.uplink], math.inf, self.now)


async def test_no_ceiling_is_needed_where_the_smallest_layer_fits() -> None:
    scene = Scene()
    scene.view(None)
    scene.view(2 * FULL_BPS)
    scene.send(FULL_BPS)
    scene.share()
    assert scene.bound() == math.inf
    assert not scene.told()


async def test_the_best_of_narrow_links_is_the_ceiling() -> None:
    scene = Scene()
    scene.view(NARROW_BPS / 2)
    scene.view(NARROW_BPS)
    scene.send(FULL_BPS)
    scene.share()
    assert scene.bound() == pytest.approx(NARROW_BPS / ceiling.MARGIN)
    assert scene.told() == pytest.approx(NARROW_BPS / ceiling.MARGIN, rel=0.01)


async def test_a_link_of_no_known_limit_has_the_ceiling_rise_until_it_is_none() -> None:
    scene = Scene()
    scene.view(NARROW_BPS)
    scene.send(FULL_BPS)
    scene.share()
    before = scene.bound()
    scene.view(None)
    scene.share()
    seen = []
    while scene.bound() < math.inf:
        seen.append(scene.bound())
        scene.now += 0.1
    assert seen[0] == before
    assert seen == sorted(seen)
    # Half as much again in a second, up to a quarter more than did not fit.
    assert seen[10] == pytest.approx(before * 1.05**10)
    assert seen[-1] < 1.25 * FULL_BPS <= 1.06 * seen[-1]


async def test_who_comes_back_to_a_narrow_link_gets_small_pictures_again() -> None:
    scene = Scene()
    viewer = scene.view(NARROW_BPS)
    scene.send(FULL_BPS)
    scene.share()
    before = scene.bound()
    scene.uplink.downlinks.remove(viewer)
    scene.now += 20.0
    assert scene.bound() == before
    again = scene.view(None)
    scene.share()
    assert scene.bound() == before
    scene.now += 0.5
    assert scene.bound() == pytest.approx(1.25 * before)
    again.peer.link.forced_limit_bps = NARROW_BPS
    scene.send(before)
    scene.share()
    assert scene.bound() == pytest.approx(before)


async def test_that_a_ceiling_is_no_more_is_told_more_than_once() -> None:
    scene = Scene()
    viewer = scene.view(NARROW_BPS)
    scene.send(FULL_BPS)
    scene.share()
    assert scene.told()
    viewer.peer.link.forced_limit_bps = 2 * FULL_BPS
    scene.share()
    told = []
    for _ in range(20):
        told.append(scene.told())
        scene.now += ceiling.REPEAT_SECONDS / 2
    assert [figure for figure in told if figure] == [ceiling.LIFTED_BPS] * ceiling.FINAL_REPEATS


async def test_a_ceiling_is_told_again_each_second_and_at_once_when_it_moves() -> None:
    scene = Scene()
    viewer = scene.view(NARROW_BPS)
    scene.send(FULL_BPS)
    scene.share()
    assert scene.told()
    assert not scene.told()
    scene.now += ceiling.REPEAT_SECONDS
    assert scene.told()
    viewer.peer.link.forced_limit_bps = 0.95 * NARROW_BPS
    scene.share()
    assert not scene.told()
    viewer.peer.link.forced_limit_bps = 0.8 * NARROW_BPS
    scene.share()
    assert scene.told() == pytest.approx(0.8 * NARROW_BPS / ceiling.MARGIN, rel=0.01)


async def test_no_browser_is_asked_for_less_than_it_can_send() -> None:
    scene = Scene()
    scene.view(1000)
    scene.send(FULL_BPS)
    scene.share()
    assert scene.told() == ceiling.LEAST_BPS


async def test_it_stays_while_nobody_looks_and_goes_with_room_for_more_than_was_sent() -> None:
    scene = Scene()
    viewer = scene.view(NARROW_BPS)
    scene.send(FULL_BPS)
    scene.share()
    before = scene.bound()
    viewer.set_paused(True)
    scene.share()
    assert scene.bound() == before
    viewer.set_paused(False)
    viewer.peer.link.forced_limit_bps = 1.1 * FULL_BPS
    scene.send(before)
    scene.share()
    assert scene.bound() == pytest.approx(1.1 * FULL_BPS / ceiling.MARGIN)
    viewer.peer.link.forced_limit_bps = 1.3 * FULL_BPS
    scene.share()
    assert scene.bound() == math.inf


async def test_while_pictures_are_made_smaller_there_may_be_room_for_more() -> None:
    scene = Scene()
    rtx = Codec(97, "rtx", 90000, fmtp="apt=96")
    scene.uplink.payload_types[97] = rtx
    viewer = scene.view(None)
    assert viewer.bind([VP8, rtx], {})
    estimate = viewer.peer.link.estimate
    estimate.limit_bps = NARROW_BPS
    scene.send(FULL_BPS)
    scene.share()
    scene.send(scene.told())
    estimate.probe = None
    scene.share()
    # All that is sent has room, but it was made smaller for that.
    assert not viewer.has_yielded
    assert estimate.probe is not None
    assert estimate.probe.target_bps > NARROW_BPS
    estimate.limit_bps = 2 * FULL_BPS
    scene.share()
    assert scene.told() == ceiling.LIFTED_BPS
    estimate.probe = None
    scene.share()
    assert estimate.probe is None


async def test_pictures_come_back_once_they_are_small_enough() -> None:
    scene = Scene()
    viewer = scene.view(NARROW_BPS)
    scene.send(FULL_BPS)
    scene.share()
    assert scene.yielded == [viewer]
    scene.send(scene.told())
    scene.share()
    assert scene.yielded == [viewer, viewer]
    assert not viewer.has_yielded


@pytest.mark.parametrize(("share_of_before", "stays"), [(0.8, True), (0.5, False)])
async def test_pictures_a_little_too_large_go_on_while_their_publisher_makes_them_smaller(
    share_of_before: float, *, stays: bool
) -> None:
    scene = Scene()
    viewer = scene.view(NARROW_BPS)
    scene.send(FULL_BPS)
    scene.share()
    scene.send(scene.told())
    scene.share()
    scene.send(scene.told())
    scene.share()
    viewer.peer.link.forced_limit_bps = share_of_before * NARROW_BPS
    scene.share()
    assert viewer.has_yielded is not stays
    scene.send(NARROW_BPS, sharing.SHRINK_SECONDS + 0.5)
    scene.share()
    assert viewer.has_yielded


async def test_what_the_publishers_own_link_carries_is_a_ceiling_too() -> None:
    scene = Scene()
    scene.view(None)
    scene.send(FULL_BPS)
    assert scene.ceiling.due([scene.uplink], NARROW_BPS, scene.now) == NARROW_BPS
    scene.now += ceiling.REPEAT_SECONDS
    assert scene.ceiling.due([scene.uplink], 1000.0, scene.now) == ceiling.LEAST_BPS
    scene.now += ceiling.REPEAT_SECONDS
    assert scene.told() == ceiling.LIFTED_BPS


async def test_sound_has_its_part_of_the_figure() -> None:
    scene = Scene()
    opus = Codec(111, "opus", 48000, 2)
    sound = Uplink(scene.uplink.peer, "1", "audio", opus, {111: opus}, {})
    stream = sound.add_stream(8, "", 0)
    scene.view(NARROW_BPS)
    scene.send(FULL_BPS)
    scene.share()
    both = [scene.uplink, sound]
    assert scene.ceiling.due(both, math.inf, scene.now)
    for sequence in range(100):
        head = rtp.header(marker=False, payload_type=111, sequence=sequence, timestamp=960 * sequence, ssrc=8)
        sound.receive(stream, rtp.parse(head.ljust(120, b"\1")), scene.now + sequence / 50)
    scene.now += 2.0
    payload_bps = 8 * 50 * (120 - 20)
    expected = NARROW_BPS / ceiling.MARGIN + ceiling.SOUND_SHARE * payload_bps
    assert scene.ceiling.due(both, math.inf, scene.now) == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize(
    ("limits", "is_narrow"),
    [
        ([80_000] * 8, True),
        ([80_000] * 8 + [150_000] * 20, True),
        ([80_000] * 8 + [300_000] * 8, True),
        ([80_000] * 8 + [300_000] * 15, False),
        ([80_000] * 8 + [None] * 8 + [150_000] + [None] * 8, True),
        ([80_000] * 8 + [None] * 15, False),
        ([80_000] * 4 + [None] + [80_000] * 4, False),
        ([118_000] * 8, True),
        ([150_000] * 20, False),
        ([None] * 20, False),
    ],
)
async def test_a_link_is_narrow_once_it_has_carried_little_for_some_seconds_until_it_carries_more(
    limits: list[float | None], *, is_narrow: bool
) -> None:
    peer = Scene().peer()
    for second, limit in enumerate(limits):
        peer.link.forced_limit_bps = limit
        peer.link.share(1000.0 + second)
    assert peer.is_narrow is is_narrow


async def test_a_new_path_is_not_thought_narrow() -> None:
    peer = Scene().peer()
    peer.link.forced_limit_bps = 80_000
    for second in range(8):
        peer.link.share(1000.0 + second)
    peer.restart_ice()
    peer.link.share(1008.0)
    assert not peer.is_narrow
