"""Renaming, deleting and noting runs: what goes, what stays, what is refused."""

from __future__ import annotations

import os
import tracemalloc
from pathlib import Path

import pytest
from run_examples import Failure, fail
from tiny_runs import make_run

from rnntui.errors import RnntuiError, RunError, UsageError
from rnntui.kinds.language_model import LANGUAGE_MODEL
from rnntui.runs import lookup, management
from rnntui.runs.creation import staging_folder
from rnntui.runs.folder import MAX_NOTE_LENGTH, RunFolder, check_no_links
from rnntui.runs.lookup import runs_in
from rnntui.runs.management import (
    check_deletable,
    check_holds_run_only,
    delete_run,
    file_sizes,
    rename_run,
    size_on_disk,
    write_note,
)
from rnntui.runs.resumable_run import find_resumable_run
from rnntui.runs.run_files import foreign_files, named


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder of runs, with the run `a`, beside a shipped model, `shakespeare`."""
    make_run(tmp_path / "shipped", "shakespeare")
    make_run(tmp_path / "runs", "a")
    monkeypatch.setattr(lookup, "shipped_folder", lambda: tmp_path / "shipped")
    return tmp_path / "runs"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def make_resumable(run: RunFolder) -> None:
    run.resume_folder.mkdir()
    for file in (run.resume_file, run.training_ids, run.validation_ids):
        file.touch()


def test_a_renamed_run_is_the_same_run_and_can_be_resumed(runs: Path) -> None:
    run = RunFolder(runs / "a")
    make_resumable(run)
    before = contents(run.path)
    renamed = rename_run(run, "my notes")
    assert [each.name for each in runs_in(runs)] == ["my notes"]
    assert contents(renamed.path) == before | {"lock": b""}
    assert find_resumable_run(LANGUAGE_MODEL, None, "my notes", runs) == renamed
    with renamed.lock():
        pass


@pytest.mark.parametrize("name", ["", " ", ".hidden", "-flag", "a/b", "..", "a\0", "a\nb", "x" * 101, "a:b"])
def test_a_name_that_no_run_can_have_is_refused(name: str, runs: Path) -> None:
    with pytest.raises(UsageError, match="is not a valid name"):
        rename_run(RunFolder(runs / "a"), name)
    assert [run.name for run in runs_in(runs)] == ["a"]


@pytest.mark.parametrize("kind", ["run", "file", "empty folder", "dangling link"])
def test_a_name_that_is_taken_is_refused(kind: str, runs: Path) -> None:
    match kind:
        case "run":
            make_run(runs, "b")
        case "file":
            (runs / "b").write_text("mine")
        case "empty folder":
            (runs / "b").mkdir()
        case _:
            (runs / "b").symlink_to("nowhere")
    before = contents(runs)
    with pytest.raises(UsageError, match=r"^b exists in .*; choose another name"):
        rename_run(RunFolder(runs / "a"), "b")
    assert contents(runs) == before


def test_a_deleted_run_is_gone_with_all_its_files(runs: Path) -> None:
    make_resumable(RunFolder(runs / "a"))
    make_run(runs, "b")
    assert size_on_disk(RunFolder(runs / "a")) == sum(map(len, contents(runs / "a").values())) > 1000
    delete_run(RunFolder(runs / "a"), runs)
    assert names_in(runs) == ["b"]


def test_a_deletion_that_is_interrupted_leaves_no_run_and_is_finished_by_the_next_one(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_run(runs, "b")
    with monkeypatch.context() as patch:
        patch.setattr(management, "remove_run_files", fail)
        patch.setattr(management.os, "getpid", lambda: 2**30)  # the process is gone then
        with pytest.raises(Failure):
            delete_run(RunFolder(runs / "a"), runs)
    assert [run.name for run in runs_in(runs)] == ["b"] and len(names_in(runs)) == 2
    abandoned = next(name for name in names_in(runs) if name.startswith(management.DELETED_PREFIX))
    with staging_folder(runs):
        assert abandoned not in names_in(runs)
    (runs / abandoned).mkdir()
    delete_run(RunFolder(runs / "b"), runs)
    assert abandoned not in names_in(runs) and runs_in(runs) == []


def test_a_run_in_training_is_neither_renamed_nor_deleted_but_takes_a_note(runs: Path) -> None:
    run = RunFolder(runs / "a")
    with run.lock():
        for refused in (
            lambda: rename_run(run, "b"), lambda: check_deletable(run, runs), lambda: delete_run(run, runs)
        ):  # fmt: skip
            with pytest.raises(RunError, match=r"run a is in training and cannot be (renamed|deleted);"):
                refused()
        write_note(run, "more dropout")
    assert run.read_note() == "more dropout" and [each.name for each in runs_in(runs)] == ["a"]


def test_a_run_whose_training_starts_while_it_is_deleted_stays(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(management, "check_deletable", lambda *_: None)
    run = RunFolder(runs / "a")
    with run.lock(), pytest.raises(RunError, match=r"run a is in training and cannot be deleted;"):
        delete_run(run, runs)
    assert names_in(runs) == ["a"]


def test_a_shipped_model_is_never_changed(runs: Path, tmp_path: Path) -> None:
    before = contents(tmp_path / "shipped")
    run = RunFolder(runs.parent / "runs" / ".." / "shipped" / "shakespeare")
    for refused, what in (
        (lambda: rename_run(run, "b"), "cannot be renamed"),
        (lambda: delete_run(run, runs), "cannot be deleted"),
        (lambda: write_note(run, "mine"), "takes no note"),
    ):
        with pytest.raises(RunError, match=f"shakespeare is a shipped model and {what}"):
            refused()
    assert contents(tmp_path / "shipped") == before


def test_a_link_to_a_run_is_renamed_and_deleted_without_the_run(runs: Path, tmp_path: Path) -> None:
    other = make_run(tmp_path / "other disk", "big")
    before = contents(other.path)
    (runs / "link").symlink_to(other.path, target_is_directory=True)
    renamed = rename_run(RunFolder(runs / "link"), "link-2")
    assert renamed.path.is_symlink() and size_on_disk(renamed) == 0
    with other.lock(), pytest.raises(RunError, match="in training"):
        rename_run(renamed, "link-3")
    (other.path / "thesis.txt").touch()  # is not deleted, so it hinders nothing
    check_holds_run_only(renamed)
    (other.path / "thesis.txt").unlink()
    delete_run(renamed, runs)
    assert names_in(runs) == ["a"] and contents(other.path) == before | {"lock": b""}


def test_a_link_within_a_run_is_not_followed(runs: Path, tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").write_text("mine")
    (runs / "a" / "resume").symlink_to(tmp_path / "precious", target_is_directory=True)
    assert foreign_files(RunFolder(runs / "a")) == []
    delete_run(RunFolder(runs / "a"), runs)
    assert (tmp_path / "precious" / "file").read_text() == "mine"


def test_a_folder_elsewhere_is_deleted_only_if_it_is_a_run_and_nothing_else(runs: Path, tmp_path: Path) -> None:
    project = RunFolder(tmp_path / "project")
    project.path.mkdir()
    project.config_file.write_text('{"compilerOptions": {}}')
    with pytest.raises(RunError, match=r"config\.json"):
        delete_run(project, runs)
    run = make_run(tmp_path / "elsewhere", "run")
    (run.path / "thesis").mkdir()
    with pytest.raises(
        RunError, match=r"outside .* and holds files that do not belong to a run: thesis; move them away"
    ):
        delete_run(run, runs)
    (run.path / "thesis").rmdir()
    delete_run(run, runs)
    assert project.path.exists() and not run.path.exists()


def test_a_broken_run_is_deleted_but_no_folder_that_only_looks_like_one(runs: Path) -> None:
    run = RunFolder(runs / "a")
    run.config_file.write_text("{")
    (run.path / "src").mkdir()
    assert foreign_files(run) == ["src"]
    with pytest.raises(RunError, match=r"is broken .* and holds files"):
        check_deletable(run, runs)
    (run.path / "src").rmdir()
    delete_run(run, runs)
    assert names_in(runs) == []


def test_foreign_files_are_named_wherever_they_are(runs: Path) -> None:
    run = RunFolder(runs / "a")
    make_resumable(run)
    assert foreign_files(run) == []
    (run.path / "novelty").mkdir()
    (run.path / "model.safetensors.damaged").mkdir()  # a folder is no file of a run
    names = ("b.txt", "download.partial", "novelty/notes.md", "resume/mine", "resume/target")
    for name in (*names, ".config.json.12.partial"):
        (run.path / name).touch()
    assert foreign_files(run) == sorted([*names, "model.safetensors.damaged"])
    for name in ("download.partial", "novelty/notes.md"):
        (run.path / name).unlink()
    (run.path / "model.safetensors.damaged").rmdir()
    assert {"resume/mine", "config.json"} < set(file_sizes(run))
    for number in range(4):
        (run.path / f"c{number}").mkdir()
    assert named(foreign_files(run)) == "b.txt, c0, c1, c2, c3 and 2 more"
    with pytest.raises(
        RunError, match=r"a holds files .*: b\.txt, .* and 2 more; move them away, or delete the folder"
    ):
        check_holds_run_only(run)


def test_a_file_that_is_replaced_while_sizes_are_read_is_left_out(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, lstat = RunFolder(runs / "a"), Path.lstat

    def without_status(path: Path) -> os.stat_result:
        if path.name == "status.json":
            raise FileNotFoundError(2, "No such file or directory")
        return lstat(path)

    before = file_sizes(run)
    monkeypatch.setattr(Path, "lstat", without_status)
    assert file_sizes(run).keys() == before.keys() - {"status.json"}


def test_what_a_run_and_the_desktop_put_into_its_folder_is_not_foreign(runs: Path) -> None:
    run = RunFolder(runs / "a")
    make_resumable(run)
    for name in (
        "lock", "note.txt", "license.json", "curves.safetensors", "ngrams.safetensors", "metrics.jsonl.damaged",
        "resume/job.txt", "resume/origin-training.ids", "resume/.state.safetensors.1-host.partial",
        "source/tokenizer.model",
        "resume/encoding.json", "resume/training.ids-3", "tensorboard/events.out.tfevents.1.host",
        "novelty/index.json", "novelty/suffixes.u32", ".novelty-12-ab/text.symbols",
        ".DS_Store", "resume/Thumbs.db",
    ):  # fmt: skip
        (run.path / name).parent.mkdir(exist_ok=True)
        (run.path / name).touch()
    assert foreign_files(run) == []
    check_holds_run_only(run)


def test_notes(runs: Path) -> None:
    run = RunFolder(runs / "a")
    assert run.read_note() == ""
    write_note(run, "  dropout 0.3 — better\n")
    assert run.read_note() == "dropout 0.3 — better"
    write_note(run, "half \ud800 a pair")
    assert run.read_note() == "half ? a pair"
    write_note(run, "x" * MAX_NOTE_LENGTH)
    with pytest.raises(UsageError, match="1,000 characters at most"):
        write_note(run, "x" * (MAX_NOTE_LENGTH + 1))
    assert run.read_note() == "x" * MAX_NOTE_LENGTH
    for _ in range(2):
        write_note(run, " ")
        assert run.read_note() == "" and not run.note_file.exists()
    run.note_file.write_bytes(b"\xff\x00" + b"x" * 10**6)
    assert len(run.read_note()) == MAX_NOTE_LENGTH


def test_no_more_of_a_note_is_read_than_it_may_have(runs: Path) -> None:
    run = RunFolder(runs / "a")
    with run.note_file.open("wb") as file:
        file.truncate(16 << 20)
    tracemalloc.start()
    try:
        assert len(run.read_note()) == MAX_NOTE_LENGTH
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", ["resume", "novelty", "tensorboard", "source", "target", "metrics.jsonl"])
def test_nothing_is_written_to_where_a_link_leads(runs: Path, name: str) -> None:
    run = RunFolder(runs / "a")
    check_no_links(run)
    (run.path / name).unlink(missing_ok=True)
    (run.path / name).symlink_to(runs)
    with pytest.raises(RunError, match=rf"{name} is a symbolic link, which may lead out of the run; nothing is"):
        check_no_links(run)


def test_folders_that_cannot_be_written_to_give_one_line(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def deny(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    run = RunFolder(runs / "a")
    monkeypatch.setattr(Path, "rename", deny)
    for refused in (lambda: rename_run(run, "b"), lambda: delete_run(run, runs)):
        with pytest.raises(RnntuiError, match=r"cannot (rename|delete) .*: Permission denied; check its permissions$"):
            refused()
    assert [each.name for each in runs_in(runs)] == ["a"] and not run.is_locked()


def test_files_that_do_not_belong_to_a_run_are_deleted_only_if_the_user_has_agreed_to_each(runs: Path) -> None:
    run = RunFolder(runs / "a")
    make_resumable(run)
    before = contents(run.path)
    (run.path / "notes.md").write_text("mine")
    (run.path / "resume" / "plots").mkdir()
    (run.path / "resume" / "plots" / "loss.png").write_text("mine")
    for agreed in ((), ("notes.md",)):
        with pytest.raises(RunError, match=r"a holds files that do not belong to a run: .*resume/plots; move them"):
            delete_run(run, runs, agreed)
        assert contents(run.path) == before | {"notes.md": b"mine", "resume/plots/loss.png": b"mine", "lock": b""}
    delete_run(run, runs, ("notes.md", "resume/plots"))
    assert names_in(runs) == []


def test_a_file_that_is_put_into_a_run_while_it_is_deleted_stays(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rename = Path.rename

    def put(path: Path, target: Path) -> Path:
        (path / "notes.md").write_text("mine")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", put)
    with pytest.raises(RunError, match=r"run a is deleted, but (\S+) is left: it holds .*: notes\.md; move") as caught:
        delete_run(RunFolder(runs / "a"), runs)
    [left] = runs.iterdir()
    assert str(left) in str(caught.value) and contents(left) == {"notes.md": b"mine"}
