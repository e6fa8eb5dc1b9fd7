"""Texts, files and standard input of the commands that read lines, and what they say about them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from pair_runs import copy_rows, make_pair_run, write_weights

from rnntui.runs.folder import RunFolder


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """An untrained Seq2Seq run."""
    run = make_pair_run(tmp_path_factory.mktemp("pairs"), copy_rows(), "copy", steps=5)
    write_weights(run)
    return run


@pytest.mark.parametrize(("command", "done"), [("translate", "translated"), ("score", "scored")])
def test_the_name_of_a_file_is_a_text_and_a_note_names_the_flag_that_reads_it(
    rnntui, command: str, done: str, pairs: RunFolder, trained: Path
) -> None:
    run = pairs.path if command == "translate" else trained / "words"
    Path("two words.txt").write_text("alpha\nbeta\n")
    as_text = rnntui(command, "--run", run, "two words.txt")
    assert as_text.code == 0 and as_text.out.count("\n") == 1
    assert f"two words.txt is {done} as a text; for the lines of that file: --file 'two words.txt'" in as_text.err
    read = rnntui(command, "--run", run, "--file", "two words.txt", "--file", "two words.txt")
    assert read.code == 0 and read.out.count("\n") == 4 and "--file" not in read.err
    assert read.out == 2 * rnntui(command, "--run", run, stdin=b"alpha\nbeta\n").out
    both = rnntui(command, "--run", run, "alpha", "--file", "two words.txt")
    assert both.code == 2 and both.err == "rnntui: give texts or --file, not both\n"
    missing = rnntui(command, "--run", run, "--file", "two words.txt", "--file", "none.txt")
    assert missing.code == 2 and missing.out == ""
    assert missing.err == "rnntui: none.txt: no such file; check the name and its folder\n"


def test_a_line_of_a_file_is_named_with_its_file_and_a_text_as_an_argument(rnntui, trained: Path) -> None:
    Path("a.txt").write_text("alpha\n\u4e2d\n")
    score = ["score", "--run", trained / "words"]
    assert rnntui(*score, "alpha", "\u4e2d").err.startswith("rnntui: argument 2: ")
    assert rnntui(*score, "--file", "a.txt").err.startswith("rnntui: line 2: ")
    assert rnntui(*score, "--file", "a.txt", "--file", "a.txt").err.startswith("rnntui: a.txt, line 2: ")
    Path("a.txt").write_bytes(b"alpha\n\xff\n")
    assert "line 2 of a.txt is not utf-8" in rnntui(*score, "--file", "a.txt").err


@pytest.mark.parametrize(
    "command",
    [
        ["curves", "--svg"], ["curves", "--png"], ["translate", "--file"], ["score", "--file"],
        ["sample", "--prompt-file"], ["evaluate", "text", "--save"], ["evaluate", "--source"],
    ],
)  # fmt: skip
def test_an_empty_name_of_a_file_is_refused(rnntui, command: list[str]) -> None:
    result = rnntui(*command, "")
    assert (result.code, result.err) == (2, f"rnntui: {command[-1]}: the name of the file is empty\n")


def test_a_dash_is_a_text_and_a_note_says_so(rnntui, trained: Path) -> None:
    note = "rnntui: - is scored as a text; for standard input, leave it out\n"
    result = rnntui("score", "--run", trained / "words", "-", stdin=b"alpha\n")
    assert result.err.startswith(note) and result.out.count("\n") == 1
    assert note not in rnntui("score", "--run", trained / "words", "alpha", "-").err


def test_a_prompt_from_a_file(rnntui, trained: Path) -> None:
    Path("prompt.txt").write_text("alpha be")
    sample = ["sample", "--checkpoints", trained, "-n", "5", "--seed", "1"]
    from_file = rnntui(*sample, "--prompt-file", "prompt.txt")
    assert from_file.code == 0 and from_file.out == rnntui(*sample, "--prompt", "alpha be").out
    named = rnntui(*sample, "--prompt", "prompt.txt")
    assert named.out.startswith("prompt.txt") and "--prompt-file prompt.txt" in named.err
    Path("lines.txt").write_text("alpha\nbeta\n")
    by_line = rnntui(*sample, "--each-line", "--prompt-file", "lines.txt")
    assert by_line.out == rnntui(*sample, "--each-line", stdin=b"alpha\nbeta\n").out
    assert rnntui(*sample, "--prompt", "a", "--prompt-file", "prompt.txt").code == 2


def test_an_empty_stop_string_is_refused(rnntui, trained: Path) -> None:
    result = rnntui("sample", "--checkpoints", trained, "--stop", "")
    assert result.code == 2 and result.err.startswith("rnntui: --stop must not be empty")


def test_out_of_memory_is_no_bug(rnntui, trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(run: RunFolder, **settings: object) -> None:
        raise MemoryError

    monkeypatch.setattr("rnntui.inference.loaded_model.load_language_model", fail)
    result = rnntui("sample", "--checkpoints", trained)
    assert result.code == 1 and result.err == "rnntui: out of memory; lower --samples\n"


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals need Unix")
def test_a_terminal_is_told_that_it_is_read(trained: Path) -> None:
    import pexpect

    command = ["-m", "rnntui", "score", "--checkpoints", str(trained)]
    child = pexpect.spawn(sys.executable, command, timeout=30, encoding="utf-8", echo=False)
    child.expect("reading lines from the terminal; Ctrl-D ends")
    child.sendline("alpha")
    child.expect(r"-\d+\.\d+\t")
    child.sendeof()
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
