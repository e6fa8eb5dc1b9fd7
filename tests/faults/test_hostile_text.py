"""Texts that steer a terminal through every command that shows texts of others, on a terminal and in a pipe."""

from __future__ import annotations

import csv
import io
import json
import os
import runpy
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

if sys.platform == "win32":
    pytest.skip("pseudo-terminals need Unix", allow_module_level=True)

from classifier_examples import make_classifier_run
from hostile_texts import ESCAPES, FORBIDDEN, FORMULAS, NAMES, TEXT, problems_on_terminal
from pair_runs import make_pair_run, write_weights
from pseudo_terminal import PseudoTerminal
from tiny_runs import make_run

from rnntui.cli import completion
from rnntui.cli.main import run
from rnntui.cli.progress import make_reporter
from rnntui.exporting.onnx_export import export_onnx
from rnntui.exporting.single_file import export_single_file
from rnntui.formatting import shell_quote
from rnntui.runs.folder import RunFolder
from rnntui.runs.lookup import shipped_names
from rnntui.runs.management import write_note
from rnntui.runs.run_status import RunStatus
from rnntui.text.char_tokenizer import CharTokenizer
from rnntui.text.labelled_corpus import normalize_text
from rnntui.training.events import Evaluated, Finished, Started

FIRST, SECOND = NAMES
LINE = TEXT.replace("\r", "")  # which ends no line of a file
LABEL = "".join(normalize_text(TEXT).split())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_hostile_folder(tmp_path_factory.mktemp("hostile"))


def make_hostile_folder(folder: Path) -> Path:
    """Make runs whose names, metrics, notes, samples, labels and vocabularies are hostile, and such files."""
    runs = folder / "checkpoints"
    for seed, name in enumerate(NAMES):
        made = make_run(runs, name, seed=seed, tokenizer=CharTokenizer(sorted({*TEXT})))
        rows = [
            {"step": step, "tokens": step, "seconds": step, "train_loss": 2.0, "validation_loss": 3.0, TEXT: 1.0}
            for step in range(3)
        ]
        rows[2]["sample"] = TEXT
        made.metrics_file.write_text("".join(json.dumps(row) + "\n" for row in rows))
        write_note(made, TEXT)
        made.write_status(RunStatus("failed", step=3, steps=9, message=TEXT))
    make_classifier_run(runs, "classes" + SECOND, [LINE, "plain"], [f"one{LABEL}", f"{LABEL}two"])
    pairs = make_pair_run(folder, [(f"{LINE}{number}", f"{LINE}{number}") for number in range(20)], "pairs")
    write_weights(pairs)
    pairs.path.rename(runs / ("pairs" + SECOND))
    broken = make_run(runs, "broken" + SECOND)
    broken.config_file.write_text(TEXT)
    (folder / f"file{FIRST}").write_text(LINE * 8)
    rows = [f"{number} {LINE}\t{label}\n" for number in range(9) for label in (f"one{LABEL}", f"{LABEL}two")]
    (folder / f"labelled{SECOND}.tsv").write_text("text\tlabel\n" + "".join(rows))
    (folder / f"zero{SECOND}").write_bytes(b"text\0" + TEXT.encode())
    return folder


@pytest.fixture(scope="module")
def terminal(folder: Path) -> Iterator[PseudoTerminal]:
    terminal = PseudoTerminal(folder)
    yield terminal
    terminal.close()


COMMANDS: dict[str, tuple[str, ...]] = {
    "sampled text": ("sample", "--run", FIRST, "-n", "300", "--seed", "1", "--temperature", "5"),
    "sampled JSON": ("sample", "--run", SECOND, "-n", "60", "--json", "--seed", "1"),
    "echoed prompt": ("sample", "--run", FIRST, "-n", "5", "--prompt", TEXT, "--echo"),
    "scored line": ("score", "--run", FIRST, TEXT),
    "scored JSON": ("score", "--run", FIRST, "--json", TEXT),
    "list of runs": ("runs",),
    "words that match no run": ("runs", TEXT),
    "description of a run": ("show", FIRST),
    "runs side by side": ("show", FIRST, SECOND),
    "chart": ("curves", FIRST, SECOND),
    "chart of a metric": ("curves", FIRST, "--metric", TEXT),
    "chart as SVG": ("curves", FIRST, SECOND, "--svg", "-"),
    "metrics as CSV": ("curves", FIRST, SECOND, "--csv"),
    "metrics as JSON": ("curves", FIRST, "--json"),
    "unknown metric": ("curves", FIRST, "--metric", "x" + TEXT),
    "note": ("note", FIRST),
    "check of files": ("verify",),
    "page": ("report", FIRST, "--html", "-"),
    "exported program": ("export", FIRST, "--single-file", f"program{SECOND}.py"),
    "exported folder": ("export", FIRST, "--onnx", f"onnx{SECOND}"),
    "step": ("inspect", "step", FIRST, LINE),
    "step as a page": ("inspect", "step", FIRST, LINE, "--html", "-"),
    "units": ("inspect", "units", FIRST, LINE, "--text", f"file{FIRST}"),
    "lost context": ("inspect", "context", FIRST, "--text", f"file{FIRST}"),
    "attention": ("inspect", "attention", "pairs" + SECOND, "--sentence", SECOND),
    "classified line": ("classify", "--run", "classes" + SECOND, LINE),
    "explained line": ("classify", "--run", "classes" + SECOND, "--explain", LINE),
    "evaluated labels": ("evaluate", f"labelled{SECOND}.tsv", "--run", "classes" + SECOND),
    "translated line": ("translate", "--run", "pairs" + SECOND, LINE),
    "new name": ("rename", FIRST, TEXT),
    "missing run": ("sample", "--run", "x" + TEXT),
    "missing file": ("score", "--run", FIRST, "--file", "x" + SECOND),
    "missing file of other bytes": ("score", "--run", FIRST, "--file", "x\udc9b2J\udc9c"),
    "missing corpus of other bytes": ("train", "x\udc9b2J\udc9c", "--steps", "1"),
    "missing corpus": ("train", "x" + SECOND, "--steps", "1"),
    "binary corpus": ("train", "zero" + SECOND),
    "traceback": ("sample", "--run", "x" + TEXT, "--debug"),
    "broken run": ("show", "broken" + SECOND),
    "unknown command": (TEXT,),
    "unknown option": ("runs", "--" + TEXT),
    "wrong choice": ("runs", "--sort", TEXT),
    "wrong number": ("sample", "-n", TEXT),
    "wrong setting": ("train", f"file{FIRST}", "--hidden", TEXT),
    "wrong settings file": ("train", "--config", f"file{FIRST}"),
    "missing tuning": ("tune", "x" + SECOND),
    "index of another text": ("index", FIRST, f"file{FIRST}"),
    "wrong address": ("serve", "--host", TEXT, "--run", FIRST),
    "wrong shell": ("completion", TEXT),
}
BARS = {"index of another text", "evaluated labels"}


@pytest.mark.parametrize("place", COMMANDS)
def test_nothing_steers_the_terminal(place: str, terminal: PseudoTerminal, folder: Path) -> None:
    code, output = terminal.run(*COMMANDS[place])
    assert output and code in (0, 1, 2)
    assert problems_on_terminal(output, has_bar=place in BARS) == []
    assert b"(this is a bug" not in output
    assert b"<img" not in output or b"<html" not in output


@pytest.mark.parametrize("name", [name for name, escape in ESCAPES.items() if set(escape) & FORBIDDEN])
def test_an_escape_that_came_through_would_be_seen(name: str) -> None:
    assert problems_on_terminal(f"a{ESCAPES[name]}b\r\n".encode()) != []


def test_generated_text_reaches_a_pipe_unchanged(
    folder: Path, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "stdin", None)
    flags = ("sample", "--run", FIRST, "-n", "300", "--seed", "1", "--temperature", "5")
    assert run([*flags, "--json"]) == 0
    text = json.loads(capfdbinary.readouterr().out)["text"]
    assert run(flags) == 0
    assert capfdbinary.readouterr().out == text.encode() + b"\n"
    assert len(set(text) & FORBIDDEN) > 50


@pytest.mark.parametrize("is_terminal", [True, False])
def test_progress_of_a_training_steers_nothing(is_terminal: bool, folder: Path) -> None:
    class Stream(io.StringIO):
        def isatty(self) -> bool:
            return is_terminal

    stream = Stream()
    made = RunFolder(folder / "checkpoints" / FIRST)
    with make_reporter(stream, made) as reporter:
        reporter.report(Started(made.name, 1, "cpu", "fp32", 0))
        reporter.report(Evaluated(1, 2.0, 3.0, 1.0, True, {"text": TEXT}))
        reporter.report(Finished("interrupted", 1, 9, 1.0, 1, {}, None))
        reporter.report(Finished("budget", 9, 9, 1.0, 1, {}, None, stop_reason=TEXT))
    output = stream.getvalue()
    assert "continue exactly from here" in output and "in checkpoints" in output.replace(str(folder) + "/", "")
    assert problems_on_terminal(output.replace("\n", "\r\n").encode(), has_bar=is_terminal) == []


@pytest.mark.parametrize("name", [*NAMES, "it's", "plain", "\udc9b2J"])
def test_a_command_to_copy_names_the_file_though_it_is_escaped(name: str) -> None:
    word = shell_quote(name)
    assert problems_on_terminal(word.encode()) == []
    printed = subprocess.run(["bash", "-c", f"printf %s {word}"], capture_output=True, check=True).stdout
    assert os.fsdecode(printed) == name


def test_no_cell_of_a_name_in_csv_is_a_formula(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in (*FORMULAS, "plain"):
        made = make_run(tmp_path / "runs", name)
        made.metrics_file.write_text('{"step": 1, "tokens": 1, "seconds": 1, "train_loss": -2.5, "=2": 1}\n')
    paths = [f"./{name}" for name in (*FORMULAS, "plain")]
    monkeypatch.chdir(tmp_path / "runs")
    assert run(["curves", *paths, "--csv"]) == 0
    heading, *rows = csv.reader(io.StringIO(capfdbinary.readouterr().out.decode(), newline=""))
    assert heading[-2:] == ["train_loss", "'=2"]
    assert [row[0] for row in rows] == ["'=1+1", "'+1", "'-1", "'@SUM(1)", " =1", "\\x0d=1", "plain"]
    assert {row[-2] for row in rows} == {"-2.5"}


def test_a_shell_is_offered_no_name_that_steers_it(folder: Path) -> None:
    make_run(folder / "checkpoints", "harmless")
    items = completion._runs_of(str(folder / "checkpoints"), ())
    assert [name for name, _ in items if name not in shipped_names()] == ["harmless"]


@pytest.mark.parametrize("is_terminal", [True, False])
def test_an_exported_program_escapes_on_a_terminal_only(
    is_terminal: bool, folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Stream(io.StringIO):
        def isatty(self) -> bool:
            return is_terminal

    program, stream = tmp_path / "program.py", Stream()
    export_single_file(RunFolder(folder / "checkpoints" / SECOND), program)
    monkeypatch.setattr(sys, "argv", [str(program), LINE, "--length", "200", "--temperature", "5", "--seed", "1"])
    monkeypatch.setattr(sys, "stdout", stream)
    runpy.run_path(str(program), run_name="__main__")
    output = stream.getvalue()
    assert (problems_on_terminal(output.replace("\n", "\r\n").encode()) == []) is is_terminal
    assert output.startswith(LINE) is not is_terminal


def test_an_exported_model_is_described_without_its_escapes(folder: Path, tmp_path: Path) -> None:
    made = RunFolder(folder / "checkpoints" / FIRST)
    export_onnx(made, tmp_path / "onnx", False, "")
    text = (tmp_path / "onnx" / "README.md").read_text()
    assert not set(text) & FORBIDDEN - {"\n"}
