"""Output of `rnntui show` for a run, and for several side by side."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pair_runs import copy_rows, make_pair_run
from tiny_runs import TWO_LAYERS, make_run, subwords

from rnntui.config import Budget
from rnntui.kinds.corpus_info import TextCorpusInfo
from rnntui.runs.comparison import compare_runs
from rnntui.runs.description import current_budget, describe_run, last_sample, progress_text, read_details
from rnntui.runs.folder import RunFolder
from rnntui.runs.management import write_note
from rnntui.runs.run_status import RunStatus
from rnntui.runs.weights_file import save_arrays
from rnntui.runs.weights_header import read_weights_header


def facts_of(run: RunFolder) -> dict[str, str]:
    return {fact.label: fact.text for section in describe_run(read_details(run)) for fact in section.facts}


def resume_with(run: RunFolder, budget: Budget) -> None:
    """Write a resume file as a training does that was resumed with another budget."""
    run.resume_folder.mkdir(exist_ok=True)
    progress = json.dumps({"budget": {"minutes": budget.minutes, "epochs": budget.epochs, "steps": budget.steps}})
    save_arrays(run.resume_file, {"random.cpu": np.zeros(3, np.uint8)}, {"progress": progress})


def test_progress_comes_first_and_the_rest_is_there(tmp_path: Path) -> None:
    run = make_run(tmp_path, "my run")
    write_note(run, "first try")
    sections = describe_run(read_details(run))
    assert [section.title for section in sections] == ["Progress", "Model", "Training", "Files", "Commands"]
    facts = facts_of(run)
    assert next(iter(facts)) == "note"
    assert facts["progress"] == "step 10 of 10 (100%), 0 s, 1.0 k tokens"
    assert facts["budget"] == "10 steps" and facts["bits per character"] == "2.2000"
    assert facts["parameters"] == "3,214 (float32)" and "model.safetensors" in facts["files"]
    assert "batch-size 32" in facts["options"] and "learning-rate" in facts["options"]
    assert facts["sample"] == f"rnntui sample --run '{run.path}'"
    assert "resume" not in facts  # it has no resume file


def test_progress_is_rounded_down_as_in_lists() -> None:
    assert "(9%)" in progress_text(RunStatus("stopped", 1_185, 12_420))


def test_the_budget_is_that_of_the_last_resumption(tmp_path: Path) -> None:
    run = make_run(tmp_path, "a")
    resume_with(run, Budget(epochs=3))
    run.training_ids.touch()
    assert current_budget(run, run.read_config()) == Budget(epochs=3)
    facts = facts_of(run)
    assert facts["budget"] == "3 epochs (at first 10 steps)"
    assert facts["resume"] == f"rnntui train --resume --name a --checkpoints {tmp_path}"


@pytest.mark.parametrize("metadata", [{}, {"progress": "{"}, {"progress": '{"budget": {"steps": -1}}'}])
def test_a_resume_file_of_any_content_does_no_harm(metadata: dict[str, str], tmp_path: Path) -> None:
    run = make_run(tmp_path, "a")
    run.resume_folder.mkdir()
    save_arrays(run.resume_file, {}, metadata)
    assert current_budget(run, run.read_config()) == Budget(steps=10)


@pytest.mark.parametrize("data", [b"", b"\xff" * 8, b"\x02" + b"\0" * 7 + b"[]", b"\x0c" + b"\0" * 7 + b'{"a": "text"'])
def test_a_file_that_is_no_weights_file_has_no_header(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "weights").write_bytes(data)
    assert read_weights_header(tmp_path / "weights") is None


def test_the_best_step_is_that_of_the_weights(tmp_path: Path) -> None:
    run = make_run(tmp_path, "a")
    save_arrays(run.weights_file, {"a": np.zeros((3, 4), np.float16)}, {"step": "7"})
    assert (facts_of(run)["best step"], facts_of(run)["parameters"]) == ("7", "12 (float16)")


def test_sixty_files_take_one_line(tmp_path: Path) -> None:
    run = make_run(tmp_path, "a")
    names = tuple(f"notes/{index}.txt" for index in range(60))
    run.write_config(replace(run.read_config(), corpus=TextCorpusInfo(name="notes", sources=names, characters=10**6)))
    assert facts_of(run)["corpus"] == "60 files: notes/0.txt, notes/1.txt, notes/2.txt, …; 1.0 M characters"


def test_the_last_sample(tmp_path: Path) -> None:
    run = make_run(tmp_path, "a")
    assert last_sample(run) is None
    rows = [{"step": 1, "sample": "one"}, {"step": 2, "sample": "two"}, {"step": 3, "sample": 3}, {"step": 4}]
    run.metrics_file.write_text("".join(json.dumps(row) + "\n" for row in rows) + '{"step": 5, "sample": "ha')
    assert last_sample(run) == {"text": "two"}
    assert facts_of(run)["text"] == "two"
    with run.metrics_file.open("a") as file:
        file.write("\n" + '{"step": 6, "train_loss": 1.5}\n' * 10_000 + '{"step": 7, "sample": "three"}\n')
    assert last_sample(run) == {"text": "three"}


def test_a_comparison_has_the_options_that_differ_and_the_results(tmp_path: Path) -> None:
    a, b = make_run(tmp_path, "a"), make_run(tmp_path, "b", model=TWO_LAYERS)
    config = b.read_config()
    b.write_config(replace(config, training=replace(config.training, learning_rate=0.01)))
    write_note(b, "faster")
    comparison = compare_runs([read_details(a), read_details(b)])
    assert comparison.names == ("a", "b")
    options = {row.label: row.texts for row in comparison.options}
    assert options == {
        "note": ("", "faster"), "corpus": ("a", "b"), "--layers": ("1", "2"), "--learning-rate": ("0.004", "0.01"),
    }  # fmt: skip
    results = {row.label: row.texts for row in comparison.results}
    assert results["validation loss"] == ("1.5000", "1.5000") and results["step"] == ("10 of 10", "10 of 10")


def test_losses_of_different_tokens_are_not_compared_and_equal_names_are_told_apart(tmp_path: Path) -> None:
    a, b = make_run(tmp_path / "1", "a"), make_run(tmp_path / "2", "a", tokenizer=subwords())
    comparison = compare_runs([read_details(a), read_details(b)])
    assert comparison.names == (str(a.path), str(b.path))
    labels = [row.label for row in comparison.results]
    assert "bits per character" in labels and "validation loss" not in labels


def test_runs_of_two_kinds_are_compared_by_the_options_that_both_have(tmp_path: Path) -> None:
    a, b, c = (make_run(tmp_path, name) for name in "abc")
    pairs = make_pair_run(tmp_path, copy_rows(60), "copies")
    config = c.read_config()
    c.write_config(replace(config, budget=Budget(epochs=2), training=replace(config.training, bptt=16)))
    rows = {row.label: row.texts for row in compare_runs([*map(read_details, (a, pairs))]).options}
    assert rows["kind"] == ("language model", "Seq2Seq model") and "--hidden" in rows
    assert not {"--bptt", "--beam", "--attention", "--label-smoothing"} & set(rows)
    rows = {row.label: row.texts for row in compare_runs([*map(read_details, (a, b, c, pairs))]).options}
    assert rows["--bptt"] == ("32", "32", "16", "")
    assert rows["--epochs"][:3] == ("", "", "2") and rows["--steps"][:3] == ("10", "10", "")
