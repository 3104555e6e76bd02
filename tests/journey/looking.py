"""Looks at a page as a tired person and a machine would: what axe finds, and whether anything is cut off."""

import os
from pathlib import Path
from typing import Any, Literal

from playwright.async_api import Page, ViewportSize, expect

AXE = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"
SMALL = ViewportSize(width=360, height=740)
WIDE = ViewportSize(width=1280, height=860)
PICTURES = os.environ.get("JOURNEY_PICTURES")
"""A folder for pictures of every state; without it none are taken."""

SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")

RUN_AXE = """async () => {
  const { violations } = await axe.run(document, { resultTypes: ["violations"] });
  return violations.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map((node) => node.html).join(" | ")}`);
}"""

CUT_OFF = """() => {
  const wrong = new Set(), boxes = "button, .button, .slot, .card, .notice, .controls, dialog";
  if (document.documentElement.scrollWidth > innerWidth) wrong.add("the page scrolls sideways");
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let text = texts.nextNode(); text; text = texts.nextNode()) {
    const parent = text.parentElement;
    if (!text.data.trim() || !parent.checkVisibility({ visibilityProperty: true })) continue;
    if (parent.closest(".unseen, .skip, option, noscript")) continue;
    const range = document.createRange();
    range.selectNodeContents(text);
    for (const line of range.getClientRects()) {
      let scrolls = false;
      for (let up = parent; up && !scrolls; up = up.parentElement) {
        const { overflowX } = getComputedStyle(up), edge = up.getBoundingClientRect();
        scrolls = /auto|scroll/.test(overflowX);
        if (scrolls && !up.matches(".swipe") && up.scrollWidth > up.clientWidth + 1)
          wrong.add(`scrolls sideways: ${up.className || up.tagName}`);
        const sideways = line.left < edge.left - 1 || line.right > edge.right + 1;
        const below = line.top < edge.top - 1 || line.bottom > edge.bottom + 1;
        const clips = /hidden|clip/.test(overflowX);
        if (((clips || up.matches(boxes)) && sideways) || (clips && below))
          wrong.add(`"${text.data.trim()}" leaves ${up.className || up.tagName}`);
      }
      const outside = line.left < -1 || line.right > innerWidth + 1;
      if (!scrolls && outside) wrong.add(`"${text.data.trim()}" leaves the page`);
    }
  }
  return [...wrong];
}"""


SENT = """() => {
  const sent = { js: 0, css: 0 };
  for (const { name, encodedBodySize } of performance.getEntriesByType("resource"))
    for (const kind of Object.keys(sent)) if (name.endsWith(`.${kind}`)) sent[kind] += encodedBodySize;
  return sent;
}"""


async def look(page: Page, state: str) -> None:
    """Fail with what axe finds in this state, light and dark, or with what is cut off."""
    await expect(page.locator("h1")).to_be_visible()
    found: list[str] = []
    for scheme in SCHEMES:
        await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        found += [f"{state}, {scheme}: {line}" for line in await _axe(page)]
        await picture(page, f"{state}-{scheme}")
    await page.emulate_media(color_scheme="light", reduced_motion="reduce")
    assert not found, "\n".join(found)
    await fits(page, state)


async def fits(page: Page, state: str) -> None:
    """Fail if any words leave their box or the page."""
    wrong: list[str] = await page.evaluate(CUT_OFF)
    await picture(page, state)
    assert not wrong, f"{state}: {wrong}"


async def sent_bytes(page: Page) -> tuple[int, int]:
    """Bytes of scripts and of style sheets that came over the line for this page, as compressed."""
    found: dict[str, int] = await page.evaluate(SENT)
    return found["js"], found["css"]


async def picture(page: Page, name: str) -> None:
    """Keep a picture, if a folder is given."""
    if PICTURES:
        await page.screenshot(path=Path(PICTURES) / f"{name}.png")


async def _axe(page: Page) -> list[Any]:
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(AXE.read_text(encoding="utf-8"))
    found: list[Any] = await page.evaluate(RUN_AXE)
    return found
