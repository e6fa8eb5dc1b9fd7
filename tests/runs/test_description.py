"""Output of `rnntui show` for a run, and for several side by side."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from labelled_runs import make_labelled_run, opinions
from pair_runs import copy_rows, make_pair_run
from tiny_runs import TWO_LAYERS, make_run, subwords

from rnntui.config import Budget
from rnntui.config_language_model import LanguageModelTrainingConfig
from rnntui.kinds.corpus_info import TextCorpusInfo
from rnntui.runs.comparison import compare_runs
from rnntui.runs.description import (
    _time_text,
    current_budget,
    describe_run,
    last_sample,
    option_texts,
    progress_text,
    read_details,
)
from rnntui.runs.folder import RunFolder
from rnntui.runs.lookup import CHECKPOINTS_VARIABLE
from rnntui.runs.management import write_note
from rnntui.runs.run_config import RunOrigin
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


def test_every_fact_of_a_run(tmp_path: Path) -> None:
    run = make_run(tmp_path, "a")
    origin = RunOrigin("old", "abcdef0123456789", loss=2.5)
    run.write_config(replace(run.read_config(), created=1.7e9, versions={"rnntui": "1.0", "numpy": "2"}, origin=origin))
    results = {"streaming_loss": 1.5, "origin_loss": 2.75, "windowed_loss": 1.75}
    status = RunStatus("failed", 1234, 2000, 5000, 90, 1.25, 1.5, results, "no memory", 1.75e9)
    run.write_stamped_status(status)
    save_arrays(run.weights_file, {"a": np.zeros((30, 40), np.float32), "b": np.zeros(5, np.float32)}, {"step": "1200"})
    run.metrics_file.write_text('{"step": 1, "sample": "abc"}\n')
    run.status_file.write_bytes(run.status_file.read_bytes().ljust(8441))
    sections = {section.title: dict(section.facts) for section in describe_run(read_details(run))}
    assert sections["Progress"] == {
        "state": f"failed, {datetime.fromtimestamp(1.75e9):%Y-%m-%d %H:%M}", "problem": "no memory",
        "budget": "10 steps", "progress": "step 1,234 of 2,000 (61%), 2 min, 5.0 k tokens",
        "bits per character": "1.5000", "validation loss": "1.2500 nats a token",
        "final losses": "streaming-loss 1.5000, windowed-loss 1.7500",
        "forgetting": "loss on the earlier data, of old: 2.5000 before, 2.7500 now", "best step": "1,200",
    }  # fmt: skip
    assert sections["Model"] == {
        "kind": "language model", "model": "lstm 1×16, embedding 8", "parameters": "1,205 (float32)",
        "vocabulary": "62 characters", "corpus": "a", "trained on from": "old (fingerprint abcdef012345)",
    }  # fmt: skip
    assert sections["Training"]["batch"] == "32 streams × 32 steps"
    assert sections["Training"]["note on losses"] == "validation loss of averaged weights (0.995)"
    options = sections["Training"]["options"]
    assert options.startswith("batch-size 32, bptt 32, ") and ", tensorboard no, mix 0, documents auto, " in options
    assert "precision auto, device auto, threads auto, local-steps 1, seed 1" in options and "from-run" not in options
    files = sections["Files"]
    assert files["folder"] == str(run.path) and files["versions"] == "rnntui 1.0, numpy 2"
    assert files["created"] == f"{datetime.fromtimestamp(1.7e9):%Y-%m-%d %H:%M}"
    assert files["files"].startswith("status.json 8.4 kB, model.safetensors 5.")
    assert files["files"].endswith(", metrics.jsonl 29 bytes") and files["size"] == "15.6 kB"
    assert sections["Commands"] == {
        "sample": f"rnntui sample --run {run.path}", "chat": f"rnntui chat {run.path}",
        "curves": f"rnntui curves {run.path}",
    }  # fmt: skip
    assert sections["Last sample"] == {"text": "abc"}


def test_a_run_that_was_not_evaluated_has_no_loss_and_weights_of_two_types_have_both(tmp_path: Path) -> None:
    run = make_run(tmp_path, "a")
    run.write_stamped_status(RunStatus("running", 1, 20))
    save_arrays(run.weights_file, {"a": np.zeros(3, np.float32), "b": np.zeros(5, np.float16)}, {})
    facts = facts_of(run)
    assert not {"validation loss", "bits per character", "scores", "final losses", "best step"} & facts.keys()
    assert facts["parameters"] in ("8 (float32, float16)", "8 (float16, float32)")


def test_the_loss_of_a_classifier_is_that_of_a_text(tmp_path: Path) -> None:
    run = make_labelled_run(tmp_path, opinions(60), "a")
    run.write_stamped_status(RunStatus("running", 1, 20, validation_loss=0.5))
    assert facts_of(run)["validation loss"] == "0.5000 nats a text"


def test_an_option_that_is_on_or_off_is_said_to_be() -> None:
    for is_on, text in ((True, "yes"), (False, "no")):
        assert option_texts(LanguageModelTrainingConfig(tensorboard=is_on))["--tensorboard"] == text


def test_the_facts_of_a_seq2seq_model_without_weights(tmp_path: Path) -> None:
    run = make_pair_run(tmp_path, copy_rows(60), "copies")
    status = RunStatus("done", step=5, tokens=50, seconds=9, validation_loss=0.5, results={"bleu": 30.0, "chrf": 40.0})
    run.write_stamped_status(status)
    run.metrics_file.write_text('{"step": 1, "sample": {"translation": "b", "source": "a", "note": "c"}}\n')
    sections = {section.title: dict(section.facts) for section in describe_run(read_details(run))}
    facts = sections["Progress"]
    assert (facts["scores"], facts["progress"]) == ("BLEU 30.00, chrF 40.00", "step 5, 9 s, 50 tokens")
    assert facts["state"] == f"done, {datetime.fromtimestamp(run.read_config().created):%Y-%m-%d %H:%M}"
    assert facts["selection"] == "exact matches; BLEU tokenizer 13a"
    assert not {"best step", "final losses", "forgetting", "bits per character", "problem", "note"} & set(facts)
    assert "parameters" not in sections["Model"] and "trained on from" not in sections["Model"]
    assert list(sections["Commands"]) == ["curves"]
    assert list(sections["Last sample"].items()) == [("source", "a"), ("translation", "b"), ("note", "c")]


def test_the_commands_of_a_run_in_the_default_folder_need_no_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CHECKPOINTS_VARIABLE, str(tmp_path / "my runs"))
    run = make_run(tmp_path / "my runs", "a b")
    run.resume_folder.mkdir()
    run.resume_file.touch()
    assert "resume" not in facts_of(run), "its training data is missing"
    run.training_ids.touch()
    facts = facts_of(run)
    assert (facts["sample"], facts["chat"]) == ("rnntui sample --run 'a b'", "rnntui chat 'a b'")
    assert facts["resume"] == "rnntui train --resume --name 'a b'"
    monkeypatch.setenv(CHECKPOINTS_VARIABLE, str(tmp_path))
    folder = tmp_path / "my runs"
    assert facts_of(run)["resume"] == f"rnntui train --resume --name 'a b' --checkpoints '{folder}'"


def test_a_shipped_model_is_named_without_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(tmp_path, "shakespeare")
    monkeypatch.setattr("rnntui.runs.lookup.shipped_folder", lambda: tmp_path)
    run.write_stamped_status(replace(run.read_status(), updated=0.0))
    facts = facts_of(run)
    assert facts["state"].startswith("done, shipped with rnntui, ") and facts["chat"] == "rnntui chat shakespeare"


@pytest.mark.parametrize("seconds", [0.0, 1e18, -1e18, float("nan")])
def test_a_time_that_is_none_is_left_out(seconds: float, tmp_path: Path) -> None:
    assert _time_text(seconds) == ""


def test_a_run_of_an_unknown_kind_or_with_a_broken_status_is_described(tmp_path: Path) -> None:
    run = make_run(tmp_path, "a")
    run.write_config(replace(run.read_config(), kind="diffusion"))
    run.status_file.write_text("[]")
    details = read_details(run)
    assert (details.kind, details.metrics, details.status) == (None, (), RunStatus("stopped"))
    facts = facts_of(run)
    assert "status.json is not a valid status" in facts["problem"] and "curves" not in facts and "text" not in facts


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
    with run.metrics_file.open("a") as file:
        file.write('["sample"]\n{"note": {"sample": "four"}}\n{"sample": "five"\n"sample"\n')
    assert last_sample(run) == {"text": "three"}, "those are no samples"


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
    parameters = tuple(f"{details.header.parameters:,}" for details in map(read_details, (a, b)) if details.header)
    assert results == {
        "state": ("done",) * 2, "step": ("10 of 10",) * 2, "tokens read": ("1.0 k",) * 2, "time": ("0 s",) * 2,
        "parameters": parameters, "validation loss": ("1.5000",) * 2, "bits per character": ("2.2000",) * 2,
    }  # fmt: skip
    b.weights_file.unlink()
    b.write_status(RunStatus("stopped", step=1234))
    results = {row.label: row.texts for row in compare_runs([read_details(a), read_details(b)]).results}
    assert results["parameters"] == (parameters[0], "") and results["step"] == ("10 of 10", "1,234")


def test_losses_of_different_tokens_are_not_compared_and_equal_names_are_told_apart(tmp_path: Path) -> None:
    a, b = make_run(tmp_path / "1", "a"), make_run(tmp_path / "2", "a", tokenizer=subwords())
    comparison = compare_runs([read_details(a), read_details(b)])
    assert comparison.names == (str(a.path), str(b.path))
    labels = [row.label for row in comparison.results]
    assert "bits per character" in labels and "validation loss" not in labels


def test_the_scores_of_runs_are_compared(tmp_path: Path) -> None:
    runs = [make_pair_run(tmp_path, copy_rows(60), name) for name in "ab"]
    for run, bleu in zip(runs, (12.5, 20.0), strict=True):
        run.write_stamped_status(RunStatus("done", 10, 10, results={"bleu": bleu}))
    rows = {row.label: row.texts for row in compare_runs([*map(read_details, runs)]).results}
    assert rows["BLEU"] == ("12.50", "20.00") and rows["step"] == ("10 of 10", "10 of 10")


def test_runs_of_two_kinds_are_compared_by_the_options_that_both_have(tmp_path: Path) -> None:
    a, b, c = (make_run(tmp_path, name) for name in "abc")
    pairs = make_pair_run(tmp_path, copy_rows(60), "copies")
    config = c.read_config()
    c.write_config(replace(config, budget=Budget(epochs=2), training=replace(config.training, bptt=16)))
    rows = {row.label: row.texts for row in compare_runs([*map(read_details, (a, pairs))]).options}
    assert rows["kind"] == ("language model", "Seq2Seq model") and rows["--hidden"] == ("16", "24")
    assert not {"--bptt", "--beam", "--attention", "--label-smoothing"} & set(rows)
    rows = {row.label: row.texts for row in compare_runs([*map(read_details, (a, b, c, pairs))]).options}
    assert rows["--bptt"] == ("32", "32", "16", "")
    assert rows["--epochs"][:3] == ("", "", "2") and rows["--steps"][:3] == ("10", "10", "")
