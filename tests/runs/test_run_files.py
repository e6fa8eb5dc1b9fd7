"""Removal of the folders of runs and indexes: nothing but what rnntui wrote."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_runs import make_run

from rnntui.runs.creation import remove_abandoned, take_over
from rnntui.runs.folder import RunFolder
from rnntui.runs.run_files import (
    foreign_files,
    foreign_index_files,
    named,
    remove_index_files,
    remove_run_files,
)

GONE = 4_000_000
"""The id of no process."""


def test_a_folder_goes_with_its_last_file(tmp_path: Path) -> None:
    run = make_run(tmp_path, "a")
    (run.path / "source").mkdir()
    run.resume_folder.mkdir()
    for name in ("training.ids", "training.ids-0", "encoding.json"):
        (run.resume_folder / name).touch()
    (run.path / "resume" / "thesis.txt").write_text("mine")
    assert remove_run_files(run.path) == ["resume/thesis.txt"]
    assert [path.relative_to(run.path).as_posix() for path in run.path.rglob("*")] == ["resume", "resume/thesis.txt"]
    assert remove_run_files(run.path, ["resume/thesis.txt"]) == [] and not run.path.exists()
    assert remove_run_files(run.path) == []


def test_an_empty_folder_of_the_user_stays(tmp_path: Path) -> None:
    run = make_run(tmp_path, "a")
    (run.path / "plots").mkdir()
    assert remove_run_files(run.path) == ["plots"] and [path.name for path in run.path.iterdir()] == ["plots"]


def test_of_files_that_are_not_of_the_run_those_go_that_the_user_has_agreed_to(tmp_path: Path) -> None:
    run, other = make_run(tmp_path, "a"), make_run(tmp_path, "other")
    (run.path / "plots").mkdir()
    (run.path / "plots" / "loss.png").touch()
    (run.path / "shortcut").symlink_to(other.path)
    (run.path / "notes.md").touch()
    assert foreign_files(run) == ["notes.md", "plots", "shortcut"]
    assert remove_run_files(run.path, ["plots", "shortcut", "gone.txt"]) == ["notes.md"]
    assert [path.name for path in run.path.iterdir()] == ["notes.md"] and other.config_file.exists()


def test_of_many_files_a_message_names_the_first_ones_and_the_number_of_the_rest(tmp_path: Path) -> None:
    run = make_run(tmp_path, "a")
    for name, more in (*((letter, "") for letter in "bcdef"), ("g", " and 1 more"), ("h", " and 2 more")):
        (run.path / name).touch()
        names = [letter for letter in "bcdef" if letter <= name]
        assert named(foreign_files(run)) == ", ".join(names) + more


def test_what_an_interrupted_write_left_belongs_to_the_run(tmp_path: Path) -> None:
    run = make_run(tmp_path, "a")
    (run.path / ".config.json-7.partial").touch()
    (run.path / "thesis.partial").touch()
    (run.path / ".hidden").touch()
    assert remove_run_files(run.path) == [".hidden", "thesis.partial"]


def test_what_a_link_leads_to_is_not_in_the_folder(tmp_path: Path) -> None:
    other = make_run(tmp_path, "other")
    (other.path / "notes.md").touch()
    (tmp_path / "link").symlink_to(other.path)
    assert foreign_files(other) == ["notes.md"] and foreign_files(RunFolder(tmp_path / "link")) == []
    assert foreign_index_files(tmp_path / "link") == []


def test_a_link_is_removed_and_what_it_leads_to_is_not(tmp_path: Path) -> None:
    other, run = make_run(tmp_path, "other"), make_run(tmp_path, "a")
    for name in ("novelty", "tensorboard"):
        (run.path / name).symlink_to(other.path if name == "novelty" else tmp_path / "nowhere")
    (run.path / "known_words.txt").symlink_to(other.config_file)
    assert remove_run_files(run.path) == [] and other.config_file.exists() and not run.path.exists()
    (tmp_path / "link").symlink_to(other.path)
    for remove in (remove_run_files, remove_index_files):
        with pytest.raises(OSError, match="it is a symbolic link"):
            remove(tmp_path / "link")
    (tmp_path / f".deleted-{GONE}-b").symlink_to(other.path)
    remove_abandoned(tmp_path)
    assert other.config_file.exists()


@pytest.mark.parametrize("prefix", [".making-", ".deleted-"])
def test_what_killed_processes_left_is_removed_but_for_files_of_the_user(tmp_path: Path, prefix: str) -> None:
    for name in ("a", "b"):
        make_run(tmp_path, f"{prefix}{GONE}-{name}")
    (tmp_path / f"{prefix}{GONE}-b" / "notes.md").write_text("mine")
    remove_abandoned(tmp_path)
    assert [path.relative_to(tmp_path).as_posix() for path in sorted(tmp_path.rglob("*"))] == [
        f"{prefix}{GONE}-b",
        f"{prefix}{GONE}-b/notes.md",
    ]


def test_a_folder_that_a_process_of_another_machine_fills_is_left_alone(tmp_path: Path) -> None:
    """Machines and containers may share a folder of runs; none knows the processes of another."""
    staged = make_run(tmp_path, f".making-{GONE}-a")
    staged.resume_folder.mkdir()
    staged.encoding_journal.touch()
    target = tmp_path / "target"
    with staged.lock():
        remove_abandoned(tmp_path)
        assert not take_over(target, tmp_path, lambda folder: True)
    assert staged.config_file.exists() and staged.encoding_journal.exists()
    RunFolder(target).resume_folder.mkdir(parents=True)
    assert take_over(target, tmp_path, lambda folder: True) and not staged.path.exists()


def test_an_index_is_removed_but_for_other_files(tmp_path: Path) -> None:
    index = tmp_path / "novelty"
    index.mkdir()
    for name in ("text.symbols", "suffixes.u32", "alphabet.u32", "index.json", "held-out-lengths.u2", "notes.md"):
        (index / name).touch()
    assert foreign_index_files(index) == remove_index_files(index) == ["notes.md"]
    assert [path.name for path in index.iterdir()] == ["notes.md"]
    (index / "notes.md").unlink()
    assert remove_index_files(index) == [] and not index.exists()
    assert foreign_index_files(index) == remove_index_files(index) == []


def test_a_file_that_another_process_removes_first_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, unlink = make_run(tmp_path, "a"), Path.unlink

    def as_second(path: Path, missing_ok: bool = False) -> None:
        unlink(path)
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", as_second)
    assert remove_run_files(run.path) == [] and not run.path.exists()
