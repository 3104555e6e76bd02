"""What a client says and is told when it comes: by the bytes, without an SDK."""

from __future__ import annotations

import asyncio
import base64
import gzip
import hashlib
import hmac
import json
import time

import aiohttp
import pytest
from livekit import api
from livekit.protocol.models import ClientInfo, DisconnectReason, ParticipantInfo, TrackInfo, TrackType
from livekit.protocol.rtc import (
    AddTrackRequest,
    ConnectionSettings,
    DataChannelReceiveState,
    JoinRequest,
    LeaveRequest,
    PublishDataTrackRequest,
    RequestResponse,
    SessionDescription,
    SignalRequest,
    SignalResponse,
    SimulateScenario,
    SyncState,
    TrackPublishedResponse,
    UpdateParticipantMetadata,
    UpdateSubscription,
    WrappedJoinRequest,
)

from signaling import tokens
from signaling.clients import joining
from signaling.config import LimitSettings, TurnServer
from tests.signaling.conftest import KEY, SECRET, Started, next_of, token, until
from tests.signaling.test_sdp import OFFER


def wrapped(request: JoinRequest, *, packed: bool = False) -> str:
    data = request.SerializeToString()
    outer = WrappedJoinRequest(
        compression=WrappedJoinRequest.GZIP if packed else WrappedJoinRequest.NONE,
        join_request=gzip.compress(data) if packed else data,
    )
    return base64.urlsafe_b64encode(outer.SerializeToString()).decode()


@pytest.mark.parametrize("path", ["/rtc", "/rtc/v1"])
@pytest.mark.parametrize("packed", [False, True])
async def test_a_join_request_means_one_connection(
    start: Started, http: aiohttp.ClientSession, path: str, packed: bool
) -> None:
    url, sessions = await start()
    request = JoinRequest(publisher_offer=SessionDescription(type="offer", sdp=OFFER, id=7))
    query = {"access_token": token(), "join_request": wrapped(request, packed=packed)}
    socket = await http.ws_connect(url + path, params=query)
    joined = (await next_of(socket)).join
    assert not joined.subscriber_primary
    answer = (await until(socket, "answer")).answer
    assert (answer.type, answer.id) == ("answer", 7)
    assert sessions.rooms.find("visit").find("amina").subscriber is None
    await socket.close()


async def test_two_connections_are_offered_where_no_join_request_comes(
    start: Started, http: aiohttp.ClientSession
) -> None:
    url, _ = await start()
    socket = await http.ws_connect(f"{url}/rtc", params={"access_token": token()})
    assert (await next_of(socket)).join.subscriber_primary
    assert "webrtc-datachannel" in (await until(socket, "offer")).offer.sdp
    await socket.close()


async def test_whoever_writes_json_is_answered_in_json(start: Started, http: aiohttp.ClientSession) -> None:
    url, _ = await start()
    socket = await http.ws_connect(f"{url}/rtc", params={"access_token": token()})
    await until(socket, "offer")
    await socket.send_str('{"pingReq": {"timestamp": "7", "unknown": 1}}')
    while (message := await socket.receive(timeout=5)).type == aiohttp.WSMsgType.BINARY:
        pass
    assert json.loads(message.data)["pongResp"]["lastPingTimestamp"] == "7"
    await socket.send_str("no json at all")
    await socket.send_str('{"ping": "1"}')
    assert "pong" in json.loads((await socket.receive(timeout=5)).data)
    await socket.close()


async def test_turn_servers_come_with_credentials_that_expire(start: Started, http: aiohttp.ClientSession) -> None:
    urls = ("turn:turn.example:3478?transport=udp", "turns:turn.example:5349")
    fixed = TurnServer(urls=("stun:stun.example",), username="u", credential="c")
    url, _ = await start(turn_servers=(TurnServer(urls=urls, secret="shared", ttl_seconds=600), fixed))
    socket = await http.ws_connect(f"{url}/rtc", params={"access_token": token()})
    joined = (await next_of(socket)).join
    expiring, plain = joined.ice_servers
    expiry, _, name = expiring.username.partition(":")
    assert tuple(expiring.urls) == urls
    assert 590 <= int(expiry) - time.time() <= 600
    assert name == joined.participant.sid
    digest = hmac.new(b"shared", expiring.username.encode(), hashlib.sha1).digest()
    assert base64.b64decode(expiring.credential) == digest
    assert (plain.username, plain.credential) == ("u", "c")
    await socket.close()


async def test_metadata_of_ones_own_needs_a_grant(start: Started, http: aiohttp.ClientSession) -> None:
    url, _ = await start()
    brought = wrapped(JoinRequest(metadata="m", participant_attributes={"hand": "up"}))
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        await http.ws_connect(f"{url}/rtc/v1", params={"access_token": token(), "join_request": brought})
    assert caught.value.status == 401
    allowed = {"access_token": token(can_update_own_metadata=True), "join_request": brought}
    socket = await http.ws_connect(f"{url}/rtc/v1", params=allowed)
    me = (await next_of(socket)).join.participant
    assert (me.metadata, dict(me.attributes)) == ("m", {"hand": "up"})
    await socket.close()


async def test_the_server_says_that_it_is_livekits_1_13_5(start: Started, http: aiohttp.ClientSession) -> None:
    url, _ = await start()
    socket = await http.ws_connect(f"{url}/rtc", params={"access_token": token()})
    joined = (await next_of(socket)).join
    assert (joined.server_info.version, joined.server_info.protocol) == ("1.13.5", 17)
    await socket.close()


async def _greeted(http: aiohttp.ClientSession, url: str, **query: str) -> ParticipantInfo:
    """What everybody is told of somebody who joins."""
    socket = await http.ws_connect(url, params={"access_token": token(), **query})
    info = (await next_of(socket)).join.participant
    await socket.close()
    return info


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("", ParticipantInfo.STANDARD),
        ("agent", ParticipantInfo.AGENT),
        ("Agent", ParticipantInfo.AGENT),
        ("connector", ParticipantInfo.CONNECTOR),
        ("bridge", ParticipantInfo.BRIDGE),
        ("nonsense", ParticipantInfo.STANDARD),
    ],
)
async def test_a_token_says_of_what_kind_somebody_is(
    start: Started, http: aiohttp.ClientSession, said: str, kind: ParticipantInfo.Kind
) -> None:
    url, _ = await start()
    claims = {"iss": KEY, "sub": "amina", "exp": int(time.time()) + 600, "kind": said}
    signed = tokens.sign(claims | {"video": {"roomJoin": True, "room": "visit"}}, SECRET)
    socket = await http.ws_connect(f"{url}/rtc", params={"access_token": signed})
    assert (await next_of(socket)).join.participant.kind == kind
    await socket.close()


async def test_others_are_told_what_a_client_says_it_can_do(start: Started, http: aiohttp.ClientSession) -> None:
    url, _ = await start()
    names = "CAP_PACKET_TRAILER, CAP_UNHEARD_OF,," + "CAP_COMPRESSION_DEFLATE_RAW," * 100
    capabilities = [ClientInfo.CAP_PACKET_TRAILER, ClientInfo.CAP_COMPRESSION_DEFLATE_RAW]
    client = ClientInfo(client_protocol=2, capabilities=capabilities)
    for info in (
        await _greeted(http, f"{url}/rtc", client_protocol="2", capabilities=names),
        await _greeted(http, f"{url}/rtc/v1", join_request=wrapped(JoinRequest(client_info=client))),
    ):
        assert (info.client_protocol, sorted(info.capabilities)) == (2, capabilities)


async def test_a_client_that_says_it_can_do_too_much_is_refused(start: Started, http: aiohttp.ClientSession) -> None:
    url, _ = await start()
    client = ClientInfo(capabilities=[ClientInfo.CAP_PACKET_TRAILER] * 100_000)
    query = {"access_token": token(), "join_request": wrapped(JoinRequest(client_info=client), packed=True)}
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        await http.ws_connect(f"{url}/rtc/v1", params=query)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("name", "sdk"),
    [
        ("js", ClientInfo.JS),
        ("ios", ClientInfo.SWIFT),
        ("unity", ClientInfo.UNITY),
        ("unityweb", ClientInfo.UNITY_WEB),
        ("esp32", ClientInfo.ESP32),
        ("other", ClientInfo.UNKNOWN),
    ],
)
def test_sdks_have_the_names_that_they_give_themselves(name: str, sdk: ClientInfo.SDK) -> None:
    assert joining.read({"sdk": name}, needs_request=False).client.sdk == sdk


async def _refreshed(socket: aiohttp.ClientWebSocketResponse) -> tokens.Claims:
    return tokens.verify((await until(socket, "refresh_token")).refresh_token, {KEY: SECRET}, time.time())


async def _names_until(socket: aiohttp.ClientWebSocketResponse, last: str) -> list[str]:
    """The names in the tokens that are handed out."""
    names = [(await _refreshed(socket)).name]
    while names[-1] != last:
        names.append((await _refreshed(socket)).name)
    return names


async def test_ones_own_details_are_in_the_token_to_come_back_with(start: Started, http: aiohttp.ClientSession) -> None:
    url, _ = await start()
    query = {"access_token": token(can_update_own_metadata=True)}
    socket = await http.ws_connect(f"{url}/rtc", params=query)
    update = UpdateParticipantMetadata(name="Amina K.", metadata="m", attributes={"hand": "up"})
    await socket.send_bytes(SignalRequest(update_metadata=update).SerializeToString())
    assert (await _refreshed(socket)).name == ""
    claims = await _refreshed(socket)
    assert (claims.name, claims.metadata, claims.attributes) == ("Amina K.", "m", {"hand": "up"})
    await socket.close()


async def test_who_changes_all_the_time_gets_tokens_by_the_clock(start: Started, http: aiohttp.ClientSession) -> None:
    url, _ = await start(limits=LimitSettings(announcements_per_second=1))
    query = {"access_token": token(can_update_own_metadata=True)}
    socket = await http.ws_connect(f"{url}/rtc", params=query)
    for number in range(50):
        update = UpdateParticipantMetadata(name=f"name-{number}")
        await socket.send_bytes(SignalRequest(update_metadata=update).SerializeToString())
    assert len(await _names_until(socket, "name-49")) < 20
    await socket.close()


async def test_a_token_says_what_a_new_room_is_like(start: Started, http: aiohttp.ClientSession) -> None:
    url, _ = await start()
    grant = api.VideoGrants(room_join=True, room="visit")
    config = api.RoomConfiguration(max_participants=1, empty_timeout=30, departure_timeout=40, metadata="m")
    configured = api.AccessToken(KEY, SECRET).with_identity("li").with_grants(grant).with_room_config(config).to_jwt()
    socket = await http.ws_connect(f"{url}/rtc", params={"access_token": configured})
    room = (await next_of(socket)).join.room
    assert (room.max_participants, room.empty_timeout, room.departure_timeout, room.metadata) == (1, 30, 40, "m")
    async with http.get(f"{url}/rtc/validate", params={"access_token": token()}) as response:
        assert response.status == 429
    await socket.close()


async def test_a_data_track_is_refused_at_once(start: Started, http: aiohttp.ClientSession) -> None:
    url, _ = await start()
    socket = await http.ws_connect(f"{url}/rtc", params={"access_token": token()})
    request = SignalRequest(publish_data_track_request=PublishDataTrackRequest(pub_handle=3, name="pose"))
    await socket.send_bytes(request.SerializeToString())
    refusal = (await until(socket, "request_response")).request_response
    assert (refusal.reason, refusal.publish_data_track.pub_handle) == (RequestResponse.NOT_ALLOWED, 3)
    await socket.close()


@pytest.mark.parametrize("method", ["ForwardParticipant", "MoveParticipant", "PerformRpc"])
async def test_what_room_service_lacks_is_no_route(start: Started, http: aiohttp.ClientSession, method: str) -> None:
    url, _ = await start()
    headers = {"Authorization": f"Bearer {token(room_admin=True)}"}
    async with http.post(f"{url}/twirp/livekit.RoomService/{method}", data=b"", headers=headers) as response:
        assert (response.status, (await response.json())["code"]) == (404, "bad_route")


async def test_a_comeback_takes_up_what_the_client_says(start: Started, http: aiohttp.ClientSession) -> None:
    url, sessions = await start()
    settings = ConnectionSettings(auto_subscribe=True)
    first = JoinRequest(connection_settings=settings)
    socket = await http.ws_connect(f"{url}/rtc/v1", params={"access_token": token(), "join_request": wrapped(first)})
    sid = (await next_of(socket)).join.participant.sid
    state = SyncState(
        subscription=UpdateSubscription(track_sids=["TR_1"], subscribe=False),
        track_sids_disabled=["TR_2"],
        datachannel_receive_states=[DataChannelReceiveState(publisher_sid="PA_gone", last_seq=4)],
    )
    again = JoinRequest(connection_settings=settings, reconnect=True, participant_sid=sid, sync_state=state)
    back = await http.ws_connect(f"{url}/rtc/v1", params={"access_token": token(), "join_request": wrapped(again)})
    assert (await next_of(back)).WhichOneof("message") == "reconnect"
    await until(back, "refresh_token")
    amina = sessions.rooms.find("visit").find("amina")
    assert amina.explicit == {"TR_1": False}
    assert amina.wishes["TR_2"].disabled
    await back.close()


@pytest.mark.parametrize("at_once", [True, False])
async def test_who_comes_back_with_a_track_that_was_taken_away_must_come_anew(
    start: Started, http: aiohttp.ClientSession, at_once: bool
) -> None:
    url, sessions = await start()
    settings = ConnectionSettings(auto_subscribe=True)
    first = JoinRequest(connection_settings=settings)
    socket = await http.ws_connect(f"{url}/rtc/v1", params={"access_token": token(), "join_request": wrapped(first)})
    sid = (await next_of(socket)).join.participant.sid
    state = SyncState(publish_tracks=[TrackPublishedResponse(cid="mine", track=TrackInfo(sid="TR_gone"))])
    again = JoinRequest(connection_settings=settings, reconnect=True, participant_sid=sid)
    if at_once:
        again.sync_state.CopyFrom(state)
    query = {"access_token": token(), "join_request": wrapped(again)}
    back = await http.ws_connect(f"{url}/rtc/v1", params=query)
    if not at_once:
        await back.send_bytes(SignalRequest(sync_state=state).SerializeToString())
    # Before it must go, the client gets a token of what it may do now.
    await until(back, "refresh_token")
    leave = (await until(back, "leave")).leave
    assert (leave.reason, leave.action) == (DisconnectReason.STATE_MISMATCH, leave.RECONNECT)
    assert not sessions.rooms.find("visit").participants
    # A client that was coming back already is told again.
    back = await http.ws_connect(f"{url}/rtc/v1", params=query)
    assert (await next_of(back)).leave.action == leave.RECONNECT


async def test_what_is_asked_for_after_a_goodbye_is_not_done(start: Started, http: aiohttp.ClientSession) -> None:
    url, sessions = await start()
    speaking = JoinRequest(
        add_track_requests=[AddTrackRequest(cid="track-a", type=TrackType.AUDIO)],
        publisher_offer=SessionDescription(type="offer", sdp=OFFER),
    )
    li = await http.ws_connect(
        f"{url}/rtc/v1", params={"access_token": token(identity="li"), "join_request": wrapped(speaking)}
    )
    await until(li, "answer")
    (track,) = sessions.rooms.find("visit").find("li").tracks.values()
    assert track.is_published
    watching = JoinRequest(publisher_offer=SessionDescription(type="offer", sdp=OFFER))
    socket = await http.ws_connect(f"{url}/rtc/v1", params={"access_token": token(), "join_request": wrapped(watching)})
    await until(socket, "answer")
    burst = [
        SignalRequest(leave=LeaveRequest()),
        SignalRequest(subscription=UpdateSubscription(track_sids=[track.sid], subscribe=True)),
    ]
    await asyncio.gather(*(socket.send_bytes(request.SerializeToString()) for request in burst))
    assert (await _ends_after(socket))[-1] == "leave"
    assert not track.subscriptions
    assert track.uplink is not None
    assert not track.uplink.downlinks
    await li.close()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (DisconnectReason.USER_REJECTED, DisconnectReason.USER_REJECTED),
        (DisconnectReason.USER_UNAVAILABLE, DisconnectReason.USER_UNAVAILABLE),
        (DisconnectReason.AGENT_ERROR, DisconnectReason.AGENT_ERROR),
        (DisconnectReason.UNKNOWN_REASON, DisconnectReason.CLIENT_INITIATED),
        (DisconnectReason.PARTICIPANT_REMOVED, DisconnectReason.CLIENT_INITIATED),
    ],
)
async def test_others_are_told_a_reason_that_is_the_clients_to_give(
    start: Started, http: aiohttp.ClientSession, given: DisconnectReason, told: DisconnectReason
) -> None:
    url, _ = await start()
    amina = await http.ws_connect(f"{url}/rtc", params={"access_token": token()})
    await until(amina, "join")
    li = await http.ws_connect(f"{url}/rtc", params={"access_token": token(identity="li")})
    await li.send_bytes(SignalRequest(leave=LeaveRequest(reason=given)).SerializeToString())
    while (info := (await until(amina, "update")).update.participants[0]).state != ParticipantInfo.DISCONNECTED:
        pass
    assert (info.identity, info.disconnect_reason) == ("li", told)
    await amina.close()


async def _simulate(socket: aiohttp.ClientWebSocketResponse, scenario: SimulateScenario) -> None:
    await socket.send_bytes(SignalRequest(simulate=scenario).SerializeToString())


async def _ends_after(socket: aiohttp.ClientWebSocketResponse) -> list[str | None]:
    """The kinds of message that still come before the server closes."""
    kinds = []
    while (message := await socket.receive(timeout=5)).type == aiohttp.WSMsgType.BINARY:
        kinds.append(SignalResponse.FromString(message.data).WhichOneof("message"))
    return kinds


async def test_a_dying_server_is_played_without_a_goodbye(start: Started, http: aiohttp.ClientSession) -> None:
    url, sessions = await start()
    socket = await http.ws_connect(f"{url}/rtc", params={"access_token": token()})
    await until(socket, "offer")
    await _simulate(socket, SimulateScenario(node_failure=True))
    assert "leave" not in await _ends_after(socket)
    assert sessions.rooms.find("visit").participants == {}


async def test_a_simulated_end_says_why(start: Started, http: aiohttp.ClientSession) -> None:
    url, _ = await start()
    socket = await http.ws_connect(f"{url}/rtc", params={"access_token": token()})
    await _simulate(socket, SimulateScenario(server_leave=True))
    leave = (await until(socket, "leave")).leave
    assert (leave.reason, leave.action) == (DisconnectReason.SERVER_SHUTDOWN, leave.DISCONNECT)


async def test_comebacks_are_cut_as_often_as_asked(start: Started, http: aiohttp.ClientSession) -> None:
    url, _ = await start()
    socket = await http.ws_connect(f"{url}/rtc", params={"access_token": token()})
    sid = (await next_of(socket)).join.participant.sid
    await _simulate(socket, SimulateScenario(disconnect_signal_on_resume_no_messages=True))
    await _simulate(socket, SimulateScenario(disconnect_signal_on_resume=True))
    await socket.send_bytes(SignalRequest(ping=1).SerializeToString())
    await until(socket, "pong")
    comeback = {"access_token": token(), "reconnect": "1", "sid": sid}
    lengths = []
    for _ in range(4):
        back = await http.ws_connect(f"{url}/rtc", params=comeback)
        lengths.append(len(await _ends_after(back)))
    assert lengths[:3] == [0, 0, 0]
    assert lengths[3] > 0
    back = await http.ws_connect(f"{url}/rtc", params=comeback)
    await back.send_bytes(SignalRequest(ping=1).SerializeToString())
    assert (await until(back, "pong")).pong > 0
    await back.close()
