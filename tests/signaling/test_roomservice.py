"""RoomService where there is nothing, or something odd: what livekit-api and plain HTTP get from it."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest
from livekit import api

from signaling import tokens
from signaling.config import LimitSettings
from tests.signaling.conftest import KEY, SECRET, Started, next_of, token


async def _call(http: aiohttp.ClientSession, url: str, method: str, **request: Any) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {token(room_admin=True, room_list=True, room_create=True)}"}
    async with http.post(f"{url}/twirp/livekit.RoomService/{method}", json=request, headers=headers) as response:
        return response.status, await response.json()


async def test_nobody_is_in_a_room_that_is_not_there(start: Started, http: aiohttp.ClientSession) -> None:
    url, _ = await start()
    assert await _call(http, url, "ListParticipants", room="visit") == (200, {"participants": []})
    status, problem = await _call(http, url, "GetParticipant", room="visit", identity="amina")
    assert (status, problem["code"]) == (404, "not_found")


async def test_json_names_what_is_empty_too(start: Started, http: aiohttp.ClientSession) -> None:
    url, _ = await start()
    assert await _call(http, url, "ListRooms") == (200, {"rooms": []})
    _, room = await _call(http, url, "CreateRoom", name="visit")
    assert (room["num_participants"], room["max_participants"], room["metadata"]) == (0, 0, "")


async def test_a_room_without_a_name_is_made_and_cannot_be_joined(start: Started, http: aiohttp.ClientSession) -> None:
    url, _ = await start()
    status, made = await _call(http, url, "CreateRoom")
    assert (status, made["name"]) == (200, "")
    assert [room["sid"] for room in (await _call(http, url, "ListRooms"))[1]["rooms"]] == [made["sid"]]
    nameless = tokens.sign({"iss": KEY, "sub": "amina", "exp": 1 << 40, "video": {"roomJoin": True}}, SECRET)
    async with http.get(f"{url}/rtc/validate", params={"access_token": nameless}) as response:
        assert response.status == 400
    assert (await _call(http, url, "DeleteRoom"))[0] == 200


async def test_a_preset_that_the_settings_do_not_name_makes_no_room(
    start: Started, http: aiohttp.ClientSession
) -> None:
    url, sessions = await start()
    status, problem = await _call(http, url, "CreateRoom", name="visit", room_preset="large")
    assert (status, problem["code"]) == (400, "invalid_argument")
    assert not sessions.rooms.by_name


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/protobuf", b"\xff"),
        ("application/json", b"{"),
        ("application/json", b""),
        ("application/json", b"\xff\xff"),
        ("application/json", b'{"names": 1}'),
    ],
)
async def test_a_body_that_cannot_be_read_is_malformed_in_twirps_words(
    start: Started, http: aiohttp.ClientSession, kind: str, body: bytes
) -> None:
    url, _ = await start()
    headers = {"Authorization": f"Bearer {token(room_list=True)}", "Content-Type": kind}
    async with http.post(f"{url}/twirp/livekit.RoomService/ListRooms", data=body, headers=headers) as response:
        assert (response.status, (await response.json())["code"]) == (400, "malformed")


@pytest.mark.parametrize(
    ("method", "route", "kind"),
    [
        ("POST", "livekit.RoomService/Nonsense", "application/protobuf"),
        ("POST", "livekit.Egress/ListEgress", "application/protobuf"),
        ("POST", "livekit.RoomService/ListRooms", "text/plain"),
        ("GET", "livekit.RoomService/ListRooms", "application/protobuf"),
    ],
)
async def test_what_leads_nowhere_is_a_bad_route_in_twirps_words(
    start: Started, http: aiohttp.ClientSession, method: str, route: str, kind: str
) -> None:
    url, _ = await start()
    headers = {"Authorization": f"Bearer {token(room_list=True)}", "Content-Type": kind}
    async with http.request(method, f"{url}/twirp/{route}", headers=headers) as response:
        assert (response.status, (await response.json())["code"]) == (404, "bad_route")


@pytest.mark.parametrize("service", ["RoomService", "Egress"])
async def test_a_token_that_is_not_good_is_refused_before_a_service_is_looked_for(
    start: Started, http: aiohttp.ClientSession, service: str
) -> None:
    url, _ = await start(limits=LimitSettings(failed_joins_per_minute=1))
    told = []
    for _ in range(2):
        async with http.post(
            f"{url}/twirp/livekit.{service}/Nonsense", headers={"Authorization": "Bearer x"}
        ) as response:
            told.append((response.status, (await response.json())["code"]))
    assert told == [(401, "unauthenticated"), (429, "resource_exhausted")]


async def test_livekit_api_is_told_that_a_service_is_not_here(start: Started) -> None:
    url, _ = await start()
    async with api.LiveKitAPI(url, KEY, SECRET) as client:
        with pytest.raises(api.TwirpError) as caught:
            await client.egress.list_egress(api.ListEgressRequest())
    assert (caught.value.status, caught.value.code) == (404, api.TwirpErrorCode.BAD_ROUTE)


async def test_a_token_must_be_said_to_be_one(start: Started, http: aiohttp.ClientSession) -> None:
    url, _ = await start()
    for scheme, status in (("", 401), ("Basic ", 401), ("Bearer ", 200)):
        headers = {"Authorization": scheme + token()}
        async with http.get(f"{url}/rtc/validate", headers=headers) as response:
            assert response.status == status


async def test_a_page_of_any_origin_may_send_its_token_in_a_header(start: Started, http: aiohttp.ClientSession) -> None:
    url, _ = await start()
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}
    path = f"{url}/twirp/livekit.RoomService/ListRooms"
    async with http.options(path, headers={"Origin": "http://elsewhere", **asked}) as response:
        assert response.status == 204
        assert response.headers["Access-Control-Allow-Origin"] == "*"
        assert "POST" in response.headers["Access-Control-Allow-Methods"]
        assert response.headers["Access-Control-Allow-Headers"] == "authorization,content-type"


@pytest.mark.parametrize(
    ("method", "details"),
    [
        ("SendData", {"data": "aGk="}),
        ("UpdateSubscriptions", {"identity": "amina", "track_sids": ["TR_A"]}),
        ("MutePublishedTrack", {"identity": "amina", "track_sid": "TR_A", "muted": True}),
    ],
)
async def test_who_is_not_there_is_not_waited_for(
    start: Started, http: aiohttp.ClientSession, method: str, details: dict[str, Any]
) -> None:
    url, _ = await start()
    status, problem = await _call(http, url, method, room="visit", **details)
    assert (status, problem["code"]) == (404, "not_found")


async def test_an_application_hears_that_what_it_mutes_is_not_there(
    start: Started, http: aiohttp.ClientSession
) -> None:
    url, _ = await start()
    async with http.ws_connect(f"{url}/rtc", params={"access_token": token()}) as socket:
        await next_of(socket)
        wanted = {"room": "visit", "identity": "amina", "track_sid": "TR_gone", "muted": True}
        status, problem = await _call(http, url, "MutePublishedTrack", **wanted)
    assert (status, problem["code"]) == (404, "not_found")


@pytest.mark.parametrize(("nonce", "status"), [("aGk=", 400), ("", 200), ("AAAAAAAAAAAAAAAAAAAAAA==", 200)])
async def test_a_nonce_that_protects_from_nothing_is_refused(
    start: Started, http: aiohttp.ClientSession, nonce: str, status: int
) -> None:
    url, sessions = await start()
    sessions.rooms.create("visit")
    assert (await _call(http, url, "SendData", room="visit", data="aGk=", nonce=nonce))[0] == status
