"""A patient in Kenya sees a doctor in China: every step in two browsers, on two nodes that can be killed."""

import gzip
from pathlib import Path
from urllib.parse import quote

import aiohttp
from playwright.async_api import Page, Response, expect

from tests.journey import steps
from tests.journey.canaries import found_in, found_under
from tests.journey.conftest import DESKTOP, PHONE, Opened
from tests.journey.processes import Federation

REASON = "A cough for a week, canary-reason"
MEDICINES = "canary-medicines 20 mg"
NOTE = "Rest, water, and come back if the fever returns. canary-note"
CHAT = "Can you hear me? canary-chat"
NAME, EMAIL, ALLERGIES = "Amina canary-name", "amina@canary.example", "canary-allergies"
PHONE_NUMBER = "+254711222333"
CANARIES = (
    *(PHONE_NUMBER, EMAIL, ALLERGIES),
    # Whole, because a hash is of the whole; and the word in it, which a cut or wrapped copy still has.
    *(NAME, REASON, MEDICINES, CHAT, NOTE),
    *("canary-name", "canary-reason", "canary-medicines", "canary-chat", "canary-note"),
)
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}
KEEP_SOCKETS = """
  window.sockets = [];
  window.WebSocket = class extends WebSocket {
    constructor(...given) { super(...given); window.sockets.push(this); }
  };
"""
ALL_SOCKETS_CLOSED = "sockets.length > 0 && sockets.every((socket) => socket.readyState === WebSocket.CLOSED)"
CAMERA, MICROPHONE, SCREEN = "camera", "microphone", "screen_share"


class Ears:
    """Every body that a browser was sent, the call's tokens among them."""

    def __init__(self, page: Page) -> None:
        self.bodies: list[str] = []
        self.tokens: list[str] = []
        page.on("response", self._hear)

    async def _hear(self, response: Response) -> None:
        if "json" in response.headers.get("content-type", ""):
            try:
                self.bodies.append(await response.text())
                if response.url.endswith("/enter") and response.ok:
                    self.tokens.append((await response.json())["token"])
            except Exception:  # noqa: BLE001
                # A body of a page that has been left is gone, and was read by nobody.
                return


async def shot(page: Page, folder: Path, name: str) -> None:
    await page.screenshot(path=folder / f"{name}.png")


async def both_flow(*pages: Page) -> None:
    for page in pages:
        await steps.expect_growing(page, CAMERA, MICROPHONE)


async def test_a_patient_in_kenya_sees_a_doctor_in_china(nodes: Federation, browser_of: Opened, tmp_path: Path) -> None:
    ke, cn = nodes.origin("KE"), nodes.origin("CN")
    pictures = tmp_path / "pictures"
    hers, theirs = await browser_of("amina", PHONE), await browser_of("li", DESKTOP)
    amina, li = hers.pages[0], theirs.pages[0]
    sent_to_li, sent_to_amina = Ears(li), Ears(amina)
    for page in (amina, li):
        await page.add_init_script(KEEP_SOCKETS)

    # She signs up, finds a doctor of another country, and books the next time.
    await steps.sign_up(amina, ke, name=NAME, contact=EMAIL, password="four odd words")
    await amina.evaluate(
        """(contact) => fetch("/api/v1/accounts", { method: "POST", body: JSON.stringify(
          { name: "canary-name", contact, password: "four odd words", language: "en", zone: "Africa/Nairobi" }) })""",
        PHONE_NUMBER,
    )
    await steps.search(amina, ke)
    await shot(amina, pictures, "search-phone")
    await steps.choose_first_time(amina, "Dr Li Hua")
    await steps.book(amina, reason=REASON, allergies=ALLERGIES, medicines=MEDICINES, keep_back=("Medicines",))
    visit_id = await steps.enter_waiting_room(amina)
    await shot(amina, pictures, "waiting-room-phone")

    # The doctor arrives, sees what she ticked and nothing else, and lets her in.
    await steps.sign_in(li, cn, "li@sample.example")
    await steps.join(li, cn, ke)
    await expect(li.get_by_text(REASON)).to_be_visible()
    await expect(li.get_by_text(ALLERGIES)).to_be_visible()
    await li.get_by_role("button", name="Admit").click()
    await both_flow(amina, li)
    for page in (amina, li):
        assert await steps.candidate(page) == [nodes.settings["KE"].media.udp_port, "udp"]

    # Mute silences, camera off stops the frames, a screen is a second picture, a chat line arrives.
    await steps.call(li).get_by_role("button", name="Mute").click()
    await steps.expect_resting(amina, MICROPHONE)
    await steps.call(li).get_by_role("button", name="Unmute").click()
    await steps.call(li).get_by_role("button", name="Camera off").click()
    await steps.expect_resting(amina, CAMERA)
    await steps.call(li).get_by_role("button", name="Camera on").click()
    await both_flow(amina, li)
    await steps.call(li).get_by_role("button", name="Share screen").click()
    await steps.expect_growing(amina, CAMERA, SCREEN)
    await steps.call(li).get_by_role("button", name="Stop sharing").click()
    await expect(amina.get_by_label("Screen of")).to_have_count(0)
    await steps.call(amina).get_by_role("button", name="Chat").click()
    await amina.get_by_label("Message").last.fill(CHAT)
    await amina.get_by_role("button", name="Send").click()
    await steps.call(li).get_by_role("button", name="Chat").click()
    await expect(li.get_by_role("log").get_by_text("canary-chat")).to_be_visible()
    await expect(amina.get_by_text("Held only in these two pages")).to_be_visible()
    await steps.call(li).get_by_role("button", name="Chat").click()
    await steps.call(amina).get_by_role("button", name="Chat").click()

    # The note is saved as typed and there again after a reload; both come back from every cut, still admitted.
    await li.get_by_label("Note", exact=True).fill(NOTE)
    await expect(li.get_by_text("Draft saved")).to_be_visible()
    await shot(li, pictures, "call-desktop")
    await shot(amina, pictures, "call-phone")
    await li.reload()
    await expect(li.get_by_label("Note", exact=True)).to_have_value(NOTE)
    await both_flow(amina, li)
    await amina.reload()
    await both_flow(amina, li)
    await amina.evaluate("window.telemed.room.engine.client.ws.close()")
    await both_flow(amina, li)
    await nodes.kill("KE")
    await nodes.start("KE")
    await both_flow(amina, li)

    # Signed and ended: what opened something before opens nothing now.
    cookies = "; ".join(f"{one['name']}={one['value']}" for one in await theirs.cookies(ke))
    assert f"__Host-visit-{visit_id}" in cookies
    await li.get_by_role("button", name="End the visit").click()
    await expect(li.get_by_text("There is an unsigned draft")).to_be_visible()
    await li.get_by_role("button", name="Sign the note").click()
    await li.get_by_role("button", name="Sign now").click()
    await expect(li.get_by_text("Signed by Dr Li Hua")).to_be_visible()
    await li.get_by_role("button", name="End the visit").click()
    for page in (li, amina):
        await expect(page.get_by_role("heading", name="The visit is over")).to_be_visible()
        await page.wait_for_function(ALL_SOCKETS_CLOSED)
    for method, path in (("GET", ""), ("POST", "/enter"), ("GET", "/shared"), ("GET", "/notes")):
        assert await status_with(cookies, method, f"{ke}/api/v1/visits/{visit_id}{path}", ke) in (401, 410)
    for sent in (sent_to_li, sent_to_amina):
        # One for coming and one for the reload. After the kill the first to ask anew makes the room again,
        # and the other's old token may then open it.
        assert len(sent.tokens) >= 2
        for token in sent.tokens:
            for path in ("/media/rtc", "/media/rtc/v1"):
                assert await status_with("", "GET", f"{ke}{path}?access_token={token}", ke, **UPGRADE) in (401, 404)

    # She reads the note at home, and who has looked.
    await amina.get_by_role("link", name="Read my record").click()
    await expect(amina.get_by_text(NOTE)).to_be_visible()
    await expect(amina.get_by_role("listitem").filter(has_text="Dr Li Hua").first).to_be_visible()
    await shot(amina, pictures, "record-phone")

    assert sent_to_li.bodies
    assert not [body for body in sent_to_li.bodies if "canary-medicines" in body]

    # Nothing of hers has left her country, and at home nothing of it can be read on the disk.
    await theirs.close()
    await nodes.stop_all()
    nothing_left_home(nodes, tmp_path / "profile-li")


def nothing_left_home(nodes: Federation, profile: Path) -> None:
    planted = nodes.var / "cn" / "planted.log"
    planted.write_bytes(gzip.compress(f"note: {quote(NOTE)}".encode()))
    assert found_under(nodes.var / "cn", CANARIES) == {"planted.log": {"canary-note", NOTE}}
    planted.unlink()
    assert found_under(nodes.var, CANARIES) == {}
    for relay in nodes.relays.values():
        assert found_in(bytes(relay.between_nodes), CANARIES) == set()
    assert b"/hold" in nodes.relays["CN"].between_nodes
    assert b"/arrivals" in nodes.relays["KE"].between_nodes
    assert found_under(profile, CANARIES) == {}


async def status_with(cookies: str, method: str, url: str, origin: str, **more: str) -> int:
    resolver = aiohttp.TCPConnector()
    async with aiohttp.ClientSession(connector=resolver, cookie_jar=aiohttp.DummyCookieJar()) as client:
        host = origin.removeprefix("http://")
        address = url.replace(host, f"127.0.0.1:{host.partition(':')[2]}")
        headers = {"Cookie": cookies, "Origin": origin, "Host": host, **more}
        async with client.request(method, address, headers=headers) as answer:
            return answer.status
