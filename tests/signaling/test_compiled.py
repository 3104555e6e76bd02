"""The media path as machine code: chosen when it is of these very sources, and told when it cannot be."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from signaling import compiled
from signaling.sfu.formats import rtp


def test_what_runs_is_what_was_chosen() -> None:
    is_compiled = Path(rtp.__file__).suffix != ".py"
    assert is_compiled == (compiled.folder() is not None)


def test_sources_changed_since_they_were_compiled_are_interpreted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(compiled.SWITCH, raising=False)
    monkeypatch.setattr(compiled, "KEPT", tmp_path / "compiled")
    monkeypatch.setattr(compiled, "SOURCES", tmp_path / "sfu")
    shutil.copytree(Path(compiled.__file__).parent / "sfu", tmp_path / "sfu")
    compiled.place().mkdir(parents=True)
    assert compiled.folder() == compiled.place()
    (tmp_path / "sfu" / "formats" / "rtp.py").write_text("# changed", encoding="utf-8")
    assert compiled.folder() is None


def test_other_flags_are_another_machine_code(monkeypatch: pytest.MonkeyPatch) -> None:
    before = compiled.place()
    monkeypatch.setattr(compiled, "FLAGS", [*compiled.FLAGS, "-march=native"])
    assert compiled.place() != before


def test_one_variable_has_everything_interpreted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(compiled.SWITCH, "1")
    assert compiled.folder() is None


def test_without_a_compiler_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "")
    assert compiled.main() == 0
    assert "no C compiler (Debian: gcc)" in capsys.readouterr().out


def test_a_compiler_that_fails_leaves_everything_interpreted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(compiled, "lacking", lambda: "")
    monkeypatch.setattr(compiled, "KEPT", tmp_path / "compiled")
    monkeypatch.setenv("CC", "false")
    assert compiled.main() == 0
    assert "The media path will be interpreted, at twice its cost: the C compiler failed" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []
