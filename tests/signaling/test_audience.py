"""Whom a publisher lets subscribe."""

from __future__ import annotations

from livekit.protocol.rtc import SubscriptionPermission, TrackPermission

from signaling.rooms import audience
from signaling.rooms.audience import Audience


def test_everything_is_open_until_a_publisher_says_otherwise() -> None:
    assert Audience().permits("anyone", "TR_1")


def test_only_those_listed_get_what_is_listed() -> None:
    request = SubscriptionPermission(
        track_permissions=[
            TrackPermission(participant_identity="amina", all_tracks=True),
            TrackPermission(participant_sid="PA_li", track_sids=["TR_1"]),
            TrackPermission(participant_sid="PA_gone", all_tracks=True),
        ]
    )
    found = audience.read(request, {"PA_li": "li"})
    assert found.permits("amina", "TR_2")
    assert found.permits("li", "TR_1")
    assert not found.permits("li", "TR_2")
    assert not found.permits("stranger", "TR_1")
    assert not found.permits("", "TR_1")


def test_everyone_counts_more_than_a_list() -> None:
    request = SubscriptionPermission(all_participants=True, track_permissions=[TrackPermission(participant_sid="PA")])
    assert audience.read(request, {"PA": "li"}).permits("stranger", "TR_1")
