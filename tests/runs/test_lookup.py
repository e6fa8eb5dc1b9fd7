"""The run that a command means."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pair_runs import copy_rows, make_pair_run
from run_examples import CONFIG

from rnntui.errors import RunError, UsageError
from rnntui.kinds.language_model import LANGUAGE_MODEL
from rnntui.kinds.seq2seq import SEQ2SEQ
from rnntui.runs.folder import RunFolder
from rnntui.runs.lookup import (
    CHECKPOINTS_VARIABLE,
    checkpoints_folder,
    checkpoints_problem,
    choice_note,
    find_run,
    named_or_lost_run,
    named_run,
    require_kind,
    runs_in,
    runs_without_settings,
    shipped_name_note,
    shipped_runs,
)
from rnntui.runs.run_status import RunStatus


def make_run(folder: Path, name: str, written: int | None) -> RunFolder:
    """A run, with weights written at that second, or without any."""
    run = RunFolder(folder / name)
    run.path.mkdir(parents=True)
    run.write_config(CONFIG)
    if written is not None:
        run.weights_file.write_bytes(b"")
        os.utime(run.weights_file, (written, written))
    return run


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stands for the models that come with the package: one, newer than any of the user's."""
    folder = tmp_path / "shipped"
    make_run(folder, "shakespeare", 9_000_000)
    monkeypatch.setattr("rnntui.runs.lookup.shipped_folder", lambda: folder)
    return folder


def test_the_default_run_has_the_newest_weights(shipped: Path, tmp_path: Path) -> None:
    mine = tmp_path / "checkpoints"
    make_run(mine, "a", 1000)
    make_run(mine, "b", 3000)
    make_run(mine, "c", 2000)
    make_run(mine, "d", None)
    make_run(mine, ".making-1", 4000)
    (mine / "no run").mkdir()
    (mine / "file").touch()
    assert find_run(None, mine, LANGUAGE_MODEL).name == "b"
    assert [run.name for run in runs_in(mine)] == ["a", "b", "c", "d"]


def test_runs_that_did_no_step_and_broken_ones_are_passed_over(shipped: Path, tmp_path: Path) -> None:
    mine = tmp_path / "checkpoints"
    make_run(mine, "at step 0", 4000).write_status(RunStatus("stopped"))
    assert find_run(None, mine, LANGUAGE_MODEL) == RunFolder(shipped / "shakespeare")
    broken = make_run(mine, "broken", 3000)
    broken.config_file.write_text('{"format": 2}')
    assert find_run(None, mine, LANGUAGE_MODEL) == broken  # reading it reports what is wrong
    make_run(mine, "old", 1000)
    make_run(mine, "trained", 2000).write_status(RunStatus("stopped", step=1))
    assert find_run(None, mine, LANGUAGE_MODEL).name == "trained"
    assert find_run("at step 0", mine, LANGUAGE_MODEL).name == "at step 0"


def test_without_a_shipped_model_a_run_at_step_0_is_better_than_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rnntui.runs.lookup.shipped_folder", lambda: tmp_path / "nothing")
    run = make_run(tmp_path / "checkpoints", "a", 1)
    run.write_status(RunStatus("running"))
    assert find_run(None, tmp_path / "checkpoints", LANGUAGE_MODEL) == run


@pytest.mark.parametrize("untrained", [False, True])
def test_without_own_trained_runs_the_default_is_the_shipped_one(
    untrained: bool, shipped: Path, tmp_path: Path
) -> None:
    mine = tmp_path / "checkpoints"
    if untrained:
        make_run(mine, "a", None)
    assert find_run(None, mine, LANGUAGE_MODEL) == RunFolder(shipped / "shakespeare")


def test_without_any_run_the_error_names_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnntui.runs.lookup.shipped_folder", lambda: tmp_path / "nothing")
    with pytest.raises(RunError, match="rnntui train") as caught:
        find_run(None, tmp_path / "checkpoints", LANGUAGE_MODEL)
    assert str(tmp_path / "checkpoints") in str(caught.value)


def test_a_name_is_looked_up_in_own_runs_then_shipped_runs_then_paths(
    shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = tmp_path / "checkpoints"
    monkeypatch.chdir(tmp_path)
    here = make_run(Path(), "shakespeare", 1)
    assert find_run("shakespeare", mine, LANGUAGE_MODEL) == RunFolder(shipped / "shakespeare")
    own = make_run(mine, "shakespeare", 1)
    assert find_run("shakespeare", mine, LANGUAGE_MODEL) == own
    assert find_run("./shakespeare/", mine, LANGUAGE_MODEL).path.resolve() == own.path.resolve()
    assert find_run(str(here.path.resolve()), mine, LANGUAGE_MODEL).path == here.path.resolve()


def test_a_run_is_found_by_path(shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    there = make_run(tmp_path / "elsewhere", "a", 1)
    assert find_run("elsewhere/a", tmp_path / "checkpoints", LANGUAGE_MODEL).path.resolve() == there.path
    assert find_run(str(there.path), tmp_path / "checkpoints", LANGUAGE_MODEL) == there


def test_the_current_folder_is_a_run_with_its_own_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(tmp_path, "a", 1)
    monkeypatch.chdir(run.path)
    assert named_run(".", tmp_path / "checkpoints").path == run.path.resolve()


def test_a_folder_above_is_a_run_with_its_own_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(tmp_path, "a", None)
    run.resume_folder.mkdir()
    monkeypatch.chdir(run.resume_folder)
    assert named_run("..", tmp_path / "none") == run


def test_runs_whose_settings_are_gone_are_found_by_name_and_sorted(shipped: Path, tmp_path: Path) -> None:
    folder = tmp_path / "runs"
    assert runs_without_settings(folder) == []
    for name in ("lost-b", "lost-a", ".hidden", "whole"):
        make_run(folder, name, None).checksums_file.touch()
        if name != "whole":
            (folder / name / "config.json").unlink()
    (folder / "other").mkdir()
    assert [run.name for run in runs_without_settings(folder)] == ["lost-a", "lost-b"]
    for name, path in (("lost-b", folder / "lost-b"), ("whole", folder / "whole")):
        assert named_or_lost_run(name, folder).path == path
    assert named_or_lost_run("shakespeare", folder).path == shipped / "shakespeare"
    for name in ("other", ".hidden", "none"):
        with pytest.raises(UsageError, match=f"no run {name!r} in"):
            named_or_lost_run(name, folder)


def test_a_run_that_is_reached_by_a_link_has_the_name_of_the_link(tmp_path: Path) -> None:
    run = make_run(tmp_path / "runs", "a", None)
    (tmp_path / "runs" / "link").symlink_to(run.path)
    assert named_run("link", tmp_path / "runs").path == tmp_path / "runs" / "link"


def test_a_shipped_model_of_another_kind_is_none_to_take(shipped: Path, tmp_path: Path) -> None:
    assert find_run(None, tmp_path / "runs", LANGUAGE_MODEL).name == "shakespeare"
    with pytest.raises(RunError, match="no trained run in") as caught:
        find_run(None, tmp_path / "runs", SEQ2SEQ)
    assert caught.value.hint == f"train one with: {SEQ2SEQ.first_command}" != LANGUAGE_MODEL.first_command


def test_where_there_are_no_runs_an_unknown_name_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnntui.runs.lookup.shipped_folder", lambda: tmp_path / "none")
    with pytest.raises(UsageError) as caught:
        named_run("a", tmp_path / "runs")
    assert caught.value.hint == "there are no runs yet"


def test_a_shipped_model_in_the_folder_of_runs_is_not_the_newest(shipped: Path) -> None:
    own = make_run(shipped, "mine", 1_000)
    assert find_run(None, shipped, None) == find_run(None, shipped, LANGUAGE_MODEL) == own


def test_the_newest_run_of_another_kind_is_passed_over(shipped: Path, tmp_path: Path) -> None:
    newest = make_pair_run(tmp_path, copy_rows(60), "newest")
    newest.weights_file.write_bytes(b"")
    older = make_run(newest.path.parent, "older", 1_000)
    assert find_run(None, newest.path.parent, None) == newest
    assert find_run(None, newest.path.parent, LANGUAGE_MODEL) == older


@pytest.mark.parametrize(
    "name",
    ["c", "", "..", "a/b", "a\0", "x" * 300],
    ids=["unknown", "empty", "parent folder", "path", "zero byte", "too long"],
)
def test_an_unknown_name_is_refused_listing_the_runs(
    name: str, shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    mine = tmp_path / "checkpoints"
    make_run(mine, "a", 1)
    make_run(mine, "shakespeare", None)
    with pytest.raises(UsageError, match=r"there are a, shakespeare$") as caught:
        named_run(name, mine)
    assert str(mine) in str(caught.value)


def test_of_many_runs_eight_are_listed_and_the_others_counted(shipped: Path, tmp_path: Path) -> None:
    for letters, listed in (
        ("abcdefg", "there are a, b, c, d, e, f, g, shakespeare"),
        ("hij", "there are a, b, c, d, e, f, g, h and 3 more"),
    ):
        for letter in letters:
            make_run(tmp_path / "checkpoints", letter, 1)
        with pytest.raises(UsageError) as caught:
            named_run("unknown", tmp_path / "checkpoints")
        assert caught.value.hint == listed


def test_a_run_of_another_kind_is_refused_with_its_own_command(tmp_path: Path) -> None:
    run = make_run(tmp_path, "a", 1)
    require_kind(run, LANGUAGE_MODEL.id, LANGUAGE_MODEL)
    with pytest.raises(UsageError, match=r"run a is a .*, not a language model") as caught:
        require_kind(run, SEQ2SEQ.id, LANGUAGE_MODEL)
    assert caught.value.hint.endswith("rnntui translate --run a")
    with pytest.raises(UsageError, match="not a language model") as caught:
        require_kind(run, "of a later version", LANGUAGE_MODEL)
    assert caught.value.hint == ""


def test_the_checkpoints_folder_comes_from_flag_then_environment_then_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(CHECKPOINTS_VARIABLE, "from-environment")
    assert checkpoints_folder("from-flag") == Path("from-flag")
    assert checkpoints_folder(None) == Path("from-environment")
    monkeypatch.setenv(CHECKPOINTS_VARIABLE, "")
    assert checkpoints_folder(None) == Path("checkpoints")
    monkeypatch.delenv(CHECKPOINTS_VARIABLE)
    assert checkpoints_folder(None) == Path("checkpoints")


def test_shipped_models_lie_in_the_package_or_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "rnntui"
    make_run(tmp_path / "checkpoints", "en-es", 1)
    make_run(tmp_path / "checkpoints", "shakespeare", 1)
    make_run(tmp_path / "checkpoints", "mine", 1)
    monkeypatch.setattr("rnntui.runs.lookup._PACKAGE", package)
    assert [run.name for run in shipped_runs()] == ["shakespeare", "en-es"]
    chat = make_run(package / "shipped", "chat", 1)
    assert shipped_runs() == [chat]


def test_what_is_said_of_the_chosen_run(shipped: Path, tmp_path: Path) -> None:
    mine = tmp_path / "checkpoints"

    def note(name: str | None) -> str:
        return choice_note(find_run(name, mine, LANGUAGE_MODEL), name, mine)

    assert note(None) == "run shakespeare (shipped)"
    assert note("shakespeare") == ""
    for name, written in (("shakespeare-10", 1), ("shakespeare-2", 3), ("shakespeare-9", 2), ("shakespeare-x", 4)):
        make_run(mine, name, written)
    assert note("shakespeare") == "run shakespeare is the shipped model; your own is shakespeare-2"
    assert note(None) == "run shakespeare-x (the newest)" and note("shakespeare-2") == ""
    make_run(mine, "shakespeare", 1)
    assert note("shakespeare") == f"run shakespeare is your own, in {mine}; it hides the shipped model of that name"


@pytest.mark.parametrize(
    ("name", "default_name", "note"),
    [
        ("shakespeare-2", "shakespeare", "shakespeare is a shipped model; this run is named shakespeare-2"),
        ("shakespeare", "mine", "run shakespeare hides the shipped model of that name"),
        ("mine", "shakespeare", ""),
        ("mine-2", "mine", ""),
    ],
)
def test_what_is_said_of_the_name_of_a_new_run(name: str, default_name: str, note: str, shipped: Path) -> None:
    text = shipped_name_note(name, default_name)
    assert text.startswith(note) and bool(text) == bool(note)


def test_a_checkpoints_folder_that_is_none_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, folder = tmp_path / "file", tmp_path / "folder"
    file.touch()
    folder.mkdir()
    for must_exist in (False, True):
        with pytest.raises(UsageError, match=r"file: is a file, not a folder;"):
            checkpoints_folder(str(file), must_exist=must_exist)
    with pytest.raises(UsageError, match=r"new: there is no such folder;"):
        checkpoints_folder(str(tmp_path / "new"), must_exist=True)
    assert checkpoints_folder(str(tmp_path / "new")) == tmp_path / "new"
    problems = {}
    for path in (file, folder, tmp_path / "new", "", os.devnull):
        monkeypatch.setenv(CHECKPOINTS_VARIABLE, str(path))
        problems[str(path)] = checkpoints_problem(None)
        assert checkpoints_problem(str(folder)) == ""
    for path, reason in ((file, "is not a folder"), (tmp_path / "new", "does not exist")):
        told = f"{CHECKPOINTS_VARIABLE} names {path}, which {reason}: only shipped models can be found"
        assert problems[str(path)] == told
    assert problems[str(folder)] == problems[""] == problems[os.devnull] == ""
