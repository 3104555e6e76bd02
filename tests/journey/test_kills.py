"""A node is killed in the middle of a booking; after its restart both nodes agree, and nothing is lost or doubled."""

import asyncio
from typing import Literal

import pytest

from telemed.demo.people import PASSWORD
from tests.api.test_appointments import book, wish
from tests.journey.processes import Federation
from tests.nodes import Client, http_client

VISIT = "SELECT state FROM visit WHERE id = ?"
CLAIM = "SELECT state FROM claim WHERE id = ?"
CELLS = "SELECT count(*) FROM claim_cell WHERE claim_id = ?"
AGREED_WITHIN_S = 10

POINTS = [
    pytest.param("hold", "request", ("requested", None), id="hold sent"),
    pytest.param("hold", "answer", ("requested", "held"), id="hold stored, answer lost"),
    pytest.param("confirm", "request", ("held", "held"), id="confirm sent"),
    pytest.param("confirm", "answer", ("held", "confirmed"), id="confirm stored, answer lost"),
]


def standing(nodes: Federation, visit_id: str) -> tuple[str | None, str | None]:
    """The visit on the patient's node, and the claim on the doctor's."""
    visit, claim = nodes.row("KE", VISIT, visit_id), nodes.row("CN", CLAIM, visit_id)
    return visit[0] if visit else None, claim[0] if claim else None


async def agreed(nodes: Federation, visit_id: str) -> tuple[str | None, str | None]:
    """Where both stand once neither is under way."""
    async with asyncio.timeout(AGREED_WITHIN_S):
        while True:
            found = standing(nodes, visit_id)
            if found[0] in ("confirmed", "gone", "unreachable") and found[1] != "held":
                return found
            await asyncio.sleep(0.05)


@pytest.mark.parametrize(("step", "at", "reached"), POINTS)
async def test_both_nodes_agree_after_either_was_killed(
    two_nodes: Federation, step: str, at: Literal["request", "answer"], reached: tuple[str | None, str | None]
) -> None:
    nodes = two_nodes
    async with http_client() as http:
        ke = Client(nodes.settings["KE"], http)
        token = await ke.sign_in("amina@sample.example", PASSWORD)
        # Two times of day, because the first may still be listed as free when the second is asked for.
        for number, victim in ((3, "KE"), (6, "CN")):
            gate = nodes.relays["CN"].stop_at(step, at)
            status, requested = await book(ke, token, await wish(ke, token, number, "specialty=pulmonology&days=2"))
            assert status == 202
            async with asyncio.timeout(10):
                await gate.reached.wait()
            assert standing(nodes, requested["id"]) == reached
            await nodes.kill(victim)
            await nodes.relays["CN"].cut()
            await nodes.start(victim)
            # The hold had minutes left, so that agreeing means: confirmed on both.
            assert await agreed(nodes, requested["id"]) == ("confirmed", "confirmed")
            assert nodes.row("CN", CELLS, requested["id"]) == (2,)
