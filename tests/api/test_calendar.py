"""The doctor's calendar over HTTP: her own visits, and nothing of who comes."""

from datetime import timedelta
from pathlib import Path

from tests.appointments import book
from tests.conftest import SetClock
from tests.nodes import federation


async def test_a_doctor_sees_her_visits_and_nobody_else_does(tmp_path: Path, clock: SetClock) -> None:
    async with federation(tmp_path, clock, "KE", "CN") as nodes:
        visit, cn = await book(nodes["KE"], nodes["CN"]), nodes["CN"]
        status, calendar, _ = await cn.call("GET", "/calendar", visit.doctors)
        assert (status, calendar) == (
            200,
            {
                "appointments": [
                    {
                        "id": visit.id,
                        "patient_node": "KE",
                        "patient_jurisdiction": "KE",
                        "starts_at": "2026-11-24T08:10:00Z",
                        "ends_at": "2026-11-24T08:20:00Z",
                        "doctors": {"date": "2026-11-24", "time": "16:10", "zone": "Asia/Shanghai"},
                        "language": "en",
                        "specialty": "infectious-diseases",
                        "state": "confirmed",
                        "join_from": "2026-11-24T07:55:00Z",
                        "join_until": "2026-11-24T10:20:00Z",
                    }
                ]
            },
        )
        assert (await cn.call("GET", "/calendar"))[0] == 401
        assert (await cn.call("GET", "/calendar", await cn.patient("Wei", "Asia/Shanghai")))[0] == 403
        assert (await nodes["KE"].call("GET", "/calendar", visit.doctors))[0] == 401
        clock.pass_(timedelta(hours=1))
        assert (await cn.call("GET", "/calendar", visit.doctors))[1] == calendar
