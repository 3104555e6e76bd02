"""Tokens for a visit's room: for minutes, for one person, with every grant named."""

from datetime import timedelta

from livekit import api

PATIENT = "patient"
DOCTOR = "doctor"

LIFE = timedelta(minutes=5)
"""Time to connect; whoever is connected gets new ones from the media server."""

CALL = ["camera", "microphone", "screen_share", "screen_share_audio"]


def mint(key: str, secret: str, *, room: str, identity: str, may_speak: bool) -> str:
    """A token for one room. Without `may_speak` it connects and nothing more: no track, no data, in or out.

    Its times are the machine's, because the media server judges by those.
    """
    grants = api.VideoGrants(
        room_join=True,
        room=room,
        can_publish=may_speak,
        can_subscribe=may_speak,
        can_publish_data=may_speak,
        can_publish_sources=CALL if may_speak else [],
        can_update_own_metadata=False,
        can_subscribe_metrics=False,
        can_manage_agent_session=False,
        room_create=False,
        room_list=False,
        room_record=False,
        room_admin=False,
        ingress_admin=False,
        hidden=False,
        recorder=False,
        agent=False,
    )
    return api.AccessToken(key, secret).with_identity(identity).with_ttl(LIFE).with_grants(grants).to_jwt()
