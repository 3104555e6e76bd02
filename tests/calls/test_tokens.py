"""What the tokens of a visit's room allow."""

from livekit.api import TokenVerifier

from telemed.calls import tokens

SECRET = "s" * 32


def grants(*, may_speak: bool) -> dict[str, object]:
    token = tokens.mint("ke-media", SECRET, room="room", identity="patient", may_speak=may_speak)
    claims = TokenVerifier("ke-media", SECRET).verify(token)
    assert (claims.identity, claims.name) == ("patient", "")
    return vars(claims.video)


def test_who_waits_may_connect_and_nothing_else() -> None:
    allowed = {name for name, value in grants(may_speak=False).items() if value}
    assert allowed == {"room_join", "room"}


def test_who_was_let_in_may_speak_see_and_write_and_nothing_else() -> None:
    allowed = {name for name, value in grants(may_speak=True).items() if value}
    speech = {"can_publish", "can_subscribe", "can_publish_data", "can_publish_sources"}
    assert allowed == {"room_join", "room", *speech}


def test_every_grant_is_named() -> None:
    assert [name for name, value in grants(may_speak=False).items() if value is None] == ["destination_room"]
