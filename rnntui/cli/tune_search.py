"""The search of `rnntui tune` in its folder: begun or continued, under a lock."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rnntui.cli.options import given_settings, is_given
from rnntui.cli.terminal import print_note
from rnntui.cli.tune_result import given_arguments
from rnntui.config_tuning import TuningConfig
from rnntui.errors import RunError, UsageError, os_error_hint
from rnntui.formatting import shell_join
from rnntui.kinds.language_model import LANGUAGE_MODEL
from rnntui.settings import flag_of

if TYPE_CHECKING:
    from rnntui.cli.stop_request import StopRequest
    from rnntui.runs.folder import RunFolder
    from rnntui.runs.tuning_ledger import Tuning, TuningFolder, TuningLedger
    from rnntui.text.corpus import Corpus
    from rnntui.training.prepare_language_model import LanguageModelRequest
    from rnntui.training.tuning import EndReason, Tuner


@contextlib.contextmanager
def locked_folder(checkpoints: Path, name: str | None, default_name: str) -> Iterator[TuningFolder]:
    """Yield the folder of a search under its lock, made if it is new.

    Raises `UsageError` for a new search if no run can have the name, `RunError` if another process is searching.
    """
    from rnntui.runs.creation import check_name
    from rnntui.runs.folder import RunFolder
    from rnntui.runs.tuning_ledger import SUFFIX, TuningFolder

    folder = TuningFolder(checkpoints / f"{name or default_name}{SUFFIX}")
    if not folder.ledger_file.is_file():
        if name is not None:
            check_name(name, checkpoints)
        try:
            folder.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(f"cannot write to {checkpoints}: {error.strerror}", hint=os_error_hint(error)) from error
    if folder.is_active():
        raise RunError(
            f"another process is searching in {folder.path}", hint="wait for it, or stop it with Ctrl-C there"
        )
    lock = RunFolder(folder.path).lock()
    try:
        yield folder
    finally:
        lock.release()


class TuningSearch:
    """The search of a command line, in its folder.

    Args:
        context: the command line.
        folder: the search's folder; its lock is held.
        config: limits.
        request: settings of the trainings.
    """

    def __init__(
        self, context: click.Context, folder: TuningFolder, config: TuningConfig, request: LanguageModelRequest
    ) -> None:
        self._context, self._folder, self._config, self._request = context, folder, config, request
        self._ledger: TuningLedger | None = None

    def run(self, corpus: Corpus, stop: StopRequest, began: float) -> tuple[Tuner, EndReason]:
        """Search until a limit is reached or a stop is requested."""
        from rnntui.cli.tune_output import TuningReporter
        from rnntui.runs.lookup import find_run
        from rnntui.runs.tuning_ledger import TuningDescription, TuningLedger
        from rnntui.training.tuning import Tuner, TuningLimits
        from rnntui.training.tuning_trials import RunTrainer, open_template, space_of

        folder, request, config = self._folder, self._request, self._config
        self._ledger = TuningLedger.open(folder)
        fixed = {name: self._context.params[name] for name in sorted({*request.given, *self._given_inputs()})}
        if self._ledger is not None:
            self._refuse_changes(self._ledger.tuning, fixed)
            request = replace(request, budget=self._ledger.tuning.description.budget)
        start = request.training.from_run
        if start:  # which the search's folder does not have
            path = find_run(start, folder.path.parent, LANGUAGE_MODEL).path.resolve()
            request = replace(request, training=replace(request.training, from_run=str(path)))
        template = open_template(folder, corpus, request, print_note)
        space, defaults = space_of(template, request)
        if self._ledger is None:
            self._ledger = TuningLedger.create(
                folder,
                TuningDescription(
                    sources=corpus.display_names,
                    fixed=fixed,
                    search={dimension.name: dimension.values for dimension in space},
                    budget=request.budget,
                    seed=request.training.seed,
                ),
            )
        if not space:
            raise UsageError("every setting that could be searched is given", hint="leave some out")
        minutes, trial = config.search_minutes, request.budget
        limits = TuningLimits(
            seconds=None if minutes is None else 60 * minutes,
            trials=config.trials,
            trial_seconds=None if trial.minutes is None else 60 * trial.minutes,
            keep_all=config.keep_all,
        )
        tuner = Tuner(self._ledger, space, defaults, RunTrainer(folder, template, request, start), limits)
        reporter = TuningReporter(self._ledger, limits, tuner, self._command_line())
        for line in reporter.opening():
            print_note(line)
        stop.begin_training(reporter)
        with reporter:
            reason = tuner.run(reporter.report, stop, began)
        stop.end_training()
        return tuner, reason

    def publish(self) -> RunFolder | None:
        """Move the run of the best trial to the other runs, unless it is there already; None if it is gone."""
        from rnntui.runs.folder import RunFolder
        from rnntui.training.tuning_trials import publish_best

        assert self._ledger is not None
        best = self._ledger.tuning.best
        if best is None:
            return None
        if best.published:
            run = RunFolder(self._folder.path.with_name(best.published))
            return run if run.config_file.is_file() else None
        published = publish_best(self._folder, best)
        if published is not None:
            self._ledger.append(best.number, published=published.name)
        return published

    def _given_inputs(self) -> list[str]:
        """Return the names of other parameters that make another text, and so another search."""
        names = ("validation_text", "encoding", "errors", "newlines")
        return [name for name in names if is_given(self._context, name)]

    def _refuse_changes(self, tuning: Tuning, fixed: dict[str, Any]) -> None:
        """Raise `UsageError` if the command line is not that of the search that the folder has."""
        known = tuning.description.fixed
        hint = "repeat its command, or give --name for a search of its own"
        for name in sorted({*known, *fixed}):
            if known.get(name) != fixed.get(name):
                before, now = (
                    f"{flag_of(name)} {values[name]}" if name in values else f"no {flag_of(name)}"
                    for values in (known, fixed)
                )
                raise UsageError(f"{self._folder.path} was begun with {before} (got {now})", setting=name, hint=hint)
        wanted, budget = self._config.trial_budget, tuning.description.budget
        given = {"trial_minutes", "trial_steps"} & {*given_settings(self._context, TuningConfig)}
        if given and wanted != budget:
            raise UsageError(
                f"{self._folder.path} was begun with trials of {budget.summary} (got {wanted.summary})",
                setting=given.pop(),
                hint=hint,
            )

    def _command_line(self) -> str:
        return shell_join(["rnntui", "tune", *given_arguments(self._context)])
