"""Training processes that do not run, and runs as trainings leave them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from tiny_runs import make_run

from rnntui.runs.folder import RunFolder
from rnntui.runs.run_status import RunStatus
from rnntui.sessions.training_process import TrainingProcess


class FakeProcess:
    """A stand-in for `Popen`: it ends when a test sets `code`."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.code: int | None = None

    def poll(self) -> int | None:
        return self.code

    def wait(self) -> int:
        assert self.code is not None
        return self.code


@dataclass
class FakeLauncher:
    """A stand-in for `launch_training` that starts nothing and records its calls."""

    folder: Path
    calls: list[list[str]] = field(default_factory=list)
    processes: list[FakeProcess] = field(default_factory=list)
    outputs: list[Path] = field(default_factory=list)

    def __call__(self, arguments: Sequence[str], activity: str, name: str, path: str | None) -> TrainingProcess:
        self.calls.append(list(arguments))
        self.processes.append(FakeProcess(4_000_000 + len(self.calls)))
        self.outputs.append(self.folder / f"output-{len(self.calls)}")
        self.outputs[-1].write_text("")
        return TrainingProcess(activity, name, self.outputs[-1], cast(Any, self.processes[-1]), path)


def row(step: int, **values: object) -> str:
    """Return a line of `metrics.jsonl`."""
    return json.dumps({"step": step, "tokens": 10 * step, "seconds": step / 10, **values}) + "\n"


def metrics(steps: int, every: int = 10) -> str:
    """Return the metrics of a training of so many steps."""
    return "".join(
        row(step, train_loss=3.0 - step / 1000, learning_rate=0.004, gradient_norm=0.5, tokens_per_second=9000.0)
        + row(step, validation_loss=3.1 - step / 1000, bits_per_character=4.0, sample=f"text of step {step}")
        for step in range(every, steps + 1, every)
    )


def make_logged(folder: Path, name: str, steps: int = 100) -> RunFolder:
    """Make a run that has logged so many steps."""
    run = make_run(folder, name)
    run.metrics_file.write_text(metrics(steps))
    return run


def make_resumable(folder: Path, name: str, state: str) -> RunFolder:
    """Make a run that has everything that resuming checks for."""
    run = make_logged(folder, name)
    run.resume_folder.mkdir()
    run.training_ids.touch()
    run.validation_ids.touch()
    run.write_status(RunStatus.from_json({"state": state, "step": 10, "steps": 10}))
    return run


def make_two_runs(folder: Path) -> Path:
    """Make two logged runs, `first` and `second`, of which `second` is the newer, and return their folder."""
    for age, name in enumerate(("second", "first")):
        run = make_logged(folder, name, 100 if name == "first" else 200)
        run.write_config(replace(run.read_config(), created=1000.0 - age))
    return folder


def write_status(run: RunFolder, state: str, **values: object) -> None:
    """Write the status of a run, with other fields than the state if given."""
    run.write_status(RunStatus.from_json({"state": state, **values}))
