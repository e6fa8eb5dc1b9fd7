"""Going on exactly where a run stopped, however it stopped."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from rnntui.config import Budget
from rnntui.errors import RunError
from rnntui.runs.folder import RunFolder
from rnntui.runs.metrics_log import MetricsLog, read_metrics
from rnntui.runs.weights_file import load_arrays, save_arrays
from rnntui.training import trainer, training_state
from rnntui.training.events import Event, Stepped
from rnntui.training.language_model_task import LanguageModelTask
from rnntui.training.train_run import train_run

STEPS = 60
SHAPES = [
    {"cell": "lstm", "layers": 2, "dropout": 0.3},
    {"cell": "gru", "layers": 1, "dropout": 0.2},
    {"cell": "rnn", "nonlinearity": "relu", "layers": 1, "learning_rate": 1e-3},
    {"tokenizer": "bpe", "vocab_size": 300},
]


def ignore(event: Event) -> None:
    """A run that nobody watches."""


def never() -> bool:
    return False


class StopAfter:
    """Asks for a stop once a step is done, as Ctrl-C would."""

    def __init__(self, step: int) -> None:
        self._step = step
        self._asked = False

    def report(self, event: Event) -> None:
        self._asked = self._asked or (isinstance(event, Stepped) and event.step >= self._step)

    def __call__(self) -> bool:
        return self._asked


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
    return {k: v for k, v in {**row, **progress}.items() if k not in ("seconds", "tokens_per_second")}


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: "-".join(map(str, shape.values())))
def test_a_run_stopped_and_resumed_equals_one_that_never_stopped(make_run, shape: dict) -> None:
    straight = make_run(name="straight", steps=STEPS, **shape)
    train_run(straight, ignore, never)
    stopped = make_run(name="stopped", steps=STEPS, **shape)
    for step in (17, 43):  # neither at a check nor at a row of the metrics
        stop = StopAfter(step)
        finished = train_run(stopped, stop.report, stop)
        assert (finished.reason, finished.step) == ("interrupted", step)
        assert stopped.read_status().state == "stopped"
    train_run(stopped, ignore, never)
    assert stopped.read_status().state == "done"
    assert_same_run(straight, stopped)


def _killed_while_training(run: RunFolder, from_step: int) -> int:
    """Train in a process of its own and kill it without warning once it has passed a step; gives the step seen."""
    code = (
        "import sys; from pathlib import Path; from rnntui.runs.folder import RunFolder;"
        "from rnntui.training.train_run import train_run;"
        "report = lambda event: print(getattr(event, 'step', 0), flush=True);"
        "train_run(RunFolder(Path(sys.argv[1])), report, lambda: False)"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(run.path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if int(line) >= from_step:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            process.stdout.close()
            return int(line)
    raise AssertionError("the run ended before it could be killed")


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is of Unix")
def test_a_run_killed_without_warning_and_resumed_equals_one_that_never_stopped(make_run) -> None:
    shape = {"layers": 2, "dropout": 0.3, "save_every": 0.0}
    straight = make_run(name="straight", steps=STEPS, **shape)
    train_run(straight, ignore, never)
    killed = make_run(name="killed", steps=STEPS, **shape)
    _killed_while_training(killed, STEPS // 4)
    assert killed.read_status().state == "stopped", "nobody holds the lock"
    _killed_while_training(killed, STEPS // 2)
    with killed.metrics_file.open("a") as file:
        file.write('{"step": 31, "train_lo')  # a row that the kill cut short
    train_run(killed, ignore, never)
    assert_same_run(straight, killed)


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is of Unix")
def test_the_run_is_whole_whenever_it_is_killed(make_run) -> None:
    run = make_run(steps=100_000, save_every=0.0, evaluations=10_000)
    code = (
        "import sys; from rnntui.cli.main import run;"
        "sys.exit(run(['train', '--resume', '--name', sys.argv[1], '--checkpoints', sys.argv[2]]))"
    )
    command = [sys.executable, "-c", code, run.name, str(run.path.parent)]
    steps = []
    for delay in (0.05, 0.21):
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        _wait_for(run.resume_file, newer_than=_changed(run.resume_file))
        time.sleep(delay)
        process.kill()
        process.wait()
        progress = json.loads(load_arrays(run.resume_file)[1]["progress"])
        load_arrays(run.weights_file)
        assert run.read_status().state == "stopped"
        steps.append(progress["step"])
    assert steps == sorted(steps)


def _changed(path: Path) -> float:
    return path.stat().st_mtime_ns if path.exists() else 0


def _wait_for(path: Path, newer_than: float) -> None:
    deadline = time.monotonic() + 60
    while _changed(path) <= newer_than:
        assert time.monotonic() < deadline, f"{path} did not change"
        time.sleep(0.01)


class Crash(BaseException):
    """The process dies here."""


CRASH_SITES = [
    (training_state, "save_state"),
    (trainer, "save_arrays"),
    (RunFolder, "write_status"),
    (MetricsLog, "write"),
    (LanguageModelTask, "final_evaluation"),
]


def test_a_crash_before_any_write_of_a_run_is_made_good_by_resuming(make_run, monkeypatch: pytest.MonkeyPatch) -> None:
    shape = {"steps": 22, "evaluations": 2, "dropout": 0.2, "patience": 1, "learning_rate": 0.3, "hidden": 8}
    straight = make_run(name="straight", **shape)
    train_run(straight, ignore, never)
    writes = 0
    for number in itertools.count(1):
        countdown = number

        def dying(original):
            def call(*arguments, **named):
                nonlocal countdown
                countdown -= 1
                if not countdown:
                    raise Crash
                return original(*arguments, **named)

            return call

        run = make_run(name=f"crash-{number}", **shape)
        with monkeypatch.context() as patch:
            for place, name in CRASH_SITES:
                patch.setattr(place, name, dying(getattr(place, name)))
            try:
                train_run(run, ignore, never)
            except Crash:
                writes += 1
            else:
                break
        assert run.read_status().state == "stopped"
        train_run(run, ignore, never)
        assert run.read_status().state == "done"
        assert_same_run(straight, run, rows=5)
    assert writes > 12


def test_a_new_budget_is_kept_by_a_run_that_is_stopped_again(make_run) -> None:
    run = make_run(steps=20)
    train_run(run, ignore, never)
    stop = StopAfter(25)
    train_run(run, stop.report, stop, Budget(steps=40))
    assert train_run(run, ignore, never).step == 40


def test_a_run_by_the_clock_keeps_its_plan_when_resumed(make_run) -> None:
    run = make_run(minutes=0.05)
    stop = StopAfter(40)
    train_run(run, stop.report, stop)
    planned = run.read_status().steps
    assert planned is not None and planned > 40
    assert train_run(run, ignore, never).step == planned


def test_a_finished_run_says_so_and_goes_on_with_a_larger_budget(make_run) -> None:
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


def test_a_broken_resume_file_is_named_and_left_alone(make_run) -> None:
    run = make_run(steps=20)
    run.resume_file.write_bytes(b"not safetensors")
    with pytest.raises(RunError, match=r"state\.safetensors"):
        train_run(run, ignore, never)
    assert run.resume_file.read_bytes() == b"not safetensors"


def test_the_state_of_another_shape_of_model_is_refused(make_run) -> None:
    run, other = make_run(steps=20), make_run(name="other", steps=20, hidden=16)
    train_run(other, ignore, never)
    other.resume_file.replace(run.resume_file)
    with pytest.raises(RunError, match="does not fit its run"):
        train_run(run, ignore, never)


def test_a_run_whose_place_is_gone_does_not_begin_anew_over_itself(make_run) -> None:
    run = make_run(steps=20)
    stop = StopAfter(12)
    train_run(run, stop.report, stop)
    weights = run.weights_file.read_bytes()
    run.resume_file.unlink()
    with pytest.raises(RunError, match=r"state\.safetensors is gone"):
        train_run(run, ignore, never)
    assert run.weights_file.read_bytes() == weights


def test_ids_that_are_not_of_the_vocabulary_are_told(make_run) -> None:
    run = make_run(steps=20)
    run.training_ids.write_bytes(b"\xff" * run.training_ids.stat().st_size)
    with pytest.raises(RunError, match="not of its vocabulary"):
        train_run(run, ignore, never)


def test_a_state_of_numbers_that_are_none_is_refused(make_run) -> None:
    run = make_run(steps=20)
    stop = StopAfter(12)
    train_run(run, stop.report, stop)
    arrays, metadata = load_arrays(run.resume_file)
    arrays["model.output.bias"] = np.full_like(arrays["model.output.bias"], np.nan)
    save_arrays(run.resume_file, arrays, metadata)
    with pytest.raises(RunError, match=r"model\.output\.bias holds values that are not finite"):
        train_run(run, ignore, never)
