"""Every state of the page: axe finds nothing, light and dark, and no long right-to-left word is cut off."""

from playwright.async_api import Page, expect

from tests.journey import steps
from tests.journey.conftest import Opened
from tests.journey.looking import SMALL, WIDE, fits, look, sent_bytes
from tests.journey.processes import Federation

NOWHERE = "0" * 32
TRIAL = "?locale=ar-XB"
BAD_CODE = """address => {
  const form = Object.assign(document.createElement("form"), { method: "post", action: address });
  document.body.append(form);
  form.submit();
}"""
# What a phone at 100 kbit/s can bear, in bytes as sent.
SCRIPTS, STYLES = 25_000, 4_000


async def test_every_state_is_plain_to_a_screen_reader_and_whole_on_a_small_phone(
    two_nodes: Federation, browser_of: Opened
) -> None:
    ke, cn = two_nodes.origin("KE"), two_nodes.origin("CN")
    amina = (await browser_of("amina", SMALL)).pages[0]
    li = (await browser_of("li", WIDE)).pages[0]
    await strangers(amina, ke)
    visit_id = await patients(amina, ke)
    await doctors(li, cn, ke)
    await li.get_by_role("button", name="Admit").click()
    for page in (amina, li):
        await steps.expect_growing(page, "camera")
    await in_call(amina, li)
    await in_trial_language(amina, li, visit_id, ke, cn)
    await over(amina, li, ke)
    await administrators(li, cn)


async def strangers(page: Page, origin: str) -> None:
    for state, path in {
        "welcome": "/",
        "sign-up": "/sign-up",
        "sign-in": "/sign-in",
        "help": "/help",
        "lost": "/nothing/here",
        "visit-not-here": f"/visit/{NOWHERE}",
    }.items():
        await page.goto(origin + path)
        await expect(page.get_by_role("heading", level=1)).to_be_visible()
        await look(page, state)
        if path == "/":
            scripts, styles = await sent_bytes(page)
            assert 10_000 < scripts <= SCRIPTS, "the first page is over its budget"
            assert 1_000 < styles <= STYLES
    for path in ("/", "/sign-up", "/sign-in", "/help"):
        await page.goto(origin + path + TRIAL)
        await expect(page.locator("h1")).to_be_visible()
        await fits(page, f"trial{path.replace('/', '-')}")
    await page.goto(f"{origin}/sign-in?locale=en")
    await page.get_by_label("E-mail or phone number").fill("nobody@sample.example")
    await page.get_by_label("Password").fill("not the password")
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("alert")).to_be_visible()
    await look(page, "sign-in-refused")


async def patients(page: Page, origin: str) -> str:
    await steps.sign_in(page, origin, "amina@sample.example")
    await expect(page.get_by_text("You have no appointment")).to_be_visible()
    await look(page, "home-empty")
    for state, path in {
        "account": "/sessions",
        "record-empty": "/record",
        "appointment-lost": f"/appointments/{NOWHERE}",
        "time-lost": "/book?node=CN&doctor=x&at=x&from=2026-11-24&specialty=cardiology&language=en",
    }.items():
        await page.goto(origin + path)
        await expect(page.locator("h1")).to_be_visible()
        await look(page, state)
    await page.goto(f"{origin}/find")
    await look(page, "find")
    await steps.search(page, origin)
    await look(page, "found")
    await page.goto(f"{page.url}&locale=ar-XB")
    await expect(page.locator("a.slot").first).to_be_visible()
    await fits(page, "trial-found")
    await steps.unfold_days(page)
    await page.locator("a.slot").nth(30).click()
    for step in range(4):
        await expect(page.locator("h1")).to_be_visible()
        if step == 0:
            await page.locator("textarea").fill("A cough")
        await fits(page, f"trial-book-{step}")
        await page.locator("form button.main").click()
    await fits(page, "trial-book-4")
    await page.goto(f"{origin}/?locale=en")
    return await booked(page, origin)


async def booked(page: Page, origin: str) -> str:
    await steps.search(page, origin)
    await steps.choose_first_time(page, "Dr Li Hua")
    await page.get_by_label("Reason for coming").fill("A cough for a week")
    for state in ("book-reason", "book-allergies", "book-medicines", "book-share"):
        await look(page, state)
        await page.get_by_role("button", name="Continue").click()
    await look(page, "book-review")
    await page.get_by_role("button", name="Ask for this appointment").click()
    await expect(page.get_by_role("link", name="Go to the waiting room")).to_be_visible()
    await look(page, "appointment")
    visit_id = page.url.rsplit("/", 1)[1]
    await page.get_by_role("link", name="Home").click()
    await expect(page.get_by_role("link", name="Go to the waiting room")).to_be_visible()
    await look(page, "home-next")
    await page.get_by_role("link", name="Go to the waiting room").click()
    await expect(page.locator("meter")).to_be_visible()
    await look(page, "check")
    await page.get_by_role("button", name="Enter the waiting room").click()
    await expect(page.get_by_text("You are in the waiting room")).to_be_visible()
    await look(page, "waiting-room")
    return visit_id


async def doctors(page: Page, origin: str, there: str) -> None:
    await steps.sign_in(page, origin, "li@sample.example")
    await expect(page.get_by_role("button", name="Join")).to_be_visible()
    await look(page, "calendar")
    await page.evaluate(BAD_CODE, f"{there}/arrive")
    await expect(page.get_by_role("heading", name="You were not let in")).to_be_visible()
    await look(page, "not-let-in")
    await steps.join(page, origin, there)
    await expect(page.get_by_text("is in the waiting room")).to_be_visible()
    await look(page, "before-admission")


async def in_call(amina: Page, li: Page) -> None:
    await look(amina, "call")
    await li.get_by_label("Note", exact=True).fill("Rest and water.")
    await expect(li.get_by_text("Draft saved")).to_be_visible()
    await look(li, "call-with-note")
    for page, state in ((amina, "chat"), (li, "chat-with-note")):
        await steps.call(page).get_by_role("button", name="Chat").click()
        await page.get_by_role("textbox", name="Message").fill("Can you hear me?")
        await page.get_by_role("button", name="Send").click()
        await look(page, state)
        await steps.call(page).get_by_role("button", name="Chat").click()
    await li.set_viewport_size(SMALL)
    await look(li, "doctors-phone-call")
    await li.get_by_role("button", name="Chart and note").click()
    await expect(li.get_by_role("button", name="Chart and note", pressed=True)).to_be_visible()
    await look(li, "doctors-phone-note")
    await li.get_by_role("button", name="Sign the note").click()
    await look(li, "sign-question")
    await li.get_by_role("button", name="Not yet").click()


async def in_trial_language(amina: Page, li: Page, visit_id: str, ke: str, cn: str) -> None:
    for page in (amina, li):
        await page.goto(f"{ke}/visit/{visit_id}{TRIAL}")
    for page in (amina, li):
        await steps.expect_growing(page, "camera")
    await fits(li, "trial-doctors-call")
    await amina.locator(".controls button").nth(3).click()
    await fits(amina, "trial-call")
    for path in ("/", f"/appointments/{visit_id}", "/record", "/sessions", "/find"):
        await amina.goto(ke + path + TRIAL)
        await expect(amina.locator("h1")).to_be_visible()
        await fits(amina, f"trial-patient{path.replace('/', '-')[:12]}")
    await li.goto(f"{cn}/calendar{TRIAL}")
    await expect(li.locator("article button")).to_be_visible()
    await fits(li, "trial-calendar")
    for page in (amina, li):
        await page.goto(f"{ke}/visit/{visit_id}?locale=en")
    for page in (amina, li):
        await steps.expect_growing(page, "camera")


async def over(amina: Page, li: Page, ke: str) -> None:
    await li.set_viewport_size(WIDE)
    await li.get_by_role("button", name="Sign the note").click()
    await li.get_by_role("button", name="Sign now").click()
    await expect(li.get_by_text("Signed by Dr Li Hua")).to_be_visible()
    await look(li, "note-signed")
    await li.get_by_role("button", name="End the visit").click()
    for page, state in ((li, "over-for-doctor"), (amina, "over-for-patient")):
        await expect(page.get_by_role("heading", name="The visit is over")).to_be_visible()
        await look(page, state)
    await amina.goto(f"{ke}/record")
    await expect(amina.get_by_text("Rest and water.")).to_be_visible()
    await look(amina, "record")
    await amina.goto(f"{ke}/record{TRIAL}")
    await expect(amina.locator(".note")).to_be_visible()
    await fits(amina, "trial-record")


async def administrators(page: Page, origin: str) -> None:
    await page.goto(f"{origin}/?locale=en")
    await steps.sign_in(page, origin, "admin-cn@sample.example")
    await expect(page.get_by_role("heading", name="Dr Chen Jun")).to_be_visible()
    await look(page, "admin")
    await page.set_viewport_size(SMALL)
    await page.goto(f"{origin}/admin{TRIAL}")
    await expect(page.locator("article").first).to_be_visible()
    await fits(page, "trial-admin")
