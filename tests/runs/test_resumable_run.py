"""The run that `--resume` selects: by the text's fingerprint, whatever its file is called."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rnntui.config import Budget, Newlines, TokenizerConfig
from rnntui.config_language_model import LanguageModelConfig, LanguageModelTrainingConfig
from rnntui.errors import CorpusError, RnntuiError, RunError, UsageError
from rnntui.kinds.corpus_info import TextCorpusInfo
from rnntui.kinds.language_model import LANGUAGE_MODEL
from rnntui.kinds.seq2seq import SEQ2SEQ
from rnntui.runs.folder import RunFolder
from rnntui.runs.resumable_run import TrainingText, configs_on, find_resumable_run
from rnntui.runs.run_config import RunConfig

MakeRun = Callable[..., RunFolder]


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    """Makes a run with a name, a fingerprint and other facts of its text."""

    def make(run_name: str, fingerprint: str, created: float, **facts: Any) -> RunFolder:
        run = RunFolder(tmp_path / "runs" / run_name)
        run.resume_folder.mkdir(parents=True)
        run.training_ids.touch()
        run.validation_ids.touch()
        facts = {"name": "input", "sources": ("a/input.txt",), "fingerprint": fingerprint, **facts}
        run.write_config(
            RunConfig(
                kind=LANGUAGE_MODEL.id, model=LanguageModelConfig(), training=LanguageModelTrainingConfig(),
                budget=Budget(), tokenizer=TokenizerConfig(), corpus=TextCorpusInfo(**facts), created=created,
            )
        )  # fmt: skip
        return run

    return make


def text(fingerprint: str = "abc", *, kept: str = "", name: str = "input", source: str = "a/input.txt") -> TrainingText:
    """A text whose fingerprint differs with its line ends kept if `kept` is given."""

    fingerprints: dict[Newlines, str] = {"universal": fingerprint, "keep": kept or fingerprint}
    return TrainingText(name, (source,), lambda: fingerprints)


def error_of(text: TrainingText | None, tmp_path: Path, name: str | None = None) -> RnntuiError:
    """Return the error of a search that finds no run."""
    with pytest.raises(RnntuiError) as caught:
        find_resumable_run(LANGUAGE_MODEL, text, name, tmp_path / "runs")
    assert "\n" not in str(caught.value)
    return caught.value


def test_the_newest_run_on_the_text_is_found_whatever_its_file_is_called(make_run: MakeRun, tmp_path: Path) -> None:
    make_run("input", "abc", 1.0)
    expected = make_run("input-2", "abc", 2.0, sources=["elsewhere.txt"], name="elsewhere")
    make_run("input-3", "other", 3.0)
    for given in (text(), text(name="renamed", source="renamed.txt")):
        assert find_resumable_run(LANGUAGE_MODEL, given, None, tmp_path / "runs") == expected
    assert find_resumable_run(LANGUAGE_MODEL, text("other"), None, tmp_path / "runs").name == "input-3"
    assert find_resumable_run(LANGUAGE_MODEL, None, None, tmp_path / "runs").name == "input-3"
    assert find_resumable_run(LANGUAGE_MODEL, text(), "input", tmp_path / "runs").name == "input"


def test_a_text_that_has_changed_is_told_from_another(make_run: MakeRun, tmp_path: Path) -> None:
    make_run("input", "abc", 1.0)
    make_run("input-2", "def", 2.0)
    error = error_of(text("new"), tmp_path)
    assert isinstance(error, CorpusError)
    assert error.problem == "a/input.txt has changed since run input-2 was created (input was not trained on it either)"
    assert error.hint.startswith("--accept-changed-corpus goes on with the run's own copy of its text")
    error = error_of(text("new", source="b/input.txt"), tmp_path, "input")
    assert error.problem == "b/input.txt is not the text that run input was trained on, a/input.txt"
    make_run("of old", "ghi", 0.5, sources=())
    error = error_of(text("new"), tmp_path, "of old")
    assert error.problem == "a/input.txt is not the text that run of old was trained on"
    error = error_of(text("new", name="unheard"), tmp_path)
    assert isinstance(error, UsageError) and error.problem.startswith("no run on unheard to resume")


def test_the_other_runs_that_were_not_trained_on_a_text_are_named(make_run: MakeRun, tmp_path: Path) -> None:
    for number in range(8):
        make_run(f"run-{number}", f"text {number}", float(number))
    changed = "a/input.txt has changed since run run-7 was created"
    others = "run-6, run-5, run-4, run-3, run-2"
    assert error_of(text("new"), tmp_path).problem == f"{changed} ({others} were not trained on it either)"
    with pytest.raises(UsageError, match=f"no run on unheard to resume in {tmp_path / 'runs'}"):
        find_resumable_run(LANGUAGE_MODEL, text("new", name="unheard"), None, tmp_path / "runs")


def test_a_run_of_a_name_that_there_is_none_of_is_an_error(make_run: MakeRun, tmp_path: Path) -> None:
    make_run("input", "abc", 1.0)
    for given in (text(), None):
        assert error_of(given, tmp_path, "inputs").problem == f"no run 'inputs' to resume in {tmp_path / 'runs'}"


def test_of_many_files_that_have_changed_the_first_is_named(make_run: MakeRun, tmp_path: Path) -> None:
    files = ("a/1.txt", "a/2.txt", "a/3.txt")
    make_run("input", "abc", 1.0, sources=list(files))
    problem = error_of(replace(text("new"), sources=files), tmp_path).problem
    assert problem == "a/1.txt and 2 more files have changed since run input was created"
    problem = error_of(replace(text("new"), sources=files[:2]), tmp_path).problem
    assert problem == "a/1.txt, a/2.txt are not the text that run input was trained on, a/1.txt and 2 more files"


def test_a_run_on_a_text_that_was_renamed_and_changed_is_found_by_its_name(make_run: MakeRun, tmp_path: Path) -> None:
    expected = make_run("input", "abc", 1.0)
    changed = replace(text("new", name="later", source="later.txt"), accept_change=lambda problem: None)
    assert "--name" in error_of(changed, tmp_path).hint
    assert find_resumable_run(LANGUAGE_MODEL, changed, "input", tmp_path / "runs") == expected


def test_a_text_that_has_changed_is_accepted_on_request_and_told(make_run: MakeRun, tmp_path: Path) -> None:
    make_run("input", "abc", 1.0)
    expected = make_run("input-2", "def", 2.0)
    notes: list[str] = []
    runs = tmp_path / "runs"
    changed = replace(text("new"), accept_change=notes.append)
    assert find_resumable_run(LANGUAGE_MODEL, changed, None, runs) == expected
    assert find_resumable_run(LANGUAGE_MODEL, changed, "input", runs).name == "input"
    assert [note.split(";")[0] for note in notes] == [
        "a/input.txt has changed since run input-2 was created", "a/input.txt has changed since run input was created"
    ]  # fmt: skip
    same = replace(text("abc"), accept_change=notes.append)
    assert find_resumable_run(LANGUAGE_MODEL, same, None, runs).name == "input", "one on the text itself is preferred"
    assert len(notes) == 2
    with pytest.raises(UsageError, match="no run on unheard to resume"):
        find_resumable_run(LANGUAGE_MODEL, replace(changed, name="unheard"), None, runs)
    with pytest.raises(UsageError, match="read with --newlines keep"):
        find_resumable_run(LANGUAGE_MODEL, replace(text("new", kept="def"), accept_change=notes.append), None, runs)


def test_the_configs_of_runs_on_files_come_newest_first(make_run: MakeRun, tmp_path: Path) -> None:
    def creation_times(*files: str, name: str | None = None) -> list[float]:
        return [config.created for config in configs_on(LANGUAGE_MODEL, files, name, tmp_path / "runs")]

    make_run("input", "abc", 1.0)
    make_run("input-2", "abc", 3.0)
    make_run("both", "abc", 2.0, sources=("a/input.txt", "b.txt"))
    make_run("unnamed", "abc", 2.5, sources=())
    make_run("broken", "abc", 5.0).config_file.write_bytes(b"{")
    assert creation_times("a/input.txt") == [3.0, 1.0]
    assert creation_times("b.txt", "a/input.txt") == [3.0, 2.0, 1.0]
    assert creation_times("b.txt", "README", "a/input.txt", name="both") == [2.0]
    assert creation_times("input.txt") == creation_times("a/input.txt", name="other") == []


@pytest.mark.parametrize("name", [None, "input"])
def test_a_run_on_the_text_with_other_line_ends_is_told_with_its_flag(
    name: str | None, make_run: MakeRun, tmp_path: Path
) -> None:
    make_run("input", "abc", 1.0)
    error = error_of(text("new", kept="abc"), tmp_path, name)
    assert (error.setting, error.hint) == ("newlines", "resume it with --newlines keep")


def test_a_run_on_the_text_with_line_ends_of_any_kind_is_told_to_one_who_keeps_them(
    make_run: MakeRun, tmp_path: Path
) -> None:
    make_run("input", "abc", 1.0)
    kept = replace(text("abc", kept="new"), newlines="keep")
    error = error_of(kept, tmp_path)
    assert error.problem == "run input was trained on a/input.txt read with --newlines universal"
    assert (error.setting, error.hint) == ("newlines", "resume it with --newlines universal")


def test_runs_that_cannot_be_read_or_resumed_do_not_stop_the_search(make_run: MakeRun, tmp_path: Path) -> None:
    expected = make_run("a", "abc", 1.0)
    make_run("b", "abc", 5.0).config_file.write_bytes(b"{")
    make_run("c", "abc", 5.0).config_file.write_bytes(b"[]")
    make_run("d", "abc", 5.0).training_ids.unlink()
    assert find_resumable_run(LANGUAGE_MODEL, text(), None, tmp_path / "runs") == expected
    assert find_resumable_run(LANGUAGE_MODEL, None, None, tmp_path / "runs") == expected
    with pytest.raises(RunError, match=r"b/config.json is not JSON"):
        find_resumable_run(LANGUAGE_MODEL, text(), "b", tmp_path / "runs")


def test_the_text_is_not_read_where_there_is_no_run(make_run: MakeRun, tmp_path: Path) -> None:
    def unreadable() -> dict[Newlines, str]:
        raise AssertionError("the text was read")

    unread = TrainingText("input", ("a/input.txt",), unreadable)
    assert error_of(unread, tmp_path).problem.startswith("no run on input to resume in ")
    assert error_of(None, tmp_path).problem.startswith("no run to resume in ")
    make_run("input", "abc", 1.0)
    with pytest.raises(UsageError, match="no run on input"):
        find_resumable_run(SEQ2SEQ, unread, None, tmp_path / "runs")
    with pytest.raises(UsageError, match=r"run input is a language model; resume it with: rnntui train --resume"):
        find_resumable_run(SEQ2SEQ, unread, "input", tmp_path / "runs")
