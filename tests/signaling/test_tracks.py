"""Which layer serves a wish."""

from __future__ import annotations

import pytest
from livekit.protocol.models import ClientInfo, TrackInfo, TrackSource, VideoLayer

from signaling.config import Settings
from signaling.operation.webhooks import Webhooks
from signaling.rooms.participants import Participant
from signaling.rooms.room import Room
from signaling.rooms.tracks import Track, Wishes, rank
from signaling.tokens import Claims

KEYS = {"key": "a-secret-of-more-than-thirty-two-characters"}


def _track() -> Track:
    settings = Settings(keys=KEYS)
    room = Room("visit", settings, Webhooks(settings))
    publisher = Participant(room, Claims("li", 0), ClientInfo(), auto_subscribe=True)
    layers = [VideoLayer(width=w, height=w * 9 // 16) for w in (320, 640, 1280)]
    return Track(publisher, TrackInfo(sid="TR_V", layers=layers), "cid")


@pytest.mark.parametrize(
    ("wishes", "layer"),
    [
        (Wishes(), 2),
        (Wishes(quality=0), 0),
        (Wishes(quality=0, width=300, height=150), 0),
        (Wishes(quality=0, width=500, height=300), 1),
        (Wishes(quality=0, width=4000, height=2000), 2),
    ],
)
def test_a_size_counts_more_than_a_named_quality(wishes: Wishes, layer: int) -> None:
    assert _track().layer_for(wishes) == layer


def test_on_a_narrow_link_the_shared_screen_comes_before_faces_unless_somebody_asks_otherwise() -> None:
    screen, camera = TrackSource.SCREEN_SHARE, TrackSource.CAMERA
    asked = [(screen, 0), (camera, 2), (camera, 2**32 - 1), (camera, 0)]
    ranks = [rank(source, Wishes(priority=priority)) for source, priority in asked]
    assert ranks == sorted(set(ranks))
    assert rank(camera, Wishes(priority=1)) < rank(screen, Wishes(priority=2))
