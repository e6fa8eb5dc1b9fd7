"""Training a run from where it stands, under its lock; whatever its kind."""

from __future__ import annotations

from collections.abc import Callable

import torch

from rnntui.atomic_files import remove_partial_files
from rnntui.config import Budget
from rnntui.errors import RunError
from rnntui.kinds.model_kind import resolve
from rnntui.kinds.registry import KINDS
from rnntui.runs.folder import RunFolder
from rnntui.training.device import choose_hardware
from rnntui.training.events import Event, Finished
from rnntui.training.task import Task
from rnntui.training.trainer import Trainer


def train_run(
    run: RunFolder,
    report: Callable[[Event], None],
    stop_requested: Callable[[], bool],
    budget: Budget | None = None,
) -> Finished:
    """Train a run from where it stands, alone under its lock; `budget` replaces the one it was made with.

    Raises `RunError` if the run is in use, broken, or has nothing left to do, `TrainingError` if it diverges.
    """
    config = run.read_config()
    if config.kind not in KINDS:
        raise RunError(f"run {run.name} is a {config.kind}; this rnntui trains {', '.join(KINDS)}")
    task_class: type[Task] = resolve(KINDS[config.kind].task)
    lock = run.lock()
    try:
        for folder in (run.path, run.resume_folder):
            remove_partial_files(folder)
        settings = config.training
        hardware = choose_hardware(settings.device, settings.precision, settings.threads)
        torch.manual_seed(settings.seed)
        task = task_class.from_run(run, config, hardware)
        trainer = Trainer(task, settings, budget or config.budget, run, report, stop_requested)
        if run.resume_file.is_file():
            trainer.resume(budget)
            if trainer.over and (budget is not None or run.read_status().state == "done"):
                step, minutes = trainer.step, (budget or config.budget).minutes
                longer = 2 * max(minutes or 0.0, trainer.minutes)
                more = f"--steps {2 * step}" if minutes is None else f"--minutes {longer:.3g}"
                raise RunError(
                    f"run {run.name} is done, at step {step:,}; to train on, give a larger budget, "
                    f"such as --resume {more}"
                )
        elif run.read_status().step:
            raise RunError(f"{run.resume_file} is gone, and with it the place to go on from; start a new run")
        return trainer.train()
    except IndexError as error:
        raise RunError(f"the ids in {run.resume_folder} are not of its vocabulary; start a new run") from error
    finally:
        lock.release()
