"""Runs of models that `rnntui inspect VIEW --compare` trains: created, gone on with, or trained anew."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rnntui.cli.terminal import print_note
from rnntui.errors import RnntuiError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from rnntui.cli.stop_request import StopRequest
    from rnntui.config import Budget
    from rnntui.runs.folder import RunFolder


@dataclass(frozen=True)
class ComparedModel:
    """A model to train.

    Args:
        name: name of its run.
        settings: the settings of the model that the comparison chooses, by name.
        budget: how long it is trained.
        create: creates its run.
        note: said before it is trained, given its run.
    """

    name: str
    settings: Mapping[str, Any]
    budget: Budget
    create: Callable[[], RunFolder]
    note: Callable[[RunFolder], str]


class ComparisonRuns:
    """The runs of a comparison in their folder: those that a stopped command left behind are gone on with.

    Args:
        view: the name of the view, for messages.
        folder: the folder of runs.
        find: returns the run of a name; raises `RnntuiError` if it is of another kind or on another text.
        overwrite: runs of these names are trained anew.
        stop: the request to stop.
    """

    def __init__(
        self, view: str, folder: Path, find: Callable[[str], RunFolder], stop: StopRequest, *, overwrite: bool
    ) -> None:
        self._view, self._folder, self._find, self._stop = view, folder, find, stop
        self._overwrite = overwrite
        self._there: dict[str, RunFolder] = {}  # by name, what was trained before
        self._replaced: list[RunFolder] = []  # runs to delete before the first is trained
        self.runs: list[RunFolder] = []
        """The runs that are trained."""

    def check(self, names: Sequence[str]) -> None:
        """Raise `UsageError` if no run can have one of the names, or one has it that is not on this text."""
        from rnntui.runs.creation import check_name
        from rnntui.runs.folder import RunFolder
        from rnntui.runs.management import check_deletable, check_holds_run_only

        for name in names:
            run = RunFolder(self._folder / name)
            if not run.config_file.is_file():
                check_name(name, self._folder)
            elif self._overwrite:
                check_deletable(run, self._folder)
                check_holds_run_only(run)
                self._replaced.append(run)
            else:
                self._there[name] = self._found(name)

    def train(self, model: ComparedModel) -> int:
        """Train a model, unless its run is there and done; return an exit code, not 0 if the training was stopped.

        Raises `UsageError` if its run is there and is one of other settings.
        """
        from rnntui.cli.training_command import train_and_report
        from rnntui.runs.folder import RunFolder
        from rnntui.runs.management import delete_run
        from rnntui.runs.run_lock import new_runs_locked

        # All at once: after a stop, a later one must not be taken for a part of this comparison.
        while self._replaced:
            delete_run(self._replaced.pop(), self._folder)
        run = RunFolder(self._folder / model.name)
        if model.name in self._there:
            self._refuse_other(model, run)
            if run.read_status().state == "done":
                print_note(f"{model.name} is trained already")
                self.runs.append(run)
                return 0
            print_note(f"going on with {model.name}, at step {run.read_status().step:,}")
        with new_runs_locked():
            if model.name not in self._there:
                run = model.create()
            print_note(model.note(run))
            code = train_and_report(run, self._stop, None)
        if code:
            command = "the same command without --overwrite" if self._overwrite else "the same command"
            print_note(f"{command} goes on with the comparison")
        else:
            self.runs.append(run)
        return code

    def _found(self, name: str) -> RunFolder:
        try:
            return self._find(name)
        except RnntuiError as error:
            raise UsageError(error.problem, hint=self._ways_out(name)) from error

    def _refuse_other(self, model: ComparedModel, run: RunFolder) -> None:
        config = run.read_config()
        for name, wanted in model.settings.items():
            if (value := getattr(config.model, name)) != wanted:
                problem = f"run {run.name} in {self._folder} has {name.replace('_', ' ')} {value}, not {wanted}"
                raise UsageError(problem, hint=self._ways_out(run.name))
        if config.budget != model.budget:
            problem = (
                f"run {run.name} in {self._folder} has a budget of {config.budget.summary}, not {model.budget.summary}"
            )
            raise UsageError(problem, hint=self._ways_out(run.name))

    def _ways_out(self, name: str) -> str:
        return f"look at it: rnntui inspect {self._view} {name}; or train it anew with --overwrite"
