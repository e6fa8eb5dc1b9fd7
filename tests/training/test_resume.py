"""Exact resume of a run, however it stopped."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tiny_runs
from forks import Forks

from rnntui.config import Budget
from rnntui.errors import RunError, UsageError
from rnntui.runs.checksums import write_checksums
from rnntui.runs.folder import RunFolder
from rnntui.runs.integrity import verify_run
from rnntui.runs.metrics_log import MetricsLog, read_metrics
from rnntui.runs.run_status import RunStatus
from rnntui.runs.weights_file import load_arrays, save_arrays
from rnntui.training import train_run as train_run_module
from rnntui.training import trainer, training_state
from rnntui.training.events import Evaluated, Evaluating, Event, Stepped
from rnntui.training.language_model_task import LanguageModelTask
from rnntui.training.plan import StepPlan
from rnntui.training.progress import TrainingProgress
from rnntui.training.train_run import train_run

STEPS = 32
SHAPES = [
    {"cell": "lstm", "layers": 2, "dropout": 0.3, "weight_dropout": 0.4},
    {"cell": "gru", "layers": 1, "dropout": 0.2, "weight_average": 0.99, "final_learning_rate": 0.1},
    {"cell": "rnn", "nonlinearity": "relu", "layers": 1, "learning_rate": 1e-3},
    {"tokenizer": "bpe", "vocab_size": 300},
    {"ngrams": 4, "ngram_buckets": 500, "ngram_dropout": 0.3, "state_reset_prob": 0.2},
    {"ngram_prior": 3, "dropout": 0.2, "state_reset_prob": 0.2},
    {"documents": "line", "dropout": 0.2},
    {"validation_from": "spread", "documents": "none"},
]


def ignore(event: Event) -> None:
    """Report to nobody."""


def never() -> bool:
    return False


class StopAfter:
    """Requests a stop once a step is done, as Ctrl-C would."""

    def __init__(self, step: int) -> None:
        self._step = step
        self._requested = False

    def report(self, event: Event) -> None:
        self._requested = self._requested or (isinstance(event, Stepped) and event.step >= self._step)

    def __call__(self) -> bool:
        return self._requested


def assert_same_run(one: RunFolder, other: RunFolder, rows: int = STEPS // 10) -> None:
    """Every weight, moment, random state, position and logged number is the same, bit for bit."""
    for file in ("resume_file", "weights_file"):
        ours, ours_metadata = load_arrays(getattr(one, file))
        theirs, theirs_metadata = load_arrays(getattr(other, file))
        assert ours.keys() == theirs.keys()
        for name in ours:
            np.testing.assert_array_equal(ours[name], theirs[name], err_msg=f"{file}: {name}")
        assert _untimed(ours_metadata) == _untimed(theirs_metadata)
    ours_rows = [_untimed(row) for row in read_metrics(one.metrics_file)]
    assert ours_rows == [_untimed(row) for row in read_metrics(other.metrics_file)]
    assert len(ours_rows) > rows


def _untimed(row: dict) -> dict:
    progress = {"progress": _untimed(json.loads(row["progress"]))} if "progress" in row else {}
    timed = ("seconds", "evaluation_seconds", "final_seconds", "tokens_per_second", "threads", "slowdown")
    return {k: v for k, v in {**row, **progress}.items() if k not in timed}


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: "-".join(map(str, shape.values())))
def test_a_run_stopped_and_resumed_equals_one_that_never_stopped(make_run, shape: dict) -> None:
    straight = make_run(name="straight", steps=STEPS, **shape)
    train_run(straight, ignore, never)
    stopped = make_run(name="stopped", steps=STEPS, **shape)
    for step in (11, 23):  # neither an evaluation nor a row of the metrics
        stop = StopAfter(step)
        finished = train_run(stopped, stop.report, stop)
        assert (finished.reason, finished.step) == ("interrupted", step)
        assert stopped.read_status().state == "stopped"
    train_run(stopped, ignore, never)
    assert stopped.read_status().state == "done"
    assert_same_run(straight, stopped)


def _kill_while_training(forks: Forks, run: RunFolder, from_step: int) -> None:
    """Train in another process and kill it without warning once it has passed a step."""
    report = "lambda event: print(getattr(event, 'step', 0), flush=True)"
    forks.start(f"train_run(RunFolder(Path({str(run.path)!r})), {report}, lambda: False)")
    for line in forks.output():
        if int(line) >= from_step:
            forks.kill()
            return
    raise AssertionError("the run ended before it could be killed")


@pytest.mark.skipif(os.name != "posix", reason="forks")
def test_a_run_killed_without_warning_and_resumed_equals_one_that_never_stopped(make_run, forks: Forks) -> None:
    shape = {"layers": 2, "dropout": 0.3, "save_every": 0.0, "weight_average": 0.999}
    straight = make_run(name="straight", steps=60, **shape)
    train_run(straight, ignore, never)
    killed = make_run(name="killed", steps=60, **shape)
    _kill_while_training(forks, killed, 15)
    assert killed.read_status().state == "stopped", "no process holds the lock"
    _kill_while_training(forks, killed, 30)
    with killed.metrics_file.open("a") as file:
        file.write('{"step": 31, "train_lo')  # a row that the kill cut short
    train_run(killed, ignore, never)
    assert_same_run(straight, killed, rows=6)


@pytest.mark.skipif(os.name != "posix", reason="forks")
def test_a_run_is_valid_whenever_it_is_killed(make_run, forks: Forks) -> None:
    run = make_run(steps=100_000, save_every=0.0, evaluations=10_000)
    command = ["train", "--resume", "--name", run.name, "--checkpoints", str(run.path.parent)]
    steps = []
    for delay in (0.05, 0.21):
        before = _modified(run.resume_file)
        forks.start(f"sys.stderr = open(os.devnull, 'w'); run({command!r})")
        _wait_for(run.resume_file, newer_than=before)
        time.sleep(delay)
        forks.kill()
        progress = json.loads(load_arrays(run.resume_file)[1]["progress"])
        load_arrays(run.weights_file)
        assert run.read_status().state == "stopped"
        steps.append(progress["step"])
    assert steps == sorted(steps)


def _modified(path: Path) -> float:
    return path.stat().st_mtime_ns if path.exists() else 0


def _wait_for(path: Path, newer_than: float) -> None:
    deadline = time.monotonic() + 60
    while _modified(path) <= newer_than:
        assert time.monotonic() < deadline, f"{path} did not change"
        time.sleep(0.01)


class Crash(BaseException):
    """A simulated crash of the process."""


CRASH_SITES = [
    (training_state, "save_state"),
    (trainer, "save_arrays"),
    (RunFolder, "write_status"),
    (MetricsLog, "write"),
    (LanguageModelTask, "final_evaluation"),
]


def test_a_run_that_crashed_before_any_write_resumes_exactly(
    make_run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shape = {"steps": 12, "evaluations": 2, "dropout": 0.2, "patience": 1, "learning_rate": 0.3, "hidden": 8}
    straight = make_run(name="straight", **shape)
    fresh = shutil.copytree(straight.path, tmp_path / "fresh")
    train_run(straight, ignore, never)
    writes = 0
    for index in itertools.count(1):
        countdown = index

        def crashing(original):
            def call(*args, **kwargs):
                nonlocal countdown
                countdown -= 1
                if not countdown:
                    raise Crash
                return original(*args, **kwargs)

            return call

        run = RunFolder(shutil.copytree(fresh, tmp_path / f"crash-{index}"))
        with monkeypatch.context() as patch:
            for owner, name in CRASH_SITES:
                patch.setattr(owner, name, crashing(getattr(owner, name)))
            try:
                train_run(run, ignore, never)
            except Crash:
                writes += 1
            else:
                break
        assert run.read_status().state == "stopped"
        train_run(run, ignore, never)
        assert run.read_status().state == "done"
        assert_same_run(straight, run, rows=3)
    assert writes > 12


def test_a_new_budget_is_kept_by_a_run_that_is_stopped_again(make_run) -> None:
    run = make_run(steps=20)
    train_run(run, ignore, never)
    stop = StopAfter(25)
    train_run(run, stop.report, stop, Budget(steps=40))
    assert train_run(run, ignore, never).step == 40


def test_a_new_budget_is_kept_by_a_run_that_is_killed_before_its_first_save(make_run) -> None:
    class Killed(BaseException):
        """Ends the process where a save would be next."""

    def kill(event: Event) -> None:
        if isinstance(event, Stepped):
            raise Killed

    run = make_run(steps=20)
    train_run(run, ignore, never)
    with pytest.raises(Killed):
        train_run(run, kill, never, Budget(steps=40))
    assert train_run(run, ignore, never).step == 40


def test_a_stopped_run_past_a_new_budget_is_not_called_done(make_run) -> None:
    run = make_run(steps=40)
    stop = StopAfter(25)
    train_run(run, stop.report, stop)
    with pytest.raises(RunError, match=r"is at step 25 already, past the new budget of 10 steps.*omit the budget"):
        train_run(run, ignore, never, Budget(steps=10))
    assert train_run(run, ignore, never).step == 40


def test_a_run_by_the_clock_keeps_its_plan_when_resumed(make_run, monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = itertools.count()
    monkeypatch.setattr(trainer, "time", SimpleNamespace(perf_counter=lambda: next(seconds) / 100))
    run = make_run(minutes=0.1, precision="fp32")
    stop = StopAfter(40)
    train_run(run, stop.report, stop)
    planned = run.read_status().steps
    assert planned is not None and planned > 40
    assert train_run(run, ignore, never).step == planned


def test_the_state_of_a_version_without_the_last_evaluation_resumes(make_run) -> None:
    straight, resumed = make_run(name="straight", steps=40), make_run(name="resumed", steps=40)
    train_run(straight, ignore, never)
    stop = StopAfter(25)
    train_run(resumed, stop.report, stop)
    arrays, metadata = load_arrays(resumed.resume_file)
    progress = json.loads(metadata["progress"])
    assert progress.pop("evaluated_step") == 20
    progress["plan"] = {"steps": 40, "every": 10}
    save_arrays(resumed.resume_file, arrays, {"progress": json.dumps(progress)})
    train_run(resumed, ignore, never)
    assert_same_run(straight, resumed)


def test_a_finished_run_is_an_error_and_trains_on_with_a_larger_budget(make_run) -> None:
    run = make_run(steps=20)
    train_run(run, ignore, never)
    with pytest.raises(RunError, match=r"is done, at step 20.*--steps 40"):
        train_run(run, ignore, never)
    assert train_run(run, ignore, never, Budget(steps=30)).step == 30


def test_only_one_process_trains_a_run(make_run) -> None:
    run = make_run(steps=20)
    lock = run.lock()
    try:
        with pytest.raises(RunError, match="being trained by another process"):
            train_run(run, ignore, never)
    finally:
        lock.release()
    assert not run.weights_file.exists()


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.skipif(os.name != "posix", reason="a folder with open files cannot be moved")
@pytest.mark.parametrize("is_replaced", [False, True])
def test_a_run_that_is_moved_while_it_trains_stops_and_resumes_exactly(make_run, is_replaced: bool) -> None:
    shape = {"steps": 20, "evaluations": 4, "hidden": 8}
    straight = make_run(name="straight", **shape)
    train_run(straight, ignore, never)
    run, moved = make_run(name="run", **shape), straight.path.parent / "moved"

    def move(event: Event) -> None:
        if isinstance(event, Evaluated) and event.step == 10:
            run.path.rename(moved)
            if is_replaced:
                shutil.copytree(straight.path, run.path)

    with pytest.raises(RunError, match=r"run was moved to .*/moved while it was trained"):
        train_run(run, move, never)
    if is_replaced:
        assert files_of(run.path) == files_of(straight.path), "the run that is there now is another one"
    else:
        assert not run.path.exists()
    assert not [report for report in verify_run(RunFolder(moved)) if report.is_broken]
    assert train_run(RunFolder(moved), ignore, never).step == 20
    assert_same_run(straight, RunFolder(moved), rows=5)


@pytest.mark.skipif(os.name != "posix", reason="a folder with open files cannot be moved")
def test_a_run_that_is_moved_before_its_first_row_leaves_the_metrics_of_another_alone(
    make_run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, other = make_run(name="run", steps=20), make_run(name="other", steps=20)
    run.write_status(RunStatus("running"))
    other.metrics_file.write_text('{"step": 1}\n')
    write = RunFolder.write_status

    def write_and_move(folder: RunFolder, status: RunStatus) -> None:
        write(folder, status)
        run.path.rename(run.path.parent / "moved")
        shutil.copytree(other.path, run.path)

    monkeypatch.setattr(RunFolder, "write_status", write_and_move)
    with pytest.raises(RunError, match=r"run was moved to .*/moved while it was trained"):
        train_run(run, ignore, never)
    assert files_of(run.path) == files_of(other.path)


@pytest.mark.skipif(os.name != "posix", reason="a folder with open files cannot be moved")
@pytest.mark.parametrize(
    ("change", "expected"),
    [(lambda path: path.rename(path.parent / "moved"), "moved"), (shutil.rmtree, "deleted")],
    ids=["moved", "deleted"],
)
@pytest.mark.parametrize("moment", ["read_config", "lock", "resumed"])
def test_what_became_of_a_run_is_told_whenever_it_goes(
    make_run, monkeypatch: pytest.MonkeyPatch, change: Callable[[Path], None], expected: str, moment: str
) -> None:
    run = make_run(name="run", steps=20)
    owner: Any = train_run_module.TrainingState if moment == "resumed" else RunFolder
    name = "initial" if moment == "resumed" else moment
    original, calls = getattr(owner, name), []

    def then_it_goes(*arguments: Any) -> Any:
        result = original(*arguments)
        if not calls:
            calls.append(change(run.path))
        return result

    monkeypatch.setattr(owner, name, then_it_goes)
    gone = "is gone: it was moved, renamed or deleted" if moment == "read_config" else f"was {expected}"
    with pytest.raises(RunError, match=gone) as caught:
        train_run(run, ignore, never)
    if moment != "read_config":
        assert ("--name moved --checkpoints" in caught.value.hint) == (expected == "moved")
        assert ("nothing is left" in caught.value.hint) == (expected == "deleted")
    assert not run.path.exists()


@pytest.mark.skipif(os.name != "posix", reason="an open file cannot be deleted")
def test_a_training_whose_lock_file_is_deleted_stops_before_another_can_mix_with_it(make_run) -> None:
    run = make_run(steps=20, hidden=8)

    def delete(event: Event) -> None:
        if isinstance(event, Evaluated) and event.step == 10:
            run.lock_file.unlink()

    with pytest.raises(RunError, match="its lock file"):
        train_run(run, delete, never)
    assert train_run(run, ignore, never).step == 20


def test_a_broken_resume_file_is_named_and_not_overwritten(make_run) -> None:
    run = make_run(steps=20)
    run.resume_file.write_bytes(b"not safetensors")
    with pytest.raises(RunError, match=r"state\.safetensors"):
        train_run(run, ignore, never)
    assert run.resume_file.read_bytes() == b"not safetensors"


def test_the_state_of_a_model_of_another_shape_is_refused(make_run) -> None:
    run, other = make_run(steps=20), make_run(name="other", steps=20, hidden=16)
    train_run(other, ignore, never)
    other.resume_file.replace(run.resume_file)
    with pytest.raises(RunError, match="does not match its run"):
        train_run(run, ignore, never)


@pytest.mark.parametrize(
    "name", ["average.output.bias", "optimizer.output.bias.exp_avg", "task.state.0", "task.state.2"]
)
def test_arrays_of_another_shape_in_a_state_are_refused(make_run, name: str) -> None:
    run = make_run(steps=6, ngram_prior=2)
    stop = StopAfter(2)
    train_run(run, stop.report, stop)
    arrays, metadata = load_arrays(run.resume_file)
    for shape in ((1,), (*arrays[name].shape, 2)):
        save_arrays(run.resume_file, {**arrays, name: np.zeros(shape, np.float32)}, metadata)
        with pytest.raises(RunError, match=r"does not match its run: .* has shape"):
            train_run(run, ignore, never)


def test_a_run_without_its_resume_file_does_not_start_over(make_run) -> None:
    run = make_run(steps=20)
    stop = StopAfter(12)
    train_run(run, stop.report, stop)
    weights = run.weights_file.read_bytes()
    run.resume_file.unlink()
    with pytest.raises(RunError, match=r"state\.safetensors is missing, so the run cannot be resumed"):
        train_run(run, ignore, never)
    assert run.weights_file.read_bytes() == weights


@pytest.mark.parametrize("file", ["training_ids", "validation_ids"])
def test_ids_beyond_the_vocabulary_are_an_error(make_run, file: str) -> None:
    run = make_run(steps=20)
    path = getattr(run, file)
    path.write_bytes(path.read_bytes()[:-1] + b"\xff")
    write_checksums(run)  # as a stranger may
    with pytest.raises(RunError, match=rf"{path.name} has ids that are not in the vocabulary"):
        train_run(run, ignore, never)


def test_a_state_with_values_that_are_not_finite_is_refused(make_run) -> None:
    run = make_run(steps=20)
    stop = StopAfter(12)
    train_run(run, stop.report, stop)
    arrays, metadata = load_arrays(run.resume_file)
    arrays["model.output.bias"] = np.full_like(arrays["model.output.bias"], np.nan)
    save_arrays(run.resume_file, arrays, metadata)
    with pytest.raises(RunError, match=r"model\.output\.bias holds values that are not finite"):
        train_run(run, ignore, never)


def test_a_stop_during_the_final_evaluation_ends_it_and_a_resumed_run_does_it_again(make_run) -> None:
    straight, run = make_run(name="straight", steps=6), make_run(name="stopped", steps=6)
    train_run(straight, ignore, never)
    events: list[object] = []

    def is_final() -> bool:
        return isinstance(events[-1], Evaluating) and events[-1].is_final

    finished = train_run(run, events.append, is_final)
    assert finished.reason == "interrupted" and run.read_status().state == "stopped"
    train_run(run, ignore, never)
    assert run.read_status().state == "done"
    assert_same_run(straight, run, rows=5)


def test_a_negative_position_is_an_error(make_run) -> None:
    run = make_run(steps=6)
    train_run(run, ignore, lambda: True)
    arrays, metadata = load_arrays(run.resume_file)
    save_arrays(run.resume_file, {**arrays, "task.cursor": np.array(-1)}, metadata)
    with pytest.raises(RunError, match="does not match its run: the position in the text is negative, -1"):
        train_run(run, ignore, never)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("step", "x"), ("step", -1), ("step", 1.5), ("tokens", 10**30), ("loss_sum", float("inf")), ("best_loss", "1"),
        ("clipped_count", ""), ("best_metrics", {"bleu": None}), ("best_metrics", []), ("reason", 1), ("plan", []),
        ("plan", {"steps": 10, "every": 0}), ("plan", {"steps": True, "every": 1}), ("budget", {"steps": 0}), ("x", 1),
    ],
)  # fmt: skip
def test_a_progress_with_an_invalid_field_is_refused(key: str, value: object) -> None:
    values = {**asdict(TrainingProgress(plan=StepPlan(10, 5))), "best_loss": 2, "best_metrics": {"bleu": 1.0}}
    assert TrainingProgress.from_json(values).plan.every == 5
    with pytest.raises((ValueError, TypeError, UsageError)):
        TrainingProgress.from_json({**values, key: value})


@pytest.mark.parametrize("name", ["resume", "tensorboard", "metrics.jsonl"])
def test_a_training_writes_nothing_behind_a_link(tmp_path: Path, name: str) -> None:
    run = tiny_runs.make_run(tmp_path, "run")
    outside = tmp_path / "outside"
    outside.touch() if name.endswith(".jsonl") else outside.mkdir()
    (run.path / name).symlink_to(outside)
    with pytest.raises(RunError, match=f"run/{name} is a symbolic link"):
        train_run(run, ignore, never)
    assert not (any(outside.iterdir()) if outside.is_dir() else outside.read_bytes())
