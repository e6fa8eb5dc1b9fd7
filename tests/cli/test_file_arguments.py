"""A file that is not there, or cannot be put there: one line says what, where and what to do, whatever option names it.

`here.txt` is a text, `here.tsv` has two columns, `folder` is a folder. The models are those that are shipped.
"""

from __future__ import annotations

import errno
import os
from itertools import pairwise
from pathlib import Path

import click
import pytest
from option_values import commands

from rnntui.atomic_files import check_can_be_written
from rnntui.errors import RnntuiError, UsageError, read_error, write_error

_READ = [
    "train {}", "train here.txt --validation-text {}", "train --config {}",
    "train-seq2seq {}", "train-seq2seq --source {} --target here.txt", "train-seq2seq --source here.txt --target {}",
    "train-seq2seq here.tsv --validation-pairs {}", "train-seq2seq --config {}",
    "train-seq2seq here.tsv --validation-source {} --validation-target here.txt",
    "train-seq2seq here.tsv --validation-source here.txt --validation-target {}",
    "train-classifier {}", "train-classifier here.tsv --validation-texts {}", "train-classifier --config {}",
    "tune {}", "tune here.txt --validation-text {}",
    "translate --file {}", "translate --file {}.srt", "classify --file {}", "score --file {}",
    "sample --prompt-file {}", "sample --prompt-file {} --each-line", "sample --from-state {}",
    "index shakespeare {}", "evaluate {}", "export shakespeare --onnx model --int8 --text {}",
    "inspect gradients shakespeare --text {}", "inspect context shakespeare --text {}",
    "inspect novelty shakespeare --text {}", "inspect attention en-es --pairs {}",
    "inspect units shakespeare --text {}",
]  # fmt: skip
_WRITTEN = [
    "train here.txt --write-config {}", "train here.txt --find-learning-rate --rate-curve {}.svg",
    "train-seq2seq here.tsv --write-config {}", "train-seq2seq here.tsv --find-learning-rate --rate-curve {}.svg",
    "train-classifier here.tsv --write-config {}",
    "train-classifier here.tsv --find-learning-rate --rate-curve {}.svg", "tune here.txt --write-config {}",
    "translate hello --output {}", "classify hello --output {}", "score hello --output {}", "sample --output {}",
    "sample --save-state {}", "curves shakespeare --svg {}", "curves shakespeare --png {}",
    "evaluate here.tsv --run authors --save {}", "evaluate here.tsv --run authors --svg {}",
    "evaluate here.tsv --run authors --png {}",
    "inspect gradients shakespeare --svg {}", "inspect gradients shakespeare --png {}",
    "inspect context shakespeare --svg {}", "inspect context shakespeare --png {}",
    "inspect clipping shakespeare --svg {}", "inspect clipping shakespeare --png {}",
    "inspect novelty shakespeare --svg {}", "inspect novelty shakespeare --png {}",
    "inspect attention en-es --svg {}", "inspect attention en-es --png {}",
    "inspect units shakespeare --svg {}", "inspect units shakespeare --png {}",
    "inspect step shakespeare text --html {}", "inspect step shakespeare text --svg {}",
    "inspect step shakespeare text --png {}", "report shakespeare --html {}",
    "export shakespeare --single-file {}", "export shakespeare --onnx {}.onnx",
]  # fmt: skip


@pytest.fixture
def files(tmp_path: Path) -> None:
    """The files that the commands name."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "here.txt").write_text("a line of text\n" * 400)
    (tmp_path / "here.tsv").write_text("Austen\tIt is a truth\nShakespeare\tIt was the best\n" * 20)


def test_every_option_that_names_a_file_is_tried() -> None:
    lines = [line.split() for line in _READ + _WRITTEN]
    tried = {
        (" ".join(word for word in line[:2] if word in names), previous)
        for names in commands()
        for line in lines
        if tuple(line[: len(names)]) == names
        for previous, value in pairwise(line)
        if "{}" in value
    }
    wanted = {
        (" ".join(names), parameter.opts[0])
        for names, command in commands().items()
        for parameter in command.params
        if isinstance(parameter, click.Option) and parameter.metavar == "FILE"
    }
    assert wanted <= tried and len(wanted) > 40


@pytest.mark.parametrize("line", _READ)
@pytest.mark.usefixtures("files")
def test_a_file_that_is_missing_is_bad_usage_and_the_line_says_what_to_do(rnntui, line: str) -> None:
    result = rnntui(*line.format("nosuch").split())
    assert result.code == 2 and not result.out
    problem, _, advice = result.err.splitlines()[-1].partition("; ")
    assert "nosuch" in problem and "no such file" in problem and advice.startswith(("name ", "check "))


@pytest.mark.parametrize("line", _WRITTEN)
@pytest.mark.usefixtures("files")
def test_a_missing_folder_is_bad_usage_before_anything_is_done(rnntui, line: str) -> None:
    result = rnntui(*line.format("none/file").split())
    assert result.code == 2 and not result.out
    problem, _, advice = result.err.splitlines()[-1].partition("; ")
    assert "none/file" in problem and "there is no folder none" in problem and advice.startswith("create it, or ")
    assert sorted(path.name for path in Path().iterdir()) == ["folder", "here.tsv", "here.txt"]


@pytest.mark.parametrize("line", ["sample --prompt-file {}", "score --file {}", "train --config {}"])
@pytest.mark.usefixtures("files")
def test_a_folder_is_no_file_to_read(rnntui, line: str) -> None:
    result = rnntui(*line.format("folder").split())
    assert result.code == 2 and result.err.endswith("folder: it is a folder; name a file\n")


@pytest.mark.usefixtures("files")
def test_a_new_file_is_not_put_in_place_of_a_folder_a_device_or_a_file(rnntui) -> None:
    def message(file: str) -> str:
        result = rnntui("curves", "shakespeare", "--svg", file)
        assert result.code == 2 and not result.out
        return str(result.err)

    assert message("folder") == "rnntui: --svg: cannot write folder: it is a folder; name a file\n"
    assert message("here.txt").endswith("here.txt: the file exists and is not replaced; name another one\n")
    assert message("/dev/null").endswith("it is not a file, but a device, pipe or socket; name a file\n")
    assert message(f"{'a' * 300}.svg").endswith("; choose a shorter name\n")


def test_what_to_do_fits_the_reason(tmp_path: Path) -> None:
    def advice(error: RnntuiError) -> str:
        return f"{type(error).__name__}: {error.hint}"

    path = tmp_path / "file"
    assert advice(read_error(path, OSError(errno.EACCES, "Permission denied"))).startswith("CorpusError: allow reading")
    assert advice(read_error(path, OSError(errno.EIO, "I/O"))) == "CorpusError: check its disk, or name another file"
    assert advice(read_error(path, OSError(errno.EDOM, "unknown"))) == "CorpusError: name another file"
    assert advice(write_error(path, OSError(errno.ENOSPC, "No space left"))).startswith("RnntuiError: free some space")
    assert advice(write_error(path, OSError(errno.EACCES, "Denied"))).startswith(
        "RnntuiError: allow writing there, or "
    )
    assert advice(write_error(path, OSError(errno.EROFS, "Read-only"))).startswith(
        "RnntuiError: choose a place that can "
    )
    assert advice(write_error(path, OSError(errno.EDOM, "unknown"))) == "RnntuiError: choose another place"
    with pytest.raises(UsageError, match="choose a shorter name"):
        check_can_be_written(tmp_path / ("a" * 5000))


@pytest.mark.parametrize(
    ("number", "hint"),
    [
        ("ENOSPC", "free some space"), ("EDQUOT", "quota"), ("EACCES", "permissions"), ("EPERM", "permissions"),
        ("EROFS", "can be written to"), ("EMFILE", "ulimit -n"), ("ENFILE", "close other programs"),
        ("ENOENT", "check the name"), ("ENOTDIR", "check the name"), ("EISDIR", "name a file"),
        ("ENAMETOOLONG", "shorter name"), ("ELOOP", "links"), ("EIO", "disk"), ("ESTALE", "connection"),
        ("ENOMEM", "close other programs"), ("EXDEV", "--debug shows where"),
    ],
)  # fmt: skip
def test_an_error_of_the_system_that_nothing_expects_is_one_line_with_what_to_do(
    rnntui, monkeypatch: pytest.MonkeyPatch, number: str, hint: str
) -> None:
    code = getattr(errno, number)

    def fail(*arguments: object, **keywords: object) -> None:
        raise OSError(code, os.strerror(code), "some/file")

    monkeypatch.setattr("rnntui.cli.runs.list_runs", fail)
    result = rnntui("runs")
    assert result.code == 1 and result.err.count("\n") == 1
    problem, _, advice = result.err.partition("; ")
    expected = "out of memory" if number == "ENOMEM" else f"some/file: {os.strerror(code)}"
    assert problem == f"rnntui: {expected}" and hint in advice


def test_files_with_too_little_text_are_told_so_in_their_number(rnntui) -> None:
    for name, content in (("empty.txt", ""), ("a.txt", "a"), ("b.txt", "b"), ("c.txt", "c")):
        Path(name).write_text(content)
    evaluate = ("evaluate", "--run", "shakespeare")
    assert rnntui(*evaluate, "empty.txt").err == "rnntui: empty.txt is empty; give it some text\n"
    twice = rnntui(*evaluate, "empty.txt", "empty.txt")
    assert twice.err == "rnntui: empty.txt, empty.txt are empty; give them some text\n"
    assert rnntui(*evaluate, "a.txt").err == "rnntui: a.txt has 1 token only; a loss needs two: add text\n"
    assert "a.txt and 2 more files are too small: " in rnntui("train", "a.txt", "b.txt", "c.txt", "--bptt", "64").err
    assert rnntui("inspect", "units", "shakespeare", "--text", "empty.txt").err.endswith("; name a file with text\n")
