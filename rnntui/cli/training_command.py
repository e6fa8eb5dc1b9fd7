"""Parts of the commands that train: flags, checks of resuming, progress on stderr."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import cached_property, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rnntui.cli.environment import prepare_for_torch
from rnntui.cli.inputs import input_options
from rnntui.cli.options import checkpoints_option, corpus_options, given_settings, settings_options
from rnntui.cli.rate_search import RateSearch, rate_search_options
from rnntui.cli.settings_file import settings_file_options
from rnntui.cli.stop_request import StopRequest
from rnntui.cli.terminal import print_note
from rnntui.config import Budget, ReadingConfig, TrainerConfig
from rnntui.errors import INTERRUPTED_EXIT_CODE, UsageError
from rnntui.extras import require_extra
from rnntui.settings import Settings, flag_of, settings_of

if TYPE_CHECKING:
    from rnntui.cli.processes import TrainingProcesses
    from rnntui.kinds.model_kind import ModelKind
    from rnntui.runs.folder import RunFolder
    from rnntui.training.process_group import ProcessGroup


@dataclass(frozen=True)
class TrainingOptions:
    """What is said on the command line of every training, beside the input files and the settings of its kind.

    Args:
        context: that of the command.
        kind: the kind of run.
        name: name of the run; None: after the corpus, or the newest run to resume.
        resume: True if a run is to be resumed.
        accept_changed_corpus: True if it is to be resumed though the text has changed.
        checkpoints: the folder of runs; None for the usual one.
        reading: how text files are read.
        search: whether a learning rate is to be found.
    """

    context: click.Context
    kind: ModelKind
    name: str | None
    resume: bool
    accept_changed_corpus: bool
    checkpoints: str | None
    reading: ReadingConfig
    search: RateSearch

    def check(self, budget: Budget, training: TrainerConfig) -> None:
        """Raise `UsageError` where options do not go with each other."""
        given = self.given(type(training))
        budget.check_max_epochs(given)
        if self.accept_changed_corpus and not self.resume:
            raise UsageError(
                "--accept-changed-corpus goes with --resume", setting="accept_changed_corpus",
                hint="a new run reads the text as it is now",
            )  # fmt: skip
        self.search.check(resume=self.resume, has_rate="learning_rate" in given)

    def given(self, *settings: type[Settings]) -> frozenset[str]:
        """Return the names of those settings that the user gave."""
        return frozenset(given_settings(self.context, *settings))

    @property
    def accept_change(self) -> Callable[[str], None] | None:
        """What a run to resume may tell of a text that has changed; None if such a text is refused."""
        return print_note if self.accept_changed_corpus else None

    @cached_property
    def folder(self) -> Path:
        """The folder of runs. Raises `UsageError` for a name that a new run cannot have, or if it is a file."""
        return runs_folder(self.checkpoints, self.name, resume=self.resume)

    @contextmanager
    def processes(self, training: TrainerConfig) -> Iterator[tuple[StopRequest, TrainingProcesses]]:
        """Stop by signals, and be one of the processes of the training, inside this block."""
        from rnntui.cli.processes import TrainingProcesses

        new, searches = None if self.resume else training, self.search.is_wanted
        with (
            StopRequest() as stop,
            TrainingProcesses(self.kind, new, self.folder, searches_rate=searches) as processes,
        ):
            yield stop, processes

    def train(self, run: RunFolder, budget: Budget, stop: StopRequest, processes: TrainingProcesses) -> int:
        """Train a run, a resumed one with the budget of the command line if that has one; see `train_and_report`."""
        return train_and_report(run, stop, budget if self.resume and self.given(Budget) else None, processes)


def training_options(kind: ModelKind) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Add the flags of a command that trains a kind: input files, name, resuming, and every setting of a training.

    The command gets a `TrainingOptions`, and as keywords its input files and the settings of the kind.
    """

    def add(command: Callable[..., int]) -> Callable[..., int]:
        @click.pass_context
        @wraps(command)
        def wrapped(context: click.Context, /, **values: Any) -> int:
            def taken(names: Iterable[str]) -> list[Any]:
                return [values.pop(name) for name in names]

            reading = ReadingConfig(*taken(settings_of(ReadingConfig)))
            search = RateSearch(*taken(field.name for field in fields(RateSearch)))
            named = {name: values.pop(name) for name in ("name", "resume", "accept_changed_corpus", "checkpoints")}
            options = TrainingOptions(context=context, kind=kind, reading=reading, search=search, **named)
            return command(options, **values)

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
            wrapped = option(wrapped)
        return wrapped

    return add


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
