"""Polling runs on disk, and the facts of a run."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from fake_training import make_logged, make_two_runs, row, write_status

from rnntui.errors import RunError
from rnntui.runs.folder import RunFolder
from rnntui.runs.listing import RunSummary
from rnntui.runs.run_config import RunConfig
from rnntui.runs.run_status import RunStatus
from rnntui.runs.weights_file import save_arrays
from rnntui.sessions import run_watcher
from rnntui.sessions.run_facts import live_progress, run_facts, run_line, state_text
from rnntui.sessions.run_watcher import RunWatcher


@pytest.fixture(autouse=True)
def no_shipped_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_watcher, "shipped_runs", list)


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Two runs, `first` and `second`; the newer one is above."""
    return make_two_runs(tmp_path / "runs")


def test_only_changed_runs_are_read(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    watcher = RunWatcher(runs)
    before = watcher.poll([])
    read: list[str] = []

    def record(run: RunFolder, shipped: bool) -> tuple[RunSummary, RunConfig | None, RunStatus | None]:
        read.append(run.name)
        return original(run, shipped)

    original = run_watcher.read_run
    monkeypatch.setattr(run_watcher, "read_run", record)
    assert watcher.poll([]) == before
    assert not read
    write_status(RunFolder(runs / "first"), "stopped", step=7)
    assert [run.step for run in watcher.poll([]).runs] == [10, 7]
    assert read == ["first"]


def test_a_long_history_is_read_in_pieces(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_watcher, "_BLOCKS", 1)
    path = runs / "first"
    metrics = path / "metrics.jsonl"
    metrics.write_text(metrics.read_text() + "".join(row(step, train_loss=1.0) for step in range(101, 9000)))
    watcher = RunWatcher(runs)
    polls = 1
    while watcher.poll([str(path)]).has_more:
        polls += 1
    history = watcher.history(str(path))
    assert polls > 1 and history is not None
    assert history.series("train_loss").axes["step"][-1] == 8999
    assert watcher.history(str(runs / "second")) is None


def test_the_least_recently_used_histories_are_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_watcher, "_MAX_HISTORIES", 2)
    paths = [str(make_logged(tmp_path, f"run{index}").path) for index in range(4)]
    watcher = RunWatcher(tmp_path)
    for path in paths:
        watcher.poll([path])
    assert [watcher.history(path) is not None for path in paths] == [False, False, True, True]


def test_unreadable_metrics_and_a_run_that_breaks_do_not_crash(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (runs / "first" / "metrics.jsonl").unlink()
    (runs / "first" / "metrics.jsonl").mkdir()

    def breaks(run: RunFolder) -> RunStatus:
        raise RunError("gone")

    watcher = RunWatcher(runs)
    assert len(watcher.poll([str(runs / "first")]).runs) == 2
    monkeypatch.setattr(RunFolder, "read_status", breaks)
    write_status(RunFolder(runs / "first"), "stopped", step=9)
    watched = next(run for run in watcher.poll([]).runs if run.name == "first")
    assert watched.config is None and run_facts(watched)[1][0] == "problem"


def test_run_facts(runs: Path) -> None:
    run = RunFolder(runs / "first")
    config = json.loads(run.config_file.read_text())
    config["corpus"] |= {"sources": ["a.txt", "b\x1b.txt"], "characters": 1_200_000}
    config["budget"] = {"minutes": None, "epochs": None, "steps": None}
    config["model"]["dropout"] = 0.5
    run.config_file.write_text(json.dumps(config))
    write_status(run, "failed", step=3, message="the loss diverged")
    (watched,) = (run for run in RunWatcher(runs).poll([]).runs if run.name == "first")
    facts = dict(run_facts(watched))
    assert facts["corpus"] == "a.txt, b\x1b.txt; 1.2 M characters"
    assert facts["budget"] == "5 minutes" and facts["problem"] == "the loss diverged"
    assert facts["model"] == "lstm 1×16, embedding 8, dropout 0.5"
    assert facts["tokens"] == "62 characters" and facts["progress"] == "step 3" and "loss" not in facts


def test_a_running_training_that_is_slow_says_so(runs: Path) -> None:
    run = RunFolder(runs / "first")
    row = {"step": 9000, "train_loss": 2.0, "slowdown": "40% of its usual speed"}
    with run.metrics_file.open("a") as file:
        file.write(json.dumps(row) + "\n")
    lock = run.lock()
    try:
        write_status(run, "running", step=3)
        (watched,) = (run for run in RunWatcher(runs).poll([]).runs if run.name == "first")
        assert dict(run_facts(watched))["speed"] == "9.0 k tokens/s; 40% of its usual speed"
    finally:
        lock.release()
    write_status(run, "stopped", step=3)
    (watched,) = (run for run in RunWatcher(runs).poll([]).runs if run.name == "first")
    assert "speed" not in dict(run_facts(watched))


def test_a_resumed_run_has_its_new_budget_and_its_best_step(runs: Path) -> None:
    run = RunFolder(runs / "first")
    run.resume_folder.mkdir()
    progress = {"budget": {"minutes": 2.0, "epochs": None, "steps": None}, "reason": ""}
    save_arrays(run.resume_file, {}, {"progress": json.dumps(progress)})
    save_arrays(run.weights_file, {}, {"step": "90"})
    write_status(run, "stopped", step=100, steps=400, seconds=60.0, tokens=120_000, bits_per_character=2.0)
    (watched,) = (run for run in RunWatcher(runs).poll([]).runs if run.name == "first")
    facts = run_facts(watched)
    assert [label for label, _ in facts[:5]] == ["run", "budget", "progress", "speed", "best"]
    shown = dict(facts)
    assert shown["budget"] == "2 minutes (at first 10 steps)" and shown["speed"] == "2.0 k tokens/s on average"
    assert shown["best"] == "2.0000 bits per character at step 90 so far"
    assert shown["progress"] == "step 100 of 400 (25%), 1 min"
    line = run_line(watched, "first")
    assert line.startswith("first · step 100 of 400 (25%), 1 min · 2.0 k tokens/s · 2.0000 bits/char")


@pytest.mark.parametrize(("step", "reason", "is_final"), [(400, "", True), (120, "patience", True), (120, "", False)])
def test_the_final_evaluation_is_named(runs: Path, step: int, reason: str, is_final: bool) -> None:
    run = RunFolder(runs / "first")
    run.resume_folder.mkdir()
    save_arrays(run.resume_file, {}, {"progress": json.dumps({"reason": reason})})
    with run.lock():
        write_status(run, "running", step=step, steps=400, seconds=60.0, tokens=1)
        (watched,) = (run for run in RunWatcher(runs).poll([]).runs if run.name == "first")
    assert ("final evaluation" in live_progress(watched), " left" in live_progress(watched)) == (is_final, not is_final)
    assert state_text(watched) == ("final eval" if is_final else "running  30%")


def test_corpora_of_many_files_take_one_line(runs: Path) -> None:
    run = RunFolder(runs / "first")
    config = run.read_config()
    sources = tuple(f"texts/part-{index}.txt" for index in range(60))
    run.write_config(replace(config, corpus=replace(config.corpus, sources=sources)))
    (watched,) = (run for run in RunWatcher(runs).poll([]).runs if run.name == "first")
    assert dict(run_facts(watched))["corpus"].startswith("60 files: texts/part-0.txt")
    assert len(dict(run_facts(watched))["corpus"]) < 80
