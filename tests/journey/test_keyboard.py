"""The whole journey with the keyboard alone: no mouse, no touch, and always a visible focus."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

from playwright.async_api import Page, expect

from telemed.demo.people import PASSWORD
from tests.journey import steps
from tests.journey.conftest import Opened
from tests.journey.processes import Federation

MOST_TABS = 120

FOCUSED = """() => {
  const one = document.activeElement;
  const { outlineStyle, outlineWidth } = getComputedStyle(one);
  const name = one.getAttribute("aria-label") ?? one.labels?.[0]?.innerText ?? one.innerText ?? "";
  return { name, href: one.href ?? "", shown: outlineStyle !== "none" && parseFloat(outlineWidth) >= 2,
           pressable: one.matches("a, button, input, select, textarea, summary") };
}"""


async def reach(page: Page, name: str, *, after: timedelta | None = None) -> None:
    """Press Tab until what bears the name has a visible focus; a slot only if it begins later than that."""
    for _ in range(MOST_TABS):
        focused = await page.evaluate(FOCUSED)
        if focused["pressable"] and name in focused["name"] and _later(focused["href"], after):
            assert focused["shown"], f"the focus on {name} is not seen"
            return
        await page.keyboard.press("Tab")
    raise AssertionError(f"no way to {name} with the keyboard")


async def press(page: Page, name: str) -> None:
    """Reach it and press Enter."""
    await reach(page, name)
    await page.keyboard.press("Enter")


async def write(page: Page, name: str, words: str) -> None:
    """Reach a field and type."""
    await reach(page, name)
    await page.keyboard.type(words)


async def sign_in(page: Page, origin: str, contact: str) -> None:
    await page.goto(origin)
    await expect(page.get_by_role("heading", level=1)).to_be_visible()
    await press(page, "Sign in")
    await expect(page.get_by_role("heading", name="Sign in")).to_be_focused()
    await write(page, "E-mail or phone", contact)
    await write(page, "Password", PASSWORD)
    await page.keyboard.press("Enter")


async def book(page: Page) -> None:
    await press(page, "Find a doctor")
    await expect(page.get_by_role("heading", name="Find a doctor")).to_be_focused()
    await write(page, "What is it about?", "Infectious")
    await press(page, "Search")
    answered = page.locator("main h2")
    await expect(answered).to_be_visible()
    while await page.get_by_text("We have not yet heard from").count():
        await page.reload()
        await expect(answered).to_be_visible()
    await expect(page.get_by_role("heading", name="time for you")).to_be_focused()
    await steps.unfold_days(page)
    await reach(page, "Dr Li Hua", after=steps.AHEAD)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Why do you come?")).to_be_focused()
    await write(page, "Reason for coming", "A cough")
    await press(page, "Continue")
    for question in ("Are you allergic", "Which medicines", "What may"):
        await expect(page.get_by_role("heading", name=question)).to_be_focused()
        await press(page, "Continue")
    await expect(page.get_by_role("heading", name="Is everything right?")).to_be_focused()
    await press(page, "Ask for this appointment")


async def test_two_people_meet_without_a_mouse(two_nodes: Federation, browser_of: Opened) -> None:
    ke, cn = two_nodes.origin("KE"), two_nodes.origin("CN")
    amina, li = (await browser_of("amina")).pages[0], (await browser_of("li")).pages[0]
    await sign_in(amina, ke, "amina@sample.example")
    await expect(amina.get_by_text("You have no appointment")).to_be_visible()
    await book(amina)
    await expect(amina.get_by_text("It is confirmed")).to_be_visible()
    await press(amina, "Go to the waiting room")
    await expect(amina.get_by_role("heading", name="Visit with")).to_be_focused()
    await press(amina, "Enter the waiting room")
    await expect(amina.get_by_text("You are in the waiting room")).to_be_visible()

    await sign_in(li, cn, "li@sample.example")
    await expect(li.get_by_role("button", name="Join")).to_be_visible()
    await press(li, "Join")
    await expect(li.get_by_text("is in the waiting room")).to_be_visible()
    await press(li, "Admit")
    await steps.expect_growing(amina, "camera", "microphone")

    await press(amina, "Mute")
    await expect(li.get_by_text("is muted")).to_be_visible()
    await press(amina, "Unmute")
    await press(amina, "Chat")
    await expect(amina.get_by_label("Message", exact=True)).to_be_focused()
    await amina.keyboard.type("Good morning")
    await amina.keyboard.press("Enter")
    await press(li, "Chat")
    await expect(li.get_by_role("log").get_by_text("Good morning")).to_be_visible()

    await press(amina, "Leave")
    await expect(amina.get_by_text("You left the call")).to_be_visible()
    await expect(li.get_by_text("Waiting for Amina")).to_be_visible()
    await press(amina, "Return to the call")
    await steps.expect_growing(li, "camera", "microphone")

    await write(li, "Note", "Rest and water.")
    await press(li, "Sign the note")
    await press(li, "Sign now")
    await expect(li.get_by_text("Signed by Dr Li Hua")).to_be_visible()
    await press(li, "End the visit")
    await expect(amina.get_by_role("heading", name="The visit is over")).to_be_visible()
    await press(amina, "Read my record")
    await expect(amina.get_by_text("Rest and water.")).to_be_visible()


def _later(href: str, after: timedelta | None) -> bool:
    if after is None:
        return True
    begins = parse_qs(urlsplit(href).query).get("at", ["1970-01-01T00:00:00Z"])[0]
    return datetime.fromisoformat(begins) - datetime.now(UTC) > after
