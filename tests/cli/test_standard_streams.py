"""Commands whose standard output, error or input is closed or full."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from tiny_runs import make_run

from rnntui.cli.main import run

pytestmark = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")

CLOSED = "rnntui: cannot write to standard output: it is not open for writing; redirect it to a file or a program\n"
FULL = "rnntui: cannot write to standard output: No space left on device; free some space\n"


@pytest.mark.parametrize("line", ["runs", "sample -n 5", "--version"])
def test_what_cannot_be_written_is_told_in_a_line(shell, line: str) -> None:
    for redirection, message in ((">&-", CLOSED), ("> /dev/full", FULL)):
        result = shell(f"rnntui {line} {redirection}")
        assert (result.returncode, result.stderr.decode()) == (1, message), redirection


def test_a_command_that_writes_nothing_needs_no_standard_streams(shell, tmp_path: Path) -> None:
    fox = make_run(tmp_path / "checkpoints", "fox")
    assert shell("rnntui note fox mine <&- >&- 2>&-").returncode == 0
    assert fox.read_note() == "mine"


@pytest.mark.parametrize("redirection", ["2>&-", "2> /dev/full"])
def test_notes_that_cannot_be_written_change_nothing_else(shell, redirection: str) -> None:
    result = shell(f"rnntui score 'no note of § here' --run shakespeare {redirection}")
    assert result.returncode == 0 and result.stdout.count(b"\n") == 1


def test_a_log_that_is_full_does_not_end_a_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("fox.txt").write_text("the quick brown fox jumps over the lazy dog\n" * 100)
    quick = "--hidden 8 --embedding 8 --batch-size 4 --bptt 16 --steps 2 --sample-length 0 --threads 1 --ngram-prior 0"
    with Path("/dev/full").open("w", buffering=1) as log:
        monkeypatch.setattr(sys, "stderr", log)
        assert run(["train", "fox.txt", *quick.split()]) == 0
        assert run(["sampel"]) == 2


@pytest.mark.parametrize("line", ["score", "sample --each-line", "evaluate - --run shakespeare", "chat"])
def test_a_closed_standard_input_is_told_where_it_is_read(
    line: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert run(line.split()) == 2
    out, err = capfd.readouterr()
    expected = "chat needs a terminal" if line == "chat" else "standard input"
    assert out == "" and err.count("\n") == 1 and expected in err


def test_a_closed_standard_input_is_no_prompt(shell) -> None:
    result = shell("rnntui sample -n 5 --run shakespeare <&-")
    assert (result.returncode, result.stderr) == (0, b"")


def test_no_file_takes_the_place_of_a_closed_stream(shell, tmp_path: Path) -> None:
    """What a library writes to the descriptor of standard error would end up in that file."""
    code = "from rnntui.cli.standard_streams import standard_streams\n"
    code += "with standard_streams(), open('file', 'w') as file:\n    file.write(str(file.fileno()))\n"
    (tmp_path / "code.py").write_text(code)
    shell(f"'{sys.executable}' code.py <&- >&- 2>&-")
    assert int((tmp_path / "file").read_text()) > 2
