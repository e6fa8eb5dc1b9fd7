"""Parts of the commands that train: flags, stopping by a signal, checks of resuming, progress on stderr."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import click

from rnntui.cli.environment import prepare_for_torch
from rnntui.cli.inputs import input_options
from rnntui.cli.options import checkpoints_option, corpus_options, given_settings, settings_options
from rnntui.cli.rate_search import rate_search_options
from rnntui.cli.settings_file import settings_file_options
from rnntui.cli.signals import SignalThread
from rnntui.cli.terminal import print_note
from rnntui.config import Budget
from rnntui.errors import INTERRUPTED_EXIT_CODE, UsageError
from rnntui.extras import require_extra
from rnntui.settings import flag_of, settings_of

if TYPE_CHECKING:
    from rnntui.cli.processes import TrainingProcesses
    from rnntui.kinds.model_kind import ModelKind
    from rnntui.runs.folder import RunFolder
    from rnntui.training.process_group import ProcessGroup

_ABORT_SECONDS = 2.0  # for the training to end in its own way

Command = TypeVar("Command", bound=Callable[..., Any])


class StoppableReporter(Protocol):
    """Display of a training that can be asked to stop. All is called from any thread."""

    def acknowledge_stop(self) -> None:
        """Answer a request to stop."""
        ...

    def end(self) -> None:
        """End the display, as the process is about to end at once."""
        ...

    def interrupted_lines(self) -> list[str]:
        """Return what is lost where the training was ended at once, and the command that continues it."""
        ...


def training_options(kind: ModelKind) -> Callable[[Command], Command]:
    """Add the flags of a command that trains a kind: input files, name, resuming, and every setting of a training."""

    def add(command: Command) -> Command:
        for option in (
            corpus_options,
            settings_options(*kind.settings.values()),
            checkpoints_option,
            rate_search_options,
            settings_file_options(kind),
            click.option("--resume", is_flag=True, help="Resume the newest run on this text, or the run of --name."),
            click.option(
                "--accept-changed-corpus",
                is_flag=True,
                help="With --resume: go on though the text has changed; the run trains on its own copy, as it was.",
            ),
            click.option("--name", help="Name of the run [default: after the corpus]."),
            input_options(kind),
        ):
            command = option(command)
        return command

    return add


def change_listener(*, resume: bool, accept_changed_corpus: bool) -> Callable[[str], None] | None:
    """Return what a run to resume may tell of a text that has changed; None if such a text is refused.

    Raises `UsageError` for `--accept-changed-corpus` without `--resume`.
    """
    if accept_changed_corpus and not resume:
        raise UsageError(
            "--accept-changed-corpus goes with --resume", setting="accept_changed_corpus",
            hint="a new run reads the text as it is now",
        )  # fmt: skip
    return print_note if accept_changed_corpus else None


def prepare_training() -> None:
    """Set the environment for torch, before anything imports it. Raises `MissingExtraError` if it is not installed."""
    require_extra("train", "training")
    prepare_for_torch()


def runs_folder(checkpoints: str | None, name: str | None, *, resume: bool) -> Path:
    """Return the folder of runs. A name that a new run cannot have is refused here, before anything is read.

    The run of that name may be there if torchrun has restarted the job that made it.

    Raises `UsageError` for such a name, or if `checkpoints` is a file.
    """
    from rnntui.runs.creation import check_name
    from rnntui.runs.folder import RunFolder
    from rnntui.runs.lookup import checkpoints_folder

    folder = checkpoints_folder(checkpoints)
    if name is not None and not resume:
        from rnntui.training.torchrun import TorchrunEnvironment

        if not TorchrunEnvironment.read().has_made(RunFolder(folder / name)):
            check_name(name, folder)
    return folder


class StopRequest:
    """Handler of Ctrl-C and termination signals: the first asks the training to save and stop, a second Ctrl-C aborts.

    A step may be one long call into torch, so a thread reads the signals, answers at once, and ends the process where
    an abort comes to nothing. Signals are handled inside its `with` block; see `SignalThread`.
    """

    def __init__(self) -> None:
        self.requested = False
        self._is_aborted, self._is_answered = False, False
        self._training: StoppableReporter | None = None
        self._signals = SignalThread(self._on_signal, self._answer)
        self._is_over = threading.Event()

    def __enter__(self) -> StopRequest:
        self._signals.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._is_over.set()
        self._signals.__exit__(*error)

    def begin_training(self, reporter: StoppableReporter) -> None:
        """From now on, save on a signal; before, a signal ends the process, as nothing is written yet."""
        self._training = reporter

    def end_training(self) -> None:
        """The training is over, so that no thread has to end the process."""
        self._is_over.set()

    def __call__(self) -> bool:
        return self.requested

    def _on_signal(self, signal_number: int, frame: FrameType | None) -> None:
        if self._training is None or (self.requested and signal_number == signal.SIGINT and not self._is_aborted):
            self._is_aborted = True  # a third one must not interrupt what the second one began
            raise KeyboardInterrupt
        self.requested = True

    def _answer(self, signal_number: int) -> None:
        reporter = self._training
        if reporter is None:
            return
        if not self._is_answered:
            self._is_answered = True
            reporter.acknowledge_stop()
        elif signal_number == signal.SIGINT and not self._is_over.wait(_ABORT_SECONDS):
            reporter.end()
            for line in reporter.interrupted_lines():
                print_note(line)
            os._exit(INTERRUPTED_EXIT_CODE)  # a run on disk is whole at any instant


def budget_of_resume(context: click.Context, budget: Budget) -> Budget | None:
    """Return the new budget of a run to resume; None if the command line names none."""
    return budget if given_settings(context, Budget) else None


def refuse_changes(context: click.Context, run: RunFolder) -> None:
    """Raise `UsageError` if a setting on the command line differs from that of the run to resume."""
    config = run.read_config()
    for section in (config.model, config.tokenizer, config.training):
        given = given_settings(context, type(section))
        for name, setting in settings_of(type(section)).items():
            option = setting.option_name
            value = getattr(section, name)
            is_resolved = setting.resolved and context.params[option] == "auto"
            if option in given and context.params[option] != value and not is_resolved:
                none = setting.none or "not set"
                shown, wanted = (none if item is None else item for item in (value, context.params[option]))
                raise changed_setting(option, shown, wanted)


def changed_setting(option: str, value: object, wanted: object) -> UsageError:
    """Return the error for a setting on the command line that is not that of the run to resume."""
    return UsageError(
        f"{flag_of(option)} cannot change when a run is resumed (it is {value}, got {wanted})",
        setting=option,
        hint="leave it out, or start a new run",
    )


class _SilentReporter:
    """Display of a process whose training another one shows."""

    def acknowledge_stop(self) -> None:
        pass

    def end(self) -> None:
        pass

    def interrupted_lines(self) -> list[str]:
        return []


def train_and_report(
    run: RunFolder, stop: StopRequest, budget: Budget | None, processes: TrainingProcesses | None = None
) -> int:
    """Train a run with progress on stderr, and return the exit code.

    Args:
        run: The run to train.
        stop: Asked before every step.
        budget: Replaces the run's own.
        processes: Those that train together; only that of rank 0 shows the training. None for this one alone.
    """
    try:  # the run exists: an interruption from here on, even of torch's import, says how to go on with it
        if processes is None:
            return _train(run, stop, budget, None)
        processes.begin(run)
        group = processes.group
        return _train(run, stop, budget, group) if group.is_main else _follow(run, stop, group)
    except KeyboardInterrupt:
        from rnntui.cli.progress import interrupted_lines

        stop.end_training()
        if processes is not None and not processes.is_main:
            return INTERRUPTED_EXIT_CODE
        for line in interrupted_lines(run):
            print_note(line)
        return INTERRUPTED_EXIT_CODE


def _follow(run: RunFolder, stop: StopRequest, group: ProcessGroup) -> int:
    from rnntui.training.train_run import follow_run

    stop.begin_training(_SilentReporter())
    return 0 if follow_run(run, stop, group) else INTERRUPTED_EXIT_CODE


def _train(run: RunFolder, stop: StopRequest, budget: Budget | None, group: ProcessGroup | None) -> int:
    from rnntui.cli.progress import make_reporter
    from rnntui.processors import usable_cpus
    from rnntui.runs.lookup import shipped_name_note
    from rnntui.training.process_group import SINGLE_PROCESS
    from rnntui.training.train_run import train_run

    threads, cpus = run.read_config().training.threads, usable_cpus()
    if threads is not None and threads > cpus:
        print_note(f"--threads {threads}: more threads than usable CPUs (here {cpus}) slow training down")
    name_note = "" if run.resume_file.is_file() else shipped_name_note(run.name, run.read_config().corpus.name)
    if name_note:
        print_note(name_note)
    reporter = make_reporter(sys.stderr, run)
    stop.begin_training(reporter)
    with reporter:
        finished = train_run(run, reporter.report, stop, budget, group or SINGLE_PROCESS)
    return INTERRUPTED_EXIT_CODE if finished.reason == "interrupted" else 0
