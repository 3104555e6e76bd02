"""What people do on the page, by the words that they read there."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from playwright.async_api import Locator, Page, expect

from telemed.demo.people import PASSWORD
from tests.journey.conftest import PATIENCE_MS

AHEAD = timedelta(minutes=3)
"""Time enough to book it; one begins every ten minutes, and the door opens fifteen before."""

STATS = """async () => {
  const room = window.telemed?.room, found = {};
  for (const other of room?.remoteParticipants.values() ?? []) {
    for (const publication of other.trackPublications.values()) {
      const report = await publication.track?.getRTCStatsReport();
      const entry = [...(report?.values() ?? [])].find((one) => one.type === "inbound-rtp");
      found[publication.source] = entry ? (entry.framesDecoded ?? entry.totalAudioEnergy ?? 0) : 0;
    }
  }
  return found;
}"""

PORT = """async () => {
  const report = await window.telemed.room.engine.pcManager.publisher.pc.getStats();
  const transport = [...report.values()].find((one) => one.type === "transport");
  const pair = report.get(transport.selectedCandidatePairId);
  const remote = report.get(pair.remoteCandidateId);
  return [remote.port, remote.protocol];
}"""


async def sign_up(page: Page, origin: str, *, name: str, contact: str, password: str) -> None:
    """Make an account and sign in."""
    await page.goto(f"{origin}/sign-up")
    await page.get_by_label("Your name").fill(name)
    await page.get_by_label("E-mail or phone number").fill(contact)
    await page.get_by_label("Password").fill(password)
    await page.get_by_role("button", name="Make my account").click()
    await expect(page.get_by_text("your account is ready")).to_be_visible()
    await _credentials(page, contact, password)


async def sign_in(page: Page, origin: str, contact: str, password: str = PASSWORD) -> None:
    """Sign in with an account that is there."""
    await page.goto(f"{origin}/sign-in")
    await _credentials(page, contact, password)


async def search(page: Page, origin: str, specialty: str = "Infectious diseases") -> None:
    """Look for a doctor until both other nodes have been heard of."""
    await page.goto(f"{origin}/find")
    await page.get_by_label("What is it about?").select_option(label=specialty)
    await page.get_by_label("Spoken language").select_option(label="English")
    await page.get_by_role("button", name="Search").click()
    answered = page.locator("main h2")
    await expect(answered).to_be_visible()
    while await page.get_by_text("We have not yet heard from").count():
        await page.reload()
        await expect(answered).to_be_visible()
    await expect(page.get_by_text("as of").first).to_be_visible()


async def unfold_days(page: Page) -> None:
    """Show the times of all days; the page shows the first day's, which may be nearly over."""
    await page.locator("details").evaluate_all("days => days.forEach((day) => { day.open = true; })")


async def choose_first_time(page: Page, doctor: str) -> str:
    """Follow the link of the doctor's first time that is not about to pass; when it begins."""
    card = page.get_by_role("article").filter(has=page.get_by_role("heading", name=doctor))
    await expect(card.locator("a.slot").first).to_be_visible()
    await unfold_days(page)
    for link in await card.locator("a.slot").all():
        href = str(await link.get_attribute("href"))
        starts_at = parse_qs(urlsplit(href).query)["at"][0]
        if datetime.fromisoformat(starts_at) - datetime.now(UTC) > AHEAD:
            await link.click()
            return starts_at
    raise AssertionError("no time lies ahead")


async def book(page: Page, *, reason: str, allergies: str, medicines: str, keep_back: tuple[str, ...] = ()) -> None:
    """Answer the questions, untick what the doctor may not see, and send."""
    for label, words in (("Reason for coming", reason), ("Allergies", allergies), ("Medicines", medicines)):
        await page.get_by_label(label).fill(words)
        await page.get_by_role("button", name="Continue").click()
    for item in keep_back:
        await page.get_by_label(item).uncheck()
    await page.get_by_role("button", name="Continue").click()
    await page.get_by_role("button", name="Ask for this appointment").click()


async def enter_waiting_room(page: Page) -> str:
    """From the confirmed appointment into the waiting room; the visit's id."""
    await page.get_by_role("link", name="Go to the waiting room").click()
    await page.get_by_role("button", name="Enter the waiting room").click()
    await expect(page.get_by_text("You are in the waiting room")).to_be_visible()
    return page.url.rsplit("/", 1)[1]


async def join(page: Page, calendar_origin: str, visit_origin: str) -> None:
    """The doctor presses Join at home and arrives on the patient's node."""
    await page.goto(f"{calendar_origin}/calendar")
    await page.get_by_role("button", name="Join").first.click()
    await page.wait_for_url(f"{visit_origin}/visit/*")


async def received(page: Page) -> dict[str, float]:
    """Frames decoded and sound energy so far, by the source of the other's tracks."""
    found: dict[str, float] = await page.evaluate(STATS)
    return found


async def expect_growing(page: Page, *sources: str) -> None:
    """New pictures or sound of each source arrive."""
    await _until(page, sources, lambda before, now: all(now.get(s, 0) > before.get(s, 0) > 0 for s in sources))


async def expect_resting(page: Page, source: str) -> None:
    """Nothing new of a source arrives, for a second, while it is measured."""
    await _until(page, (source,), lambda before, now: now.get(source) == before.get(source), pause_ms=1000)


async def candidate(page: Page) -> list[Any]:
    """The server's end of the connection: port and protocol."""
    found: list[Any] = await page.evaluate(PORT)
    return found


def call(page: Page) -> Locator:
    """The call's controls."""
    return page.get_by_role("group", name="Call controls")


async def _until(page: Page, sources: tuple[str, ...], is_so: Any, pause_ms: int = 400) -> None:
    until = time.monotonic() + PATIENCE_MS / 1000
    while True:
        before = await received(page)
        await page.wait_for_timeout(pause_ms)
        now = await received(page)
        if is_so(before, now):
            return
        assert time.monotonic() < until, f"{sources}: {before} then {now}"


async def _credentials(page: Page, contact: str, password: str) -> None:
    await page.get_by_label("E-mail or phone number").fill(contact)
    await page.get_by_label("Password").fill(password)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("heading", level=1, name="Sign in")).to_have_count(0)
