"""Parts of the commands that train: flags of input files, stopping by a signal, what resuming refuses, the training."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, Any, TypeVar

import click

from rnntui.config import Budget, described_settings, flag_of
from rnntui.errors import INTERRUPTED_EXIT_CODE, UsageError

if TYPE_CHECKING:
    from rnntui.kinds.model_kind import ModelKind
    from rnntui.runs.folder import RunFolder
    from rnntui.runs.run_config import RunConfig


Command = TypeVar("Command", bound=Callable[..., Any])


def input_options(kind: ModelKind) -> Callable[[Command], Command]:
    """Add the argument and the flags that name the input files of a kind."""
    main, *flags = kind.inputs

    def add(command: Command) -> Command:
        for files in reversed(flags):
            text = f"{files.help[0].upper()}{files.help[1:]}."
            command = click.option(flag_of(files.name), metavar="FILE", help=text)(command)
        return click.argument(main.name, nargs=-1)(command)

    return add


class StopRequest:
    """Handler of Ctrl-C and termination signals: the first asks training to stop and save, a second Ctrl-C kills.

    Signals are caught inside its `with` block; one that was ignored before, as under `nohup`, stays ignored.
    """

    def __init__(self) -> None:
        self.requested = False
        self._training = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> StopRequest:
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)  # not every system has all three
            if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def training(self) -> None:
        """Save on a signal from now on; before, a signal ends the process, as nothing is written yet."""
        self._training = True

    def __call__(self) -> bool:
        return self.requested

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if not self._training or (self.requested and number == signal.SIGINT):
            raise KeyboardInterrupt
        self.requested = True


def refuse_changes(config: RunConfig, given: dict[str, Any]) -> None:
    """Raises `UsageError` if a given setting differs from the run's own; `given` is by option name."""
    for group in (config.model, config.tokenizer, config.training):
        for name, described in described_settings(type(group)).items():
            option = described.option
            if option in given and given[option] != getattr(group, name):
                raise UsageError(
                    f"{flag_of(option)} cannot change when a run is resumed (it is {getattr(group, name)}, "
                    f"got {given[option]})",
                    setting=option,
                    hint="leave it out, or start a new run",
                )


def train_and_report(run: RunFolder, stop: StopRequest, budget: Budget | None) -> int:
    """Train a run with its progress on stderr; `budget` replaces the one it was made with. Returns the exit code."""
    from rnntui.cli.progress import make_reporter
    from rnntui.training.train_run import train_run

    stop.training()
    with make_reporter(sys.stderr, run) as report:
        finished = train_run(run, report, stop, budget)
    return INTERRUPTED_EXIT_CODE if finished.reason == "interrupted" else 0
