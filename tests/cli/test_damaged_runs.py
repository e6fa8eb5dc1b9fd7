"""Files of a run that never change: none is used once a bit of it has flipped, and each comes back from its copy."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from rnntui.errors import RunError
from rnntui.runs.checksums import (
    copied_files,
    copy_of,
    hash_of,
    read_checked_config,
    read_checksums,
    write_checksums_alone,
)
from rnntui.runs.folder import RunFolder, json_checksum
from rnntui.runs.integrity import verify_run
from rnntui.runs.metrics_log import metrics_rows
from rnntui.runs.repair import repair_run
from rnntui.runs.weights_file import load_arrays, save_arrays

SHIPPED = Path(__file__).resolve().parents[2] / "checkpoints"
TEXT = "the quick brown fox jumps over the lazy dog\n" * 60


def flip(path: Path) -> bytes:
    """Flip a bit of a file, in a digit if it has one, so that JSON stays JSON; return what was there."""
    before = path.read_bytes()
    places = [at for at, byte in enumerate(before) if byte in b"23456789"] or range(len(before))
    data = bytearray(before)
    data[places[-1]] ^= 1
    path.write_bytes(data)
    return before


def not_counted(run: RunFolder) -> Mapping[str, Any]:
    raise RunError("there is no copy of its text")


def repaired(run: RunFolder) -> dict[str, bool]:
    return {repair.name: repair.is_repaired for repair in repair_run(run, not_counted)}


def broken(run: RunFolder) -> set[str]:
    return {report.name for report in verify_run(run) if report.is_broken}


@pytest.fixture
def shipped(request: pytest.FixtureRequest, tmp_path: Path) -> RunFolder:
    return RunFolder(Path(shutil.copytree(SHIPPED / request.param, tmp_path / "checkpoints" / request.param)))


@pytest.fixture
def trained(rnntui) -> RunFolder:
    Path("a.txt").write_text(TEXT)
    small = ["--hidden", "8", "--embedding", "8", "--batch-size", "4", "--bptt", "8", "--eval-tokens", "256"]
    flags = ["--steps", "6", "--evaluations", "3", "--patience", "0", "--weight-average", "0", "--ngram-prior", "0"]
    result = rnntui("train", "a.txt", *small, *flags)
    assert result.code == 0, result.err
    return RunFolder(Path("checkpoints/a"))


@pytest.mark.parametrize(
    ("shipped", "name", "command"),
    [
        ("shakespeare", "tokenizer.json", ["sample", "-n", "3", "--prompt", "a"]),
        ("shakespeare", "config.json", ["score", "a"]),
        ("chat", "tokenizer.model", ["sample", "-n", "3", "--prompt", "a"]),
        ("en-es", "known_words.txt", ["translate", "Yes."]),
        ("en-es", "config.json", ["translate", "Yes."]),
        ("authors", "tokenizer.json", ["classify", "Yes."]),
        ("authors", "config.json", ["classify", "Yes."]),
        ("shakespeare", "tokenizer.json", ["export", "--copy", "copy"]),
        ("shakespeare", "config.json", ["export", "--single-file", "program.py"]),
        ("authors", "config.json", ["export", "--onnx", "onnx"]),
    ],
    indirect=["shipped"],
)
def test_no_command_uses_a_file_with_a_flipped_bit(shipped: RunFolder, name: str, command: list[str], rnntui) -> None:
    flip(shipped.path / name)
    runs = [str(shipped.path)] if command[0] == "export" else ["--run", str(shipped.path)]
    result = rnntui(command[0], *runs, *command[1:])
    assert result.code == 1 and result.err.count("\n") == 1, result.err
    assert name in result.err and ("damaged" in result.err or "broken" in result.err), result.err
    assert not any(Path(made).exists() for made in ("copy", "program.py", "onnx"))


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "resume/training.ids", "resume/validation.ids"])
def test_a_training_does_not_go_on_with_a_damaged_file(trained: RunFolder, name: str, rnntui) -> None:
    before = trained.resume_file.read_bytes()
    flip(trained.path / name)
    result = rnntui("train", "--resume", "--name", "a", "--steps", "8")
    assert result.code == 1 and f"{name} is damaged" in result.err.replace("\\", "/"), result.err
    assert trained.resume_file.read_bytes() == before


def test_a_run_without_checksums_is_taken_as_it_is(trained: RunFolder) -> None:
    for checksums in (trained.checksums_file, copy_of(trained, trained.checksums_file)):
        checksums.unlink()
    flip(trained.training_ids)
    assert read_checked_config(trained, with_data=True) == trained.read_config()


def test_damaged_checksums_are_no_free_pass(trained: RunFolder, rnntui) -> None:
    trained.checksums_file.write_text("{}")
    for command in (["sample", "--run", "a", "-n", "3"], ["train", "--resume", "--name", "a", "--steps", "8"]):
        result = rnntui(*command)
        assert result.code == 1 and "checksums.json is damaged" in result.err and "--repair" in result.err
    assert repaired(trained) == {"checksums.json": True} and broken(trained) == set()
    assert rnntui("sample", "--run", "a", "-n", "3").code == 0


def test_checksums_without_a_copy_are_written_again_and_say_so(trained: RunFolder) -> None:
    copy_of(trained, trained.checksums_file).unlink()
    trained.checksums_file.write_text("{}")
    notes = trained.path / "notes.md"
    notes.write_text("of the user")
    [repair] = repair_run(trained, not_counted)
    assert repair.is_repaired and "nothing tells" in repair.outcome and broken(trained) == set()
    notes.write_text("who goes on with them")
    assert broken(trained) == set() and read_checked_config(trained, with_data=True) == trained.read_config()


def test_damaged_checksums_do_not_hide_what_else_is_damaged(trained: RunFolder) -> None:
    before = flip(trained.config_file)
    trained.checksums_file.write_text("{}")
    assert repaired(trained) == {"checksums.json": True, "config.json": True}
    assert trained.config_file.read_bytes() == before and broken(trained) == set()


def test_what_only_restored_checksums_show_to_be_damaged_is_told_by_the_exit_code(trained: RunFolder, rnntui) -> None:
    flip(trained.training_ids)
    trained.checksums_file.write_text("{}")
    result = rnntui("verify", "a", "--repair")
    assert result.code == 1 and "training.ids: nothing can replace it" in result.err


def test_checksums_that_are_lost_are_missed_and_come_back(trained: RunFolder) -> None:
    before = trained.checksums_file.read_bytes()
    trained.checksums_file.unlink()
    with pytest.raises(RunError, match=r"checksums\.json is missing"):
        read_checked_config(trained)
    assert broken(trained) == {"checksums.json"}
    assert repaired(trained) == {"checksums.json": True}
    assert trained.checksums_file.read_bytes() == before and broken(trained) == set()


@pytest.mark.parametrize("name", ["../../mine.txt", "..", "/mine.txt", "resume/../../../mine.txt", "other/mine.txt"])
def test_nothing_is_written_outside_of_a_run_whose_checksums_name_it(trained: RunFolder, name: str, rnntui) -> None:
    mine = Path("mine.txt")
    mine.write_text("mine")
    evil = trained.resume_folder / f"copy-{'-'.join(Path(name).parts).replace('/', '')}"
    evil.write_text("evil")
    values = json.loads(trained.checksums_file.read_bytes())
    del values["sha256"]
    values["files"] |= dict.fromkeys([name, f"resume/{evil.name}"], hash_of(evil))
    text = json.dumps(values | {"sha256": json_checksum(values)})
    for file in (trained.checksums_file, copy_of(trained, trained.checksums_file)):
        file.write_text(text)
    assert broken(trained) == {"checksums.json"}
    assert rnntui("verify", "a", "--repair").code == 0
    assert mine.read_text() == "mine" and not Path("mine.txt.damaged").exists()
    assert name not in read_checksums(trained.checksums_file)


@pytest.mark.parametrize("is_missing", [False, True])
def test_small_files_come_back_from_their_copies_and_copies_from_them(trained: RunFolder, is_missing: bool) -> None:
    files = copied_files(trained)
    assert {path.name for path in files} == {"config.json", "tokenizer.json"}
    for path in [*files, *(copy_of(trained, path) for path in files), copy_of(trained, trained.checksums_file)]:
        before = flip(path)
        if is_missing:
            path.unlink()
        name = path.relative_to(trained.path).as_posix()
        assert broken(trained) == {name}
        assert repaired(trained) == {name: True}, name
        assert path.read_bytes() == before and broken(trained) == set()


def test_a_file_and_its_copy_that_are_both_damaged_are_given_up(trained: RunFolder) -> None:
    flip(trained.config_file)
    flip(copy_of(trained, trained.config_file))
    assert not any(repaired(trained).values()) and "config.json" in broken(trained)


def test_repairs_keep_every_damaged_file(trained: RunFolder) -> None:
    damaged = [b"{}", b"[]", b"null"]
    for data in damaged:
        trained.config_file.write_bytes(data)
        assert repaired(trained) == {"config.json": True}
    names = ["config.json.damaged", "config.json.damaged-2", "config.json.damaged-3"]
    assert [(trained.path / name).read_bytes() for name in names] == damaged and broken(trained) == set()


def test_a_status_that_was_changed_is_not_believed(trained: RunFolder, rnntui) -> None:
    before = trained.read_status()
    values = json.loads(trained.status_file.read_text())
    values["validation_loss"] -= 1
    trained.status_file.write_text(json.dumps(values))
    with pytest.raises(RunError, match=r"status\.json is damaged"):
        trained.read_status()
    listed = json.loads(rnntui("runs", "--json").out.splitlines()[0])
    assert listed["validation_loss"] is None and "status.json" in listed["problem"]
    assert repaired(trained) == {"status.json": True}
    after = trained.read_status()
    assert (after.state, after.step, after.results) == ("done", before.step, before.results)
    assert (after.validation_loss, after.bits_per_character) == (before.validation_loss, before.bits_per_character)


def test_replaced_weights_have_no_loss_until_they_are_evaluated(trained: RunFolder, rnntui) -> None:
    flip(trained.weights_file)
    assert repaired(trained) == {"model.safetensors": True}
    status = trained.read_status()
    assert (status.state, status.validation_loss, status.bits_per_character, status.results) == (
        "stopped",
        None,
        None,
        {},
    )
    assert broken(trained) == set()
    result = rnntui("train", "--resume", "--name", "a")
    assert result.code == 0 and "the best model, of step 6," in result.err, result.err
    status = trained.read_status()
    assert status.state == "done" and status.validation_loss is not None and broken(trained) == set()


def test_weights_and_states_of_another_run_are_found(trained: RunFolder, rnntui) -> None:
    other = ["--hidden", "8", "--embedding", "8", "--batch-size", "4", "--bptt", "8", "--eval-tokens", "256"]
    flags = ["--steps", "6", "--evaluations", "3", "--weight-average", "0", "--ngram-prior", "0", "--seed", "2"]
    assert rnntui("train", "a.txt", *other, *flags, "--name", "b").code == 0
    for name in ("model.safetensors", "resume/state.safetensors"):
        before = (trained.path / name).read_bytes()
        shutil.copy(f"checkpoints/b/{name}", trained.path / name)
        assert broken(trained) == {name}
        (trained.path / name).write_bytes(before)
    assert broken(trained) == set()


def test_a_budget_that_is_over_before_there_is_a_plan_leaves_a_whole_run(trained: RunFolder, rnntui) -> None:
    flags = ["--minutes", "1", "--max-epochs", "0.001", "--ngram-prior", "0", "--name", "b"]
    assert rnntui("train", "a.txt", "--hidden", "8", "--eval-tokens", "256", *flags).code == 0
    assert broken(RunFolder(Path("checkpoints/b"))) == set()


def test_the_state_of_an_earlier_evaluation_is_not_that_of_a_run_that_is_done(trained: RunFolder, rnntui) -> None:
    before = trained.resume_file.read_bytes()
    assert rnntui("train", "--resume", "--name", "a", "--steps", "8").code == 0
    after = trained.resume_file.read_bytes()
    trained.resume_file.write_bytes(before)
    assert broken(trained) == {"resume/state.safetensors"}
    trained.resume_file.write_bytes(after)
    assert broken(trained) == set()


def test_weights_of_a_process_that_was_killed_may_be_of_a_step_that_is_not_logged(trained: RunFolder) -> None:
    arrays, _ = load_arrays(trained.weights_file)
    losses = {row["step"]: row["validation_loss"] for row in metrics_rows(trained.metrics_file) if "sample" in row}
    best = min(losses, key=lambda step: losses[step])
    assert len(losses) > 2 and 5 not in losses
    for step, loss, is_damaged in ((5, 0.1, False), *((step, losses[step], step != best) for step in losses)):
        save_arrays(trained.weights_file, arrays, {"step": str(step), "validation_loss": repr(loss)})
        assert broken(trained) == ({"model.safetensors"} if is_damaged else set()), step


def test_checksums_of_a_run_without_a_resume_folder_have_no_copies(trained: RunFolder) -> None:
    shutil.rmtree(trained.resume_folder)
    write_checksums_alone(trained)
    assert broken(trained) == set() and not trained.resume_folder.exists()


def test_a_damaged_copy_of_a_whole_file_stops_no_training(trained: RunFolder, rnntui) -> None:
    flip(copy_of(trained, trained.config_file))
    result = rnntui("train", "--resume", "--name", "a", "--steps", "8")
    assert result.code == 0, result.err
