"""`--find-learning-rate` of the commands that train: the learning rate range test, its curve, its suggestion."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from rnntui.atomic_files import write_user_file
from rnntui.cli.chart_output import save_image
from rnntui.cli.inspect_output import print_inspection
from rnntui.cli.progress_bar import ProgressBar
from rnntui.cli.terminal import check_new_file, file_argument, print_note
from rnntui.errors import UsageError

if TYPE_CHECKING:
    from rnntui.inspection.learning_rate_range import LearningRateRange
    from rnntui.kinds.model_kind import ModelKind
    from rnntui.runs.folder import RunFolder

_SUFFIXES = (".json", ".svg", ".png")

Command = TypeVar("Command", bound=Callable[..., Any])
Request = TypeVar("Request")
"""A request of a new run of any kind: a dataclass with `training`, its settings, and `given`, the options given."""
CreateRun = Callable[[Request, Path, str | None, Callable[[str], None]], "RunFolder"]
"""Creates a run by a request, in a folder of runs, by a name or None, and hands notes for the user to a function."""


def with_notes(create: Callable[[Request, Path, str | None], tuple[RunFolder, list[str]]]) -> CreateRun[Request]:
    """Return a function that hands on the notes which `create` returns beside the run."""

    def create_run(request: Request, folder: Path, name: str | None, notify: Callable[[str], None]) -> RunFolder:
        run, messages = create(request, folder, name)
        for message in messages:
            notify(message)
        return run

    return create_run


def _ignore(note: str) -> None:
    """Receive a note that is told elsewhere."""


def rate_search_options(command: Command) -> Command:
    """Add the flags of the range test; their arguments make a `RateSearch`."""
    for option in reversed(
        (
            click.option(
                "--find-learning-rate", is_flag=True,
                help="Train 100 steps with rising learning rates, show the losses and a suggestion, and create no run.",
            ),
            click.option(
                "--use-found-rate", is_flag=True, help="Find the learning rate in this way, and train a run with it."
            ),
            click.option(
                "--rate-curve", metavar="FILE", callback=file_argument,
                help="Save the losses of --find-learning-rate as .json, .svg or .png.",
            ),
        )
    ):  # fmt: skip
        command = option(command)
    return command


@dataclass(frozen=True)
class RateSearch:
    """The arguments of `rate_search_options`.

    Raises `UsageError` if the file's format is unknown, if it exists, or if nothing is searched for.
    """

    find_learning_rate: bool
    use_found_rate: bool
    rate_curve: str | None

    def __post_init__(self) -> None:
        if self.rate_curve is None:
            return
        if not self.is_wanted:
            raise UsageError("--rate-curve needs --find-learning-rate or --use-found-rate", setting="rate_curve")
        if Path(self.rate_curve).suffix.lower() not in _SUFFIXES:
            raise UsageError(f"--rate-curve {self.rate_curve}: name a file that ends in {', '.join(_SUFFIXES)}")
        check_new_file("--rate-curve", self.rate_curve)

    @property
    def is_wanted(self) -> bool:
        """True if the learning rate is to be found, whatever follows."""
        return self.find_learning_rate or self.use_found_rate

    def check(self, *, resume: bool, has_rate: bool) -> None:
        """Raise `UsageError` where the range test cannot be combined with other flags.

        Args:
            resume: True for a run to resume, whose schedule is fixed.
            has_rate: True if the user gave a learning rate.
        """
        if self.is_wanted and resume:
            raise UsageError("--find-learning-rate is for a new run, not for one that is resumed")
        if self.use_found_rate and has_rate:
            raise UsageError("--use-found-rate and --learning-rate: choose one", setting="learning_rate")

    def request_to_train(
        self, request: Request, kind: ModelKind, folder: Path, create_run: CreateRun[Request]
    ) -> Request | None:
        """Return the request to train by, with the learning rate found if that is wanted; None if no run is wanted.

        Args:
            request: of the new run.
            kind: its kind.
            folder: the folder of runs.
            create_run: gets a temporary folder here.
        """
        if not self.is_wanted:
            return request
        from rnntui.inspection.learning_rate_range import LearningRateRange
        from rnntui.runs.lookup import find_run
        from rnntui.runs.run_lock import new_runs_locked
        from rnntui.training import learning_rate_finder

        settings: Any = request
        training = settings.training
        if training.from_run:  # a name would be looked for in the temporary folder
            training = replace(training, from_run=str(find_run(training.from_run, folder, kind).path.resolve()))
        notify = _ignore if self.use_found_rate else print_note  # the run that is trained has the same notes
        with tempfile.TemporaryDirectory(prefix="rnntui-") as temporary, new_runs_locked():
            run = create_run(replace(settings, training=training), Path(temporary), None, notify)
            config = run.read_config()
            with ProgressBar("finding the learning rate", is_immediate=True) as bar:
                test = learning_rate_finder.run_range_test(run, bar.update, learning_rate_finder.STEPS)
        curve = LearningRateRange(config.corpus.name, *test, config.training.learning_rate)
        self._write(curve)
        rate = curve.suggestion or config.training.learning_rate
        if self.use_found_rate:
            print_note(f"training with --learning-rate {rate:g}")
            training = replace(settings.training, learning_rate=rate)
            found: Request = replace(settings, training=training, given=settings.given | {"learning_rate"})
            return found
        if curve.suggestion is not None:
            print_note(f"no run was created; train with --learning-rate {rate:g}, or let --use-found-rate do both")
        return None

    def _write(self, curve: LearningRateRange) -> None:
        print_inspection(curve)
        if self.rate_curve is None:
            return
        suffix = Path(self.rate_curve).suffix.lower()
        if suffix == ".json":
            write_user_file(Path(self.rate_curve), (json.dumps(curve.to_json(), allow_nan=False) + "\n").encode())
            print_note(f"saved {self.rate_curve}")
        else:
            save_image(curve.svg(), f"--{suffix[1:]}", self.rate_curve)
