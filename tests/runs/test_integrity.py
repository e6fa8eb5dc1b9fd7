"""Integrity of runs: every flipped bit, cut and missing file is found, and what is left is saved."""

from __future__ import annotations

import json
import shutil
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from filelock import Timeout
from labelled_runs import make_labelled_run, opinions
from pair_runs import copy_rows, make_pair_run
from safetensors.numpy import save
from tiny_runs import make_run

from rnntui.errors import RunError
from rnntui.inference.run_ngrams import counted_again
from rnntui.runs.checksums import are_unchanged, copy_of, write_checksums
from rnntui.runs.folder import RunFolder, json_checksum
from rnntui.runs.integrity import FileReport, verify_run, write_status_of_metrics
from rnntui.runs.metrics_log import MetricsLog, read_metrics
from rnntui.runs.repair import CountNgrams, repair_run
from rnntui.runs.run_status import RunStatus
from rnntui.runs.weights_file import load_arrays, load_weights, save_arrays

WEIGHTS = {"output.weight": np.arange(12, dtype=np.float32).reshape(3, 4)}
AVERAGED = {"output.weight": np.full((3, 4), 7, np.float32)}
PROGRESS = {"step": 20, "tokens": 640, "seconds": 1.5, "best_loss": 1.25, "best_bits": 1.8}


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    make_run(tmp_path, "a")
    return RunFolder(tmp_path / "a")


@pytest.fixture
def trained(run: RunFolder) -> RunFolder:
    """A run as training leaves it: weights, resume file, token ids, metrics, status and checksums."""
    run.resume_folder.mkdir(exist_ok=True)
    for file in (run.training_ids, run.validation_ids):
        file.write_bytes(bytes(range(100)))
    write_checksums(run)
    save_arrays(run.weights_file, WEIGHTS, {"step": "10"})
    state = {f"model.{name}": array for name, array in WEIGHTS.items()}
    state |= {f"average.{name}": array for name, array in AVERAGED.items()}
    save_arrays(run.resume_file, state, {"progress": json.dumps(PROGRESS)})
    log = MetricsLog(run.metrics_file)
    for step in (10, 20):
        log.write({"step": step, "loss": 2 / step})
    status = RunStatus("stopped", step=20, validation_loss=1.25)
    run.write_stamped_status(RunStatus(**{**vars(status), "metrics_bytes": log.size, "metrics_sha256": log.checksum}))
    log.close()
    return run


def broken(run: RunFolder) -> dict[str, str]:
    return {report.name: report.state for report in verify_run(run) if report.is_broken}


def files_of(run: RunFolder) -> list[str]:
    return sorted(path.relative_to(run.path).as_posix() for path in run.path.rglob("*") if path.is_file())


def test_a_run_that_was_just_trained_is_whole(trained: RunFolder) -> None:
    assert {report.state for report in verify_run(trained)} == {"whole"}
    assert [report.name for report in verify_run(trained)] == files_of(trained)
    assert trained.checksums_file.read_text().count("\n") > 5, "a file a line, for people"


def test_rows_after_the_status_and_half_a_row_are_no_damage(trained: RunFolder) -> None:
    with trained.metrics_file.open("a") as file:
        file.write('{"step": 25}\n{"step": 3')
    assert broken(trained) == {}


def test_any_changed_or_cut_or_missing_file_is_found(trained: RunFolder, tmp_path: Path) -> None:
    tried = 0
    for name in files_of(trained):
        size = (trained.path / name).stat().st_size
        for place in {0, size // 3, size // 2, size - 1}:
            copy = RunFolder(Path(shutil.copytree(trained.path, tmp_path / f"copy{tried}")))
            data = bytearray((copy.path / name).read_bytes())
            data[place] ^= 1
            (copy.path / name).write_bytes(data)
            assert name in broken(copy), f"bit of byte {place} of {name}"
            (copy.path / name).write_bytes(data[:place])
            is_line_end = place == size - 1 and data[-1:] in (b"\n", b"\v") and name != "metrics.jsonl"
            assert name in broken(copy) or is_line_end, f"{name} cut at {place}"
            tried += 1
        (copy.path / name).unlink()
        assert broken(copy).get(name) == "missing", name
    assert tried > 30


def test_the_resume_folder_of_a_run_may_be_deleted(trained: RunFolder) -> None:
    shutil.rmtree(trained.resume_folder)
    assert broken(trained) == {}
    (trained.path / "tokenizer.json").write_text("{ }")
    assert broken(trained) == {"tokenizer.json": "damaged"}


def test_a_file_of_an_earlier_version_has_no_checksum(trained: RunFolder) -> None:
    for file in (trained.checksums_file, copy_of(trained, trained.checksums_file)):
        file.unlink()
    values = json.loads(trained.status_file.read_bytes())
    trained.status_file.write_text(json.dumps({key: values[key] for key in ("state", "step", "validation_loss")}))
    states = {report.name: report.state for report in verify_run(trained)}
    assert {name for name, state in states.items() if state == "no checksum"} == {
        "config.json", "tokenizer.json", "status.json", "metrics.jsonl", "resume/training.ids", "resume/validation.ids",
        "resume/copy-config.json", "resume/copy-tokenizer.json",
    }  # fmt: skip
    assert states["model.safetensors"] == "whole"


def test_weights_that_were_changed_are_not_loaded(trained: RunFolder) -> None:
    data = bytearray(trained.weights_file.read_bytes())
    data[-2] ^= 0x40
    trained.weights_file.write_bytes(data)
    with pytest.raises(RunError, match=r"damaged.*rnntui verify --repair"):
        load_weights(trained.weights_file)


def test_the_checksum_of_an_object_does_not_depend_on_the_order_of_its_keys() -> None:
    checksum = json_checksum({"a": 1, "b": {"c": 2, "d": 3}})
    assert checksum == json_checksum({"b": {"d": 3, "c": 2}, "a": 1}) != json_checksum({"a": 1, "b": {"c": 2, "d": 4}})


def test_the_checksum_is_no_metadata(trained: RunFolder) -> None:
    assert load_arrays(trained.weights_file)[1] == {"step": "10"}


def test_arrays_of_any_shape_are_checked(tmp_path: Path) -> None:
    arrays = {"scalar": np.array(1.5), "none": np.zeros((0, 3)), "rows": np.arange(6).reshape(2, 3).T}
    save_arrays(tmp_path / "a.safetensors", arrays, {})
    loaded, _ = load_arrays(tmp_path / "a.safetensors")
    assert all(np.array_equal(loaded[name], array) for name, array in arrays.items())


def repaired(run: RunFolder) -> dict[str, bool]:
    return {repair.name: repair.is_repaired for repair in repair_run(run, counted_again)}


def test_damaged_weights_are_replaced_by_the_averages_of_the_last_save(trained: RunFolder) -> None:
    trained.weights_file.write_bytes(b"damaged")
    assert repaired(trained) == {"model.safetensors": True}
    assert np.array_equal(load_weights(trained.weights_file)["output.weight"], AVERAGED["output.weight"])
    assert trained.weights_file.with_name("model.safetensors.damaged").read_bytes() == b"damaged"
    assert broken(trained) == {}


def test_a_damaged_resume_file_is_set_aside_and_the_weights_stay(trained: RunFolder) -> None:
    before = trained.weights_file.read_bytes()
    trained.resume_file.write_bytes(b"")
    assert repaired(trained) == {"resume/state.safetensors": False}
    assert trained.weights_file.read_bytes() == before
    assert broken(trained) == {"resume/state.safetensors": "missing"}, "it is lost, and said to be"


def test_rows_that_can_be_read_are_kept(trained: RunFolder) -> None:
    lines = trained.metrics_file.read_bytes().splitlines(keepends=True)
    trained.metrics_file.write_bytes(lines[0] + b"\0\0\0\n" + lines[1])
    assert repaired(trained) == {"metrics.jsonl": True}
    assert [row["step"] for row in read_metrics(trained.metrics_file)] == [10, 20]
    assert broken(trained) == {} and trained.read_status().step == 20


def test_the_status_is_then_about_the_rows_that_were_kept(trained: RunFolder) -> None:
    lines = trained.metrics_file.read_bytes().splitlines(keepends=True)
    trained.metrics_file.write_bytes(b"\0" * len(lines[0]) + b"\n" + lines[1])
    assert repaired(trained) == {"metrics.jsonl": True}
    assert FileReport("metrics.jsonl", "whole") in verify_run(trained) and broken(trained) == {}


@pytest.mark.parametrize("has_state", [True, False], ids=["resume file", "metrics"])
def test_a_status_is_written_again(trained: RunFolder, has_state: bool) -> None:
    if not has_state:
        trained.resume_file.unlink()
    trained.status_file.write_bytes(b"{")
    assert repaired(trained)["status.json"]
    status = trained.read_status()
    assert (status.state, status.step) == ("stopped", 20)
    assert status.validation_loss == (1.25 if has_state else None)
    assert {report.name for report in verify_run(trained) if report.is_broken} <= {"resume/state.safetensors"}


def test_what_nothing_can_replace_stays_where_it_is(trained: RunFolder) -> None:
    trained.config_file.write_bytes(b"{}")
    shutil.rmtree(trained.resume_folder)
    assert repaired(trained)["config.json"] is False
    assert trained.config_file.read_bytes() == b"{}"


def test_a_whole_run_is_left_alone(trained: RunFolder) -> None:
    before = {name: (trained.path / name).read_bytes() for name in files_of(trained)}
    assert repair_run(trained, counted_again) == []
    assert {name: (trained.path / name).read_bytes() for name in before} == before


def test_a_new_run_without_weights_is_whole(run: RunFolder) -> None:
    for file in (run.weights_file, run.metrics_file):
        file.unlink(missing_ok=True)
    run.write_status(RunStatus("running"))
    write_checksums(run)
    assert broken(run) == {}
    assert FileReport("status.json", "whole") in verify_run(run)
    run.status_file.unlink()
    assert broken(run) == {}, "it failed before it began"


def problems_of(run: RunFolder) -> dict[str, tuple[str, str]]:
    return {report.name: (report.state, report.problem) for report in verify_run(run) if report.is_broken}


def test_the_reason_is_given_for_each_broken_file(trained: RunFolder) -> None:
    missing = ("missing", "it belongs to the run")
    changed = ("damaged", "its contents are not those that were written")
    trained.status_file.write_bytes(b"{")
    state, problem = problems_of(trained)["status.json"]
    assert state == "damaged" and "Expecting property name" in problem
    trained.status_file.write_bytes(b'{"state": "done", "step": 20, "validation_loss": 1.0, "sha256": "0"}')
    assert problems_of(trained) == {"status.json": changed}
    trained.status_file.unlink()
    assert problems_of(trained) == {"status.json": missing}
    with trained.metrics_file.open("ab") as file:
        file.write(b"[1]\n\xff\n")
    assert problems_of(trained)["metrics.jsonl"] == ("damaged", "2 of its lines cannot be read")
    weights = trained.weights_file.read_bytes()
    trained.weights_file.write_bytes(weights[:-1])
    state, problem = problems_of(trained)["model.safetensors"]
    assert state == "damaged" and f"it has {len(weights) - 1} bytes, where its header says {len(weights)}" in problem
    trained.write_stamped_status(RunStatus("done", 20, validation_loss=1.0))
    for file in (trained.metrics_file, trained.weights_file, trained.resume_file):
        file.unlink()
    assert problems_of(trained) == {
        "metrics.jsonl": missing, "model.safetensors": missing, "resume/state.safetensors": missing
    }  # fmt: skip


def test_a_resume_file_is_missed_after_the_first_step_and_where_the_step_is_not_known(trained: RunFolder) -> None:
    name = "resume/state.safetensors"
    trained.resume_file.unlink()
    for step in (0, 1):
        trained.write_stamped_status(RunStatus("stopped", step))
        assert (name in broken(trained)) == (step > 0)
    trained.status_file.write_bytes(b"{")
    assert broken(trained).keys() == {"status.json", name}
    weights = trained.weights_file.read_bytes()
    trained.weights_file.unlink()
    assert broken(trained).keys() == {"model.safetensors", "status.json", name}
    trained.weights_file.write_bytes(weights)
    trained.training_ids.unlink()
    write_checksums(trained)
    assert name not in broken(trained), "without its text it cannot be resumed anyway"


def test_what_nothing_can_replace_is_told_first_and_what_depends_on_others_last(trained: RunFolder) -> None:
    for file in (trained.config_file, trained.resume_file, trained.weights_file, trained.status_file):
        file.write_bytes(b"{")
    assert [repair.name for repair in repair_run(trained, counted_again)] == [
        "config.json", "resume/state.safetensors", "model.safetensors", "status.json"
    ]  # fmt: skip


def test_a_resume_file_that_is_set_aside_is_told(trained: RunFolder) -> None:
    trained.resume_file.write_bytes(b"")
    outcome = "set aside; the run can be used as it is, but not be resumed"
    assert outcomes(trained) == {"resume/state.safetensors": (False, outcome)}


def test_every_missing_file_is_told(trained: RunFolder) -> None:
    files = (trained.config_file, trained.training_ids, trained.path / "tokenizer.json")
    for file in files:
        file.unlink()
    assert broken(trained) == {file.relative_to(trained.path).as_posix(): "missing" for file in files}


def test_weights_that_no_training_leaves_are_damaged(trained: RunFolder) -> None:
    save_arrays(trained.weights_file, {"output.weight": np.array([1, np.nan], np.float32)}, {})
    assert broken(trained) == {"model.safetensors": "damaged"}


def test_weights_of_another_program_have_no_checksum(trained: RunFolder) -> None:
    trained.weights_file.write_bytes(save(WEIGHTS))
    assert FileReport("model.safetensors", "no checksum") in verify_run(trained)


def test_a_status_before_the_first_row_is_about_none(trained: RunFolder) -> None:
    for content in (b"", None):
        trained.metrics_file.write_bytes(b"")
        if content is None:
            trained.metrics_file.unlink()
        write_status_of_metrics(trained, RunStatus("running", metrics_bytes=7, metrics_sha256="x"))
        status = trained.read_status()
        assert (status.metrics_bytes, status.metrics_sha256) == (0, "")


def test_a_large_file_is_not_read_into_memory(trained: RunFolder) -> None:
    with trained.training_ids.open("wb") as file:
        file.truncate(16 << 20)
    tracemalloc.start()
    try:
        assert not are_unchanged(trained, [trained.training_ids])
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(("best_loss", "is_broken"), [(1.25, False), (1.5, True), ([1.25], False), ({}, False)])
def test_a_state_of_another_loss_is_damaged_and_one_of_another_form_ends_in_no_traceback(
    trained: RunFolder, best_loss: object, is_broken: bool
) -> None:
    with trained.metrics_file.open("a") as file:
        file.write('{"step": 20, "validation_loss": 1.25}\n')
    arrays, _ = load_arrays(trained.resume_file)
    progress = PROGRESS | {"best_step": 20, "best_loss": best_loss}
    save_arrays(trained.resume_file, arrays, {"progress": json.dumps(progress)})
    assert broken(trained) == ({"resume/state.safetensors": "damaged"} if is_broken else {})


def test_checksums_of_another_form_are_damaged(trained: RunFolder) -> None:
    values = {"arrays": {}}
    for content in ([], 7, values | {"sha256": json_checksum(values)}):
        trained.checksums_file.write_text(json.dumps(content))
        assert problems_of(trained)["checksums.json"] == (
            "damaged",
            "its contents are not those that were written",
        )


def test_what_was_changed_in_files_that_can_be_read_is_told(trained: RunFolder) -> None:
    changed = ("damaged", "its contents are not those that were written")
    data = trained.metrics_file.read_bytes()
    trained.metrics_file.write_bytes(data.replace(b"20", b"21"))
    assert problems_of(trained) == {"metrics.jsonl": ("damaged", "its rows are not those that were written")}
    trained.metrics_file.write_bytes(data)
    trained.training_ids.write_bytes(bytes(100))
    trained.config_file.write_bytes(trained.config_file.read_bytes() + b"\n")
    (trained.path / "tokenizer.json").unlink()
    assert problems_of(trained) == {
        "config.json": changed,
        "resume/training.ids": changed,
        "tokenizer.json": ("missing", "it belongs to the run"),
    }


def test_files_are_unchanged_if_all_of_them_are_as_they_were_written(trained: RunFolder) -> None:
    files = [trained.training_ids, trained.validation_ids, trained.config_file]
    assert are_unchanged(trained, files) and are_unchanged(trained, [])
    assert not are_unchanged(trained, [*files, trained.status_file]), "it was not recorded"
    trained.validation_ids.write_bytes(bytes(100))
    assert not are_unchanged(trained, files) and are_unchanged(trained, files[::2])
    trained.validation_ids.unlink()
    assert not are_unchanged(trained, files)
    trained.checksums_file.write_bytes(b"{}")
    assert not are_unchanged(trained, files[:1])
    trained.checksums_file.unlink()
    assert not are_unchanged(trained, files[:1])


@pytest.mark.parametrize("has_ngrams", [False, True])
def test_the_ngrams_of_a_classifier_are_missed_where_it_has_some(tmp_path: Path, has_ngrams: bool) -> None:
    run = make_labelled_run(tmp_path, opinions(60), "a", ngrams="char" if has_ngrams else "none")
    run.ngrams_file.unlink(missing_ok=True)
    for _ in range(2):
        assert broken(run) == ({run.ngrams_file.name: "missing"} if has_ngrams else {})
        for file in (run.checksums_file, copy_of(run, run.checksums_file)):
            file.unlink(missing_ok=True)  # then its settings tell


@pytest.mark.parametrize("prior", [0, 2])
def test_the_ngrams_of_a_language_model_are_missed_where_it_has_some(trained: RunFolder, prior: int) -> None:
    config = trained.read_config()
    trained.write_config(replace(config, model=replace(config.model, ngram_prior=prior)))
    write_checksums(trained)
    assert broken(trained) == ({trained.ngrams_file.name: "missing"} if prior else {})


def test_a_run_of_pairs_has_no_ngrams(tmp_path: Path) -> None:
    assert broken(make_pair_run(tmp_path, copy_rows(60), "a")) == {}


@pytest.mark.parametrize("side", ["source", "target"])
def test_the_vocabularies_of_both_sides_are_checked(trained: RunFolder, side: str) -> None:
    file = trained.path / side / "tokenizer.json"
    file.parent.mkdir()
    file.write_text("{}")
    write_checksums(trained)
    assert FileReport(f"{side}/tokenizer.json", "whole") in verify_run(trained)
    file.write_text("{ }")
    assert list(broken(trained)) == [f"{side}/tokenizer.json"]


def test_a_hidden_file_that_is_being_written_is_none_of_the_run(trained: RunFolder) -> None:
    (trained.path / ".model.safetensors").write_bytes(b"half")
    (trained.path / "config.json.7.partial").write_bytes(b"half")
    write_checksums(trained)
    assert broken(trained) == {} and "partial" not in trained.checksums_file.read_text()


@pytest.mark.parametrize("name", ["copy.safetensors", "kept/model.safetensors"])
def test_weights_of_another_name_are_none_of_the_run(trained: RunFolder, name: str) -> None:
    file = trained.path / name
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(b"half")
    assert broken(trained) == {} and repair_run(trained, counted_again) == []
    assert file.read_bytes() == b"half"


def test_settings_without_a_checksum_are_damaged_if_they_cannot_be_read(trained: RunFolder) -> None:
    for file in (trained.checksums_file, copy_of(trained, trained.checksums_file)):
        file.unlink()
    trained.config_file.write_bytes(b"{")
    assert problems_of(trained) == {"config.json": ("damaged", f"{trained.config_file} is not JSON; the run is broken")}


def outcomes(run: RunFolder, count: CountNgrams = counted_again) -> dict[str, tuple[bool, str]]:
    return {repair.name: (repair.is_repaired, repair.outcome) for repair in repair_run(run, count)}


def test_damaged_weights_without_a_resume_file_are_lost(trained: RunFolder) -> None:
    trained.weights_file.write_bytes(b"damaged")
    for damage in (lambda: save_arrays(trained.resume_file, {}, {}), trained.resume_file.unlink):
        damage()
        found = outcomes(trained)["model.safetensors"]
        assert found == (False, "there is no resume file to take weights from")
        assert trained.weights_file.read_bytes() == b"damaged"


def test_damaged_weights_are_replaced_by_the_last_ones_where_there_is_no_average(trained: RunFolder) -> None:
    state = {f"model.{name}": array + 1 for name, array in WEIGHTS.items()}
    save_arrays(trained.resume_file, state | {"task.cursor": np.zeros(1)}, {"progress": json.dumps(PROGRESS)})
    trained.weights_file.unlink()
    assert outcomes(trained) == {
        "model.safetensors": (
            True,
            "replaced by the weights of step 20, the last that was saved; train --resume evaluates them",
        )
    }
    arrays, metadata = load_arrays(trained.weights_file)
    assert metadata == {"step": "20", "repaired": "true"} and list(arrays) == ["output.weight"]
    assert np.array_equal(arrays["output.weight"], WEIGHTS["output.weight"] + 1)
    assert not trained.weights_file.with_name("model.safetensors.damaged").exists()


def test_weights_are_taken_from_a_resume_file_that_has_some(trained: RunFolder) -> None:
    trained.weights_file.write_bytes(b"damaged")
    save_arrays(trained.resume_file, {"task.cursor": np.zeros(1)}, {"progress": json.dumps(PROGRESS)})
    assert outcomes(trained)["model.safetensors"] == (False, "the resume file has no weights")
    assert trained.weights_file.read_bytes() == b"damaged"
    state = {f"model.{name}": array for name, array in WEIGHTS.items()}
    save_arrays(trained.resume_file, state, {"progress": "{}"})
    assert outcomes(trained)["model.safetensors"][0]
    assert load_arrays(trained.weights_file)[1]["step"] == "", "the file does not say"


COUNTS = {"counts": np.arange(5, dtype=np.uint8)}


def test_damaged_or_missing_ngrams_are_counted_again(trained: RunFolder) -> None:
    save_arrays(trained.ngrams_file, COUNTS, {})
    write_checksums(trained)
    counts = trained.ngrams_file.read_bytes()
    done = {"ngrams.safetensors": (True, "counted again from the run's copy of its text, as it was")}
    for damaged in (b"damaged", None):
        trained.ngrams_file.unlink()
        if damaged is not None:
            trained.ngrams_file.write_bytes(damaged)
        assert outcomes(trained, lambda run: COUNTS) == done
        assert trained.ngrams_file.read_bytes() == counts and broken(trained) == {}
        assert trained.ngrams_file.with_name("ngrams.safetensors.damaged").read_bytes() == b"damaged"


def test_whole_ngrams_that_are_others_than_the_run_began_with_are_told(trained: RunFolder) -> None:
    save_arrays(trained.ngrams_file, COUNTS, {})
    write_checksums(trained)
    save_arrays(trained.ngrams_file, {"counts": COUNTS["counts"] + np.uint8(1)}, {})
    [report] = [report for report in verify_run(trained) if report.is_broken]
    assert report == FileReport("ngrams.safetensors", "damaged", "it is not the one that the run was created with")


def test_ngrams_that_cannot_be_counted_as_they_were_stay(trained: RunFolder) -> None:
    trained.ngrams_file.write_bytes(b"damaged")
    problem = "the n-grams of no text of the run can be counted"
    assert outcomes(trained) == {
        "ngrams.safetensors": (False, f"nothing can replace it; the run cannot be used without it: {problem}")
    }
    assert trained.ngrams_file.read_bytes() == b"damaged"


def test_the_ngrams_of_a_run_whose_settings_are_lost_stay(trained: RunFolder) -> None:
    trained.ngrams_file.write_bytes(b"damaged")
    trained.config_file.write_bytes(b"{")
    copy_of(trained, trained.config_file).write_bytes(b"{")
    lost = (False, "nothing can replace it; the run cannot be used without it")
    found = outcomes(trained)
    assert found["config.json"] == lost and not found["ngrams.safetensors"][0]
    assert trained.ngrams_file.read_bytes() == b"damaged"


def test_what_is_lost_is_said_of_each_file(trained: RunFolder) -> None:
    for file in (trained.checksums_file, trained.training_ids):
        file.write_bytes(b"{")
    trained.validation_ids.unlink()
    lost = (False, "nothing can replace it; without it the run cannot be resumed")
    assert outcomes(trained) == {
        "checksums.json": (True, "restored from its copy"),
        "resume/training.ids": lost,
        "resume/validation.ids": lost,
    }


def test_a_missing_resume_file_or_missing_metrics_are_said_to_be_lost(trained: RunFolder) -> None:
    trained.resume_file.unlink()
    trained.metrics_file.unlink()
    assert outcomes(trained) == {
        "resume/state.safetensors": (False, "the run can be used as it is, but not be resumed"),
        "metrics.jsonl": (False, "replaced by an empty one; its curves are lost"),
    }
    assert trained.metrics_file.read_bytes() == b""


def test_a_folder_in_place_of_metrics_is_set_aside(trained: RunFolder) -> None:
    trained.metrics_file.unlink()
    trained.metrics_file.mkdir()
    assert outcomes(trained) == {"metrics.jsonl": (False, "replaced by an empty one; its curves are lost")}
    assert trained.metrics_file.read_bytes() == b""


def test_damaged_curves_are_made_again_later(trained: RunFolder) -> None:
    trained.curves_file.write_bytes(b"damaged")
    found = (True, "removed; the next chart of the metrics makes it again")
    assert outcomes(trained) == {"curves.safetensors": found}
    assert not trained.curves_file.exists()


def test_files_that_depend_on_each_other_are_repaired_in_one_go(trained: RunFolder) -> None:
    lines = trained.metrics_file.read_bytes()
    trained.metrics_file.write_bytes(b"\xff\n" + lines)
    trained.status_file.write_bytes(b"[]")
    trained.weights_file.write_bytes(b"")
    told = "the last that was saved; train --resume evaluates them"
    assert list(outcomes(trained).items()) == [
        ("model.safetensors", (True, f"replaced by the averaged weights of step 20, {told}")),
        ("metrics.jsonl", (True, "2 rows that can be read were kept")),
        ("status.json", (True, "written again, as stopped at step 20")),
    ]
    assert {report.state for report in verify_run(trained)} == {"whole"}
    status = trained.read_status()
    assert (status.tokens, status.seconds, status.validation_loss, status.bits_per_character) == (640, 1.5, None, None)
    assert trained.status_file.with_name("status.json.damaged").read_bytes() == b"[]"


@pytest.mark.parametrize("rows", ['{"step": "x"}\n', ""])
def test_a_status_of_nothing_known_is_that_of_step_0(trained: RunFolder, rows: str) -> None:
    trained.resume_file.unlink()
    trained.metrics_file.write_text(rows)
    trained.status_file.write_bytes(b"{")
    assert outcomes(trained)["status.json"] == (True, "written again, as stopped at step 0")
    assert trained.read_status().metrics_bytes == len(rows)


def test_a_run_in_training_is_not_repaired(trained: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    trained.weights_file.write_bytes(b"")
    assert repair_run(trained, counted_again) and not trained.is_locked()
    monkeypatch.setattr("filelock.FileLock.acquire", fail_to_lock)
    with pytest.raises(RunError, match="being trained by another process"):
        repair_run(trained, counted_again)


def fail_to_lock(*_: object, **__: object) -> None:
    raise Timeout("lock")


def test_what_cannot_be_read_is_damaged_with_its_reason(trained: RunFolder) -> None:
    trained.config_file.write_bytes(b'{"format": 9}')
    trained.checksums_file.write_text('{"files": {"config.json": 1, "gone.txt": "abc"}}')
    values = json.loads(trained.status_file.read_bytes())
    trained.status_file.write_text(json.dumps(values | {"step": 30}))
    trained.metrics_file.unlink()
    trained.metrics_file.mkdir()
    problems = {report.name: report.problem for report in verify_run(trained) if report.is_broken}
    assert problems.pop("metrics.jsonl").endswith("'" + str(trained.metrics_file) + "'")
    assert "has format 9" in problems.pop("config.json")
    changed = "its contents are not those that were written"
    assert problems == {"checksums.json": changed, "status.json": changed}
