"""Takes the pictures of docs/pictures from running nodes: `make pictures`."""

import asyncio
import sys
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
from playwright.async_api import BrowserContext, Page, Playwright, ViewportSize, async_playwright, expect

from tests.conformance.conftest import CHROMIUM
from tests.journey import steps
from tests.journey.conftest import DESKTOP, FLAGS, PHONE
from tests.journey.processes import Federation

NOTE = """Dry cough for eight days, no fever since Sunday, breathing calm.
Rest and plenty to drink. Come back at once if breathing gets harder or the fever returns.
Next visit in a week."""
WIDTH, HEIGHT = 640, 480

Colour = tuple[int, int, int]
Picture = npt.NDArray[np.float64]


async def main(folder: Path) -> None:
    """One visit, seen by both; every screen on a phone and on a desk."""
    with tempfile.TemporaryDirectory() as scratch:
        nodes = Federation(Path(scratch) / "var")
        await nodes.start_all()
        try:
            async with async_playwright() as playwright:
                amina = await _person(playwright, Path(scratch), "amina", PHONE, (228, 203, 172), (150, 78, 60))
                li = await _person(playwright, Path(scratch), "li", DESKTOP, (196, 216, 214), (238, 240, 240))
                await _visit(nodes, amina.pages[0], li.pages[0], folder)
                await amina.close()
                await li.close()
        finally:
            await nodes.stop_all()


async def _visit(nodes: Federation, amina: Page, li: Page, folder: Path) -> None:
    ke, cn = nodes.origin("KE"), nodes.origin("CN")
    await steps.sign_in(amina, ke, "amina@sample.example")
    await steps.search(amina, ke)
    await _shoot(amina, folder, "search")
    await steps.choose_first_time(amina, "Dr Li Hua")
    await steps.book(
        amina,
        reason="A dry cough that keeps me awake, since last week",
        allergies="Penicillin",
        medicines="Salbutamol, when I need it",
    )
    await steps.enter_waiting_room(amina)
    await _shoot(amina, folder, "waiting-room")
    await steps.sign_in(li, cn, "li@sample.example")
    await steps.join(li, cn, ke)
    await li.get_by_role("button", name="Admit").click()
    await steps.expect_growing(li, "camera", "microphone")
    await li.get_by_label("Note", exact=True).fill(NOTE)
    await expect(li.get_by_text("Draft saved")).to_be_visible()
    await steps.expect_growing(amina, "camera")
    await amina.screenshot(path=folder / "call-phone.png")
    await li.screenshot(path=folder / "call-desktop.png")
    await li.get_by_role("button", name="Sign the note").click()
    await li.get_by_role("button", name="Sign now").click()
    await expect(li.get_by_text("Signed by")).to_be_visible()
    await li.get_by_role("button", name="End the visit").click()
    await amina.get_by_role("link", name="Read my record").click()
    await expect(amina.get_by_text("Dry cough for eight days")).to_be_visible()
    await _shoot(amina, folder, "record")


async def _shoot(page: Page, folder: Path, name: str) -> None:
    for where, size in (("desktop", DESKTOP), ("phone", PHONE)):
        await page.set_viewport_size(size)
        await page.evaluate("scrollTo(0, 0)")
        await page.screenshot(path=folder / f"{name}-{where}.png")


async def _person(
    playwright: Playwright, scratch: Path, name: str, viewport: ViewportSize, wall: Colour, clothes: Colour
) -> BrowserContext:
    video = scratch / f"{name}.y4m"
    video.write_bytes(_y4m(_portrait(wall, clothes)))
    return await playwright.chromium.launch_persistent_context(
        scratch / f"profile-{name}",
        executable_path=str(CHROMIUM),
        args=[*FLAGS, f"--use-file-for-fake-video-capture={video}"],
        viewport=viewport,
        locale="en-GB",
    )


def _portrait(wall: Colour, clothes: Colour) -> Picture:
    """Somebody before a wall, as plain shapes: (HEIGHT, WIDTH, 3) of RGB."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(float)
    picture = np.array(wall) * (1.05 - 0.2 * y / HEIGHT)[..., None]
    shoulders = ((x - 320) / 210) ** 2 + ((y - 500) / 190) ** 2 < 1
    neck = (abs(x - 320) < 38) & (y > 250) & (y < 345)
    head = ((x - 320) / 82) ** 2 + ((y - 200) / 105) ** 2 < 1
    hair = ((x - 320) / 96) ** 2 + ((y - 175) / 108) ** 2 < 1
    for shape, colour in ((hair, (46, 36, 34)), (shoulders, clothes), (neck, (148, 100, 76)), (head, (164, 114, 88))):
        picture[shape & ~(head if shape is hair else np.zeros_like(head))] = colour
    shown: Picture = np.clip(picture, 0, 255)
    return shown


def _y4m(picture: Picture, frames: int = 4) -> bytes:
    """A still as YUV4MPEG2 4:2:0, which Chromium plays in a loop as a camera. Source: ITU-R BT.601."""
    red, green, blue = (picture[..., channel] for channel in range(3))
    luma = 16 + 0.257 * red + 0.504 * green + 0.098 * blue
    chroma = (128 - 0.148 * red - 0.291 * green + 0.439 * blue, 128 + 0.439 * red - 0.368 * green - 0.071 * blue)
    planes = [luma, *(one.reshape(HEIGHT // 2, 2, WIDTH // 2, 2).mean(axis=(1, 3)) for one in chroma)]
    frame = b"FRAME\n" + b"".join(plane.round().astype(np.uint8).tobytes() for plane in planes)
    return f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F10:1 Ip A1:1 C420jpeg\n".encode() + frame * frames


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
