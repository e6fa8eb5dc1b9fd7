"""Training of a run of any kind, new or resumed, under the run's lock."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace

import torch

from rnntui.atomic_files import remove_partial_files
from rnntui.config import Budget
from rnntui.errors import RunError
from rnntui.kinds.model_kind import resolve
from rnntui.kinds.registry import KINDS
from rnntui.runs.checksums import read_checked_config
from rnntui.runs.folder import RunFolder, check_no_links
from rnntui.runs.held_run import HeldRun
from rnntui.runs.run_config import RunConfig
from rnntui.runs.run_status import RunStatus
from rnntui.training.device import choose_hardware, max_threads
from rnntui.training.events import Event, Finished
from rnntui.training.follower import follow
from rnntui.training.metrics_and_status import MetricsWriter
from rnntui.training.process_group import SINGLE_PROCESS, Command, ProcessGroup, ProcessLostError
from rnntui.training.progress import TrainingProgress
from rnntui.training.self_check import check_kernels
from rnntui.training.step_memory import require_step_memory, require_weights_fit
from rnntui.training.task import Task
from rnntui.training.threads import one_thread
from rnntui.training.trainer import Trainer
from rnntui.training.training_state import TrainingState


def train_run(
    run: RunFolder,
    report: Callable[[Event], None],
    stop_requested: Callable[[], bool],
    budget: Budget | None = None,
    group: ProcessGroup = SINGLE_PROCESS,
) -> Finished:
    """Train a run from its start or from its resume file, under its lock.

    Args:
        run: The run to train.
        report: Receives every event of the training.
        stop_requested: Asked before every step; training stops and saves once it returns True.
        budget: Replaces the budget of the run.
        group: The processes that train together; this one is of rank 0, and the others call `follow_run`.

    Raises `RunError` if the run is in use, broken, moved or deleted meanwhile, or has nothing left to do,
    `TrainingError` if it diverges or torch computes wrong numbers on this machine.
    """
    _require_kind(run, run.read_config())
    check_no_links(run)
    with HeldRun(run) as held, _others_told_of_errors(group):
        # Of the run that is locked now. The data of one that was never begun have just been written.
        config = read_checked_config(run, with_data=run.status_file.exists())
        for folder in (run.path, run.resume_folder):
            remove_partial_files(folder)
        if not run.status_file.exists():
            run.write_status(RunStatus("running"))  # lists show it, and it can be stopped, before its first evaluation
        settings, task = config.training, open_task(run, config, group)
        if run.resume_file.is_file():
            state = TrainingState.resumed(task, settings, run, budget)
            if state.is_over and (budget is not None or run.read_status().state == "done"):
                has_all_epochs = state.planner.is_at_most_epochs(state.progress)
                epochs = settings.max_epochs if has_all_epochs else None
                raise _nothing_left(run, state.progress, budget or config.budget, epochs)
            if budget is not None:
                state.save(run.resume_file)  # a run killed before its first save keeps its new budget
        elif run.read_status().step:
            raise RunError(f"{run.resume_file} is missing, so the run cannot be resumed", hint="start a new run")
        else:
            state = TrainingState.initial(task, settings, budget or config.budget)
        held.check()  # loading takes a while
        # Metrics that were written after the last save are dropped, and with them what the status says of the file.
        run.write_status(replace(run.read_status(), metrics_bytes=0, metrics_sha256=""))
        held.check()  # or the metrics of another run would be dropped
        events = run.tensorboard_folder if settings.tensorboard else None
        with contextlib.closing(MetricsWriter(run.metrics_file, state.progress, events)) as metrics:
            return Trainer(state, settings, held, metrics, report, stop_requested).train()


def follow_run(run: RunFolder, stop_requested: Callable[[], bool], group: ProcessGroup) -> bool:
    """Take part in the training of a run by several processes; return True if it ended well, False if interrupted.

    The process of rank 0 calls `train_run` and has the run's lock; this one reads the run and writes nothing.

    Raises `ProcessLostError` if the training failed in another process, else as `train_run`.
    """
    config = run.read_config()
    task = open_task(run, config, group)
    settings = replace(config.training, weight_average=0.0)  # which rank 0 has
    if run.resume_file.is_file():
        state = TrainingState.resumed(task, settings, run, None)
    else:
        state = TrainingState.initial(task, settings, config.budget)
    return follow(state, settings, stop_requested)


def open_task(run: RunFolder, config: RunConfig, group: ProcessGroup = SINGLE_PROCESS) -> Task:
    """Open the data of a run and make its model, with the random weights of its seed.

    Raises `RunError` if the run is broken or of an unknown kind, `TrainingError` if a step needs more memory than there
    is, or if torch computes wrong numbers on this machine.
    """
    _require_kind(run, config)
    task_class: type[Task] = resolve(KINDS[config.kind].task)
    require_weights_fit(run, config)
    settings = config.training
    hardware = replace(choose_hardware(settings.device, settings.precision, settings.threads), group=group)
    check_kernels(config.model, hardware, (1, max_threads(settings.threads)))
    torch.manual_seed(settings.seed)
    with one_thread():  # an orthogonal matrix, for one, is rounded differently on each number of threads
        task = task_class.from_run(run, config, hardware)
    weights = sum(parameter.numel() for parameter in task.model.parameters())
    is_averaged = settings.weight_average > 0
    require_step_memory(task.step_bytes / group.size, weights, task.kind, hardware, is_averaged=is_averaged)
    return task


@contextlib.contextmanager
def _others_told_of_errors(group: ProcessGroup) -> Iterator[None]:
    """Have the other processes end where the block is ended by an error."""
    try:
        yield
    except ProcessLostError:
        raise
    except BaseException:
        with contextlib.suppress(ProcessLostError):
            group.announce(Command.END, 2)
        raise


def _require_kind(run: RunFolder, config: RunConfig) -> None:
    if config.kind not in KINDS:
        raise RunError(f"run {run.name} is a {config.kind}; this rnntui trains {', '.join(KINDS)}")


def _nothing_left(run: RunFolder, progress: TrainingProgress, budget: Budget, max_epochs: float | None) -> RunError:
    """Return the error of a run that is done, or past a new budget; its hint is a larger budget of the same kind.

    `max_epochs` is the number of epochs that ended it, if that did.
    """
    if max_epochs is not None:
        return RunError(
            f"run {run.name} has had its {max_epochs:g} epochs (--max-epochs), at step {progress.step:,}",
            hint=f"to continue training, give epochs, such as --resume --epochs {2 * max_epochs:g}",
        )
    minutes = 2 * max(budget.minutes or 0.0, progress.seconds / 60)
    larger = f"--resume --steps {2 * progress.step}" if budget.minutes is None else f"--resume --minutes {minutes:.3g}"
    if run.read_status().state == "done":
        return RunError(
            f"run {run.name} is done, at step {progress.step:,}",
            hint=f"to continue training, give a larger budget, such as {larger}",
        )
    return RunError(
        f"run {run.name} is at step {progress.step:,} already, past the new budget of {budget.summary}",
        hint=f"omit the budget to continue with the run's own, or give a larger one, such as {larger}",
    )
