"""Lists of runs: what a summary says, orders, filters, and runs that hide a shipped model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from pair_runs import copy_rows, make_pair_run
from tiny_runs import make_run

from rnntui.kinds.registry import KINDS
from rnntui.runs import listing
from rnntui.runs.listing import (
    SORT_KEYS,
    RunSummary,
    filter_runs,
    list_runs,
    primary_metrics,
    sort_runs,
    summarize_run,
)
from rnntui.runs.management import write_note
from rnntui.runs.run_status import RunStatus

LM, S2S = "language-model", "seq2seq"
RUNS = [
    RunSummary("plays-10", LM, "lstm", "1×512", 1, 2, 500, 1.4, 2.0, 100.0, "done", note="Dropout 0.3"),
    RunSummary("plays-2", LM, "gru", "2×256", 1, 2, 900, 1.5, 2.5, 300.0, "running"),
    RunSummary("dates", S2S, "lstm", "1×128", 1, 2, 700, 0.5, None, 200.0, "stopped", metrics={"bleu": 30.0}),
    RunSummary("pairs", S2S, "lstm", "1×128", 1, 2, 100, 0.7, None, 400.0, "done", True, metrics={"bleu": 40.0}),
    RunSummary("Broken"),
]


@pytest.mark.parametrize(
    ("order", "names"),
    [
        ("age", "pairs plays-2 dates plays-10 Broken"),
        ("name", "Broken dates pairs plays-2 plays-10"),
        ("kind", "plays-2 plays-10 pairs dates Broken"),
        ("score", "plays-10 plays-2 pairs dates Broken"),
        ("bits", "plays-10 plays-2 pairs dates Broken"),
        ("loss", "dates pairs plays-10 plays-2 Broken"),
        ("tokens", "plays-2 dates plays-10 pairs Broken"),
        ("state", "plays-2 dates pairs plays-10 Broken"),
    ],
)
def test_orders(order: str, names: str) -> None:
    assert [run.name for run in sort_runs(RUNS, order)] == names.split()
    assert order in SORT_KEYS


def test_scores_are_sorted_kind_by_kind_and_runs_without_one_are_last() -> None:
    runs = [RunSummary(name, kind=name, metrics={kind.primary_metric.key: 1.0}) for name, kind in KINDS.items()]
    runs = [replace(run, bits_per_character=2.0) if run.primary is None else run for run in runs]
    runs += [RunSummary("of no score", LM), RunSummary("of no kind")]
    assert sort_runs(reversed(runs[:-1]), "score") == runs[:-1]
    assert {run.name for run in sort_runs(reversed(runs), "score")[-2:]} == {"of no score", "of no kind"}


def test_a_loss_of_zero_is_the_best() -> None:
    runs = [RunSummary("a", LM, validation_loss=loss, bits_per_character=loss) for loss in (0.0, 0.5, 2.0, None)]
    for order in ("loss", "bits"):
        assert sort_runs(reversed(runs), order) == runs


@pytest.mark.parametrize(
    ("text", "kind", "names"),
    [
        ("", None, "plays-10 plays-2 dates pairs Broken"),
        ("PLAYS", None, "plays-10 plays-2"),
        ("plays gru", None, "plays-2"),
        ("dropout", None, "plays-10"),
        ("s2s", None, "dates pairs"),
        ("", S2S, "dates pairs"),
        ("lstm", LM, "plays-10"),
        ("shipped", None, "pairs"),
        ("own seq2seq", None, "dates"),
        ("done 1×512", None, "plays-10"),
        ("nothing", None, ""),
    ],
)
def test_filters(text: str, kind: str | None, names: str) -> None:
    assert [run.name for run in filter_runs(RUNS, text, kind)] == names.split()


def test_all_runs_match_where_nothing_is_asked_for() -> None:
    assert filter_runs(RUNS) == RUNS


def test_a_run_that_hides_a_shipped_model_is_marked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = make_run(tmp_path / "shipped", "shakespeare")
    monkeypatch.setattr(listing, "shipped_runs", lambda: [shipped])
    make_run(tmp_path / "runs", "shakespeare")
    make_run(tmp_path / "runs", "notes")
    marks = {(run.name, run.shipped): run.hides_shipped for run in list_runs(tmp_path / "runs")}
    assert marks == {("shakespeare", True): False, ("shakespeare", False): True, ("notes", False): False}


def test_a_summary_says_what_the_files_of_a_run_say(tmp_path: Path) -> None:
    run = make_run(tmp_path, "a")
    write_note(run, "why?")
    run.write_stamped_status(RunStatus("failed", 12, 20, 500, 9.0, 1.25, 1.5, {"streaming_loss": 1.75}, "full", 1.7e9))
    assert summarize_run(run) == RunSummary(
        "a", LM, "lstm", "1×16", 12, 20, 500, 1.25, 1.5, 1.7e9, "failed", path=str(run.path), note="why?"
    )  # fmt: skip
    config = run.read_config()
    run.write_config(replace(config, created=1.6e9, model=replace(config.model, cell="rnn", nonlinearity="relu")))
    run.status_file.unlink()
    summary = summarize_run(run)
    assert (summary.cell, summary.updated, summary.step) == ("rnn relu", 1.6e9, 0)


@pytest.mark.parametrize(
    "names",
    [["run", "Run-2", "run-10", "run-10b"], ["a1b2", "a1b10", "a02"], ["x", "x" + "9" * 50, "x" + "9" * 60 + "a"]],
)
def test_numbers_in_names_are_sorted_by_their_size(names: list[str]) -> None:
    summaries = [RunSummary(name) for name in names]
    assert sort_runs(reversed(summaries), "name") == summaries


def test_a_run_is_judged_by_the_metric_that_selected_its_weights() -> None:
    def judged(run: RunSummary) -> tuple[str, float] | None:
        return None if run.primary is None else (run.primary[0].key, run.primary[1])

    scores = {"bleu": 30.0, "exact": 0.5}
    assert judged(RunSummary("a", S2S, metrics=scores, selected_by="exact")) == ("exact", 0.5)
    assert judged(RunSummary("a", S2S, metrics=scores)) == ("bleu", 30.0)
    assert judged(RunSummary("a", S2S, metrics={"bleu": 30.0}, selected_by="exact")) == ("bleu", 30.0)
    assert judged(RunSummary("a", S2S, bits_per_character=2.0)) == ("bits_per_character", 2.0)
    assert judged(RunSummary("a", "unknown", bits_per_character=2.0, metrics=scores)) == ("bits_per_character", 2.0)
    assert judged(RunSummary("a", LM)) is None
    assert [metric.key for metric in primary_metrics([RUNS[0], RUNS[2], RunSummary("b")])] == ["bleu"]
    assert RUNS[2].to_json()["bleu"] == 30.0 and RUNS[0].to_json()["bleu"] is None
    assert "metrics" not in RUNS[2].to_json()


def test_a_run_with_an_unreadable_status_is_usable_and_has_a_problem(tmp_path: Path) -> None:
    run = make_run(tmp_path, "a")
    write_note(run, "why?")
    run.status_file.write_text("[]")
    summary = summarize_run(run)
    assert (summary.state, summary.kind, summary.note) == ("stopped", LM, "why?")
    assert "status.json is not a valid status" in summary.problem
    assert (
        summary.selected_by == "" and summarize_run(make_pair_run(tmp_path, copy_rows(60), "b")).selected_by == "exact"
    )
    assert summary.to_json()["note"] == "why?" and summary.to_json()["hides_shipped"] is False


def test_a_run_whose_settings_cannot_be_read_is_broken_and_has_a_problem(tmp_path: Path) -> None:
    run = make_run(tmp_path, "a")
    write_note(run, "why?")
    run.config_file.write_text("{")
    problem = f"{run.config_file} is not JSON; the run is broken"
    assert summarize_run(run) == RunSummary("a", path=str(run.path), note="why?", problem=problem)
    assert summarize_run(run, shipped=True).shipped and summarize_run(run, shipped=True).note == ""
