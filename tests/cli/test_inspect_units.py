"""`rnntui inspect units` and `rnntui inspect step` as a user calls them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from bracket_counter import bracket_run, bracket_text

from rnntui.cli.main import run


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("rnntui.inspection.unit_probes._SHIFTS", (0.4,))
    bracket_run(tmp_path / "checkpoints")
    (tmp_path / "text.txt").write_text(bracket_text(1500))
    return tmp_path


def test_units_are_ranked_and_a_text_is_drawn(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = [
        "inspect",
        "units",
        "brackets",
        "a (b (c))",
        "--text",
        "text.txt",
        "--feature",
        "bracket-depth",
        "--top",
        "3",
    ]
    assert run(command) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["feature", "tokens", "unit", "score", "layer", "token", "luck"]
    assert lines[1].split()[:6] == ["depth", "of", "brackets", lines[1].split()[3], "1/8", "c"]
    assert lines[4:6] == ["", "Unit 8 of layer 1, cell state c of brackets"] and "a (b (c))" in lines
    assert run([*command, "--json"]) == 0
    ranking = json.loads(capsys.readouterr().out)["features"]
    assert len(ranking) == 1 and [unit["unit"] for unit in ranking[0]["units"]][:2] == [8, 8]
    assert run([*command, "--svg", "units.svg"]) == 0 and (folder / "units.svg").read_text().startswith("<svg")
    assert run(["inspect", "units", "brackets", "a(b", "--text", "text.txt", "--unit", "1/8", "--gate", "f"]) == 0
    assert "Unit 8 of layer 1, forget gate f of brackets" in capsys.readouterr().out


def test_a_step_is_drawn_and_saved_as_a_page(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["inspect", "step", "brackets", "a\\n(b"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("a⏎(b\n   ▲  step 4 of 4\nnext:") and "c' = f ∘ c + i ∘ g" in out
    assert run(["inspect", "step", "brackets", "a(b", "--html", "step.html"]) == 0
    assert "saved step.html" in capsys.readouterr().err and "Steps of brackets" in (folder / "step.html").read_text()
    assert run(["inspect", "step", "brackets", "a(b", "--html", "step.html"]) == 2
    assert "the file exists and is not replaced" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["units", "brackets", "--unit", "3/1"], 2, "this model has layers 1 to 2 with units 1 to 12"),
        (["units", "brackets", "--feature", "x"], 2, "there are quotes, brackets"),
        (["units", "brackets", "--text", "short.txt"], 1, "units are probed on 1,024 at least"),
        (["step", "brackets", ""], 1, "the text is empty"),
        (["step", "brackets"], 2, "Missing argument 'TEXT'"),
        (["step", "brackets", "a", "--json", "--html", "x.html"], 2, "--html and --json: choose one"),
    ],
)
def test_errors_are_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, message: str
) -> None:
    (folder / "short.txt").write_text("a (b) c")
    assert run(["inspect", *arguments]) == code
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
