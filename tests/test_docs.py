"""What the documentation names is there, and what is there is named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ARCHITECTURE = ROOT / "docs" / "architecture.md"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def test_the_map_of_the_media_server_has_every_module_where_it_is() -> None:
    section = ARCHITECTURE.read_text(encoding="utf-8").partition("## Inside signaling/")[2].partition("\n## ")[0]
    rows = [line.split("|") for line in section.splitlines() if line.startswith("| `")]
    named = {row[1].strip(" `/"): set(re.findall(r"`(\w+)`", row[3])) for row in rows}
    there: dict[str, set[str]] = {}
    for path in (ROOT / "signaling").rglob("[a-z]*.py"):
        there.setdefault(str(path.parent.relative_to(ROOT)), set()).add(path.stem)
    assert named == there


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8"))
    assert not [target for target in targets if "://" not in target and not (page.parent / target).exists()]


def test_the_protocols_table_names_tests_that_exist() -> None:
    page = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
    named = set(re.findall(r"\btest_\w+", page))
    there = {path.stem for path in (ROOT / "tests").rglob("test_*.py")}
    assert named
    assert named <= there
