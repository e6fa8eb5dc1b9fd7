"""`rnntui tune`: search for settings of a language model within a budget."""

from __future__ import annotations

import contextlib
import json
import shlex
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rnntui.cli.environment import prepare_for_torch
from rnntui.cli.inputs import input_options, open_corpus
from rnntui.cli.options import (
    checkpoints_option,
    corpus_options,
    given_settings,
    is_given,
    settings_from,
    settings_options,
)
from rnntui.cli.settings_file import check_new_settings_file, write_settings_file
from rnntui.cli.terminal import print_note, write_out
from rnntui.cli.training_command import StopRequest, runs_folder
from rnntui.config import LanguageModelConfig, LanguageModelTrainingConfig, TokenizerConfig
from rnntui.config_tuning import TuningConfig
from rnntui.errors import INTERRUPTED_EXIT_CODE, RunError, TrainingError, UsageError
from rnntui.extras import require_extra
from rnntui.kinds.language_model import LANGUAGE_MODEL
from rnntui.settings import flag_of

if TYPE_CHECKING:
    from rnntui.runs.folder import RunFolder
    from rnntui.runs.tuning_ledger import Trial, Tuning, TuningFolder, TuningLedger
    from rnntui.text.corpus import Corpus
    from rnntui.training.prepare_language_model import LanguageModelRequest
    from rnntui.training.tuning import EndReason, Tuner

_KIND = LANGUAGE_MODEL
_SETTINGS = (LanguageModelConfig, TokenizerConfig, LanguageModelTrainingConfig)
_NOT_TO_TRAIN = ("minutes", "name")  # flags that rnntui train has, too, with another meaning or value


@click.command("tune")
@input_options(_KIND)
@click.option("--name", help="Name of the best trial's run [default: after the corpus].")
@settings_options(TuningConfig)
@click.option(
    "--write-config", metavar="FILE",
    help="Write the chosen settings to a file for rnntui train --config; - is standard output.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@checkpoints_option
@corpus_options
@settings_options(*_SETTINGS)
@click.pass_context
def command(
    context: click.Context,
    /,
    corpus: tuple[str, ...],
    validation_text: str | None,
    name: str | None,
    write_config: str | None,
    as_json: bool,
    checkpoints: str | None,
    encoding: str,
    errors: Any,
    newlines: Any,
    **values: Any,
) -> int:
    """Search for the settings with which CORPUS is learned best, and print the command that trains with them.

    Every trial is a training of the same length: the first with the default settings, the others with other cells,
    sizes, dropouts, learning rates and batches. Flags of rnntui train that are given hold for all trials, and are not
    searched. A trial that is in the worse half after a quarter or half of its training is stopped. The run of the best
    trial is kept.

    The folder NAME.tuning beside the runs has a ledger, tuning.jsonl, of all that was tried. After Ctrl-C, or if the
    process is killed, the same command goes on; with a larger --minutes also after the end.
    """
    began = time.perf_counter()
    if not corpus:
        raise click.UsageError("name a corpus: a text file, a folder, a glob, or - for standard input", context)
    config = settings_from(TuningConfig, values)
    model, tokenizer = settings_from(LanguageModelConfig, values), settings_from(TokenizerConfig, values)
    training = settings_from(LanguageModelTrainingConfig, values)
    if not training.from_run:
        model.check_with(tokenizer)
    if write_config is not None:
        check_new_settings_file(write_config)
    require_extra("train", "tuning")
    require_extra("tune", "tuning")
    from rnntui.training.prepare_language_model import LanguageModelRequest

    prepare_for_torch()
    folder = runs_folder(checkpoints, None, resume=False)
    given = frozenset(given_settings(context, *_SETTINGS))
    request = LanguageModelRequest(model, tokenizer, training, config.trial_budget, given=given)
    with StopRequest() as stop:
        text = open_corpus(corpus, encoding, errors, newlines)
        if validation_text is not None:
            request = replace(request, validation=open_corpus((validation_text,), encoding, errors, newlines))
        with _locked_folder(folder, name, text.name) as tuning_folder:
            search = _Search(context, tuning_folder, config, request)
            tuner, reason = search.run(text, stop, began)
            run = None if reason == "interrupted" else search.publish()
            return _report_result(context, tuner, reason, run, write_config, as_json)


@contextlib.contextmanager
def _locked_folder(checkpoints: Path, name: str | None, default_name: str) -> Iterator[TuningFolder]:
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
            raise RunError(f"cannot write to {checkpoints}: {error.strerror}") from error
    if folder.is_active():
        raise RunError(
            f"another process is searching in {folder.path}", hint="wait for it, or stop it with Ctrl-C there"
        )
    lock = RunFolder(folder.path).lock()
    try:
        yield folder
    finally:
        lock.release()


class _Search:
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
            path = find_run(start, folder.path.parent, _KIND).path.resolve()
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
        """Move the run of the best trial to the other runs, if it is not there yet; return None if it is not new."""
        from rnntui.training.tuning_trials import publish_best

        assert self._ledger is not None
        best = self._ledger.tuning.best
        if best is None or best.published:
            return None
        run = publish_best(self._folder, best)
        if run is not None:
            self._ledger.append(best.number, published=run.name)
        return run

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
        return shlex.join(["rnntui", "tune", *given_arguments(self._context)])


def given_arguments(context: click.Context, without: tuple[str, ...] = ()) -> list[str]:
    """Return the arguments and flags that a command line gives, as words.

    Args:
        context: the command line.
        without: names of parameters to leave out.
    """
    words: list[str] = []
    for parameter in sorted(context.command.params, key=lambda parameter: isinstance(parameter, click.Option)):
        name = parameter.name or ""
        value = context.params.get(name)
        if isinstance(parameter, click.Argument):
            words += value or ()
        elif is_given(context, name) and name not in without:
            if isinstance(value, bool):
                words.append((parameter.opts if value else parameter.secondary_opts)[0])
            else:
                words += [parameter.opts[0], "auto" if value is None else _word(value)]
    return words


def _word(value: object) -> str:
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def training_arguments(context: click.Context, tuning: Tuning) -> list[str]:
    """Return the words of the command that trains with the settings of the best trial, after `rnntui`.

    Of the searched settings, those that are the default ones are left out, but for the dropout, whose default depends
    on the speed of the machine.
    """
    from rnntui.cli.train import command as train

    best, budget = tuning.best, tuning.description.budget
    assert best is not None
    known = {parameter.name for parameter in train.params}
    others = tuple(parameter.name or "" for parameter in context.command.params if parameter.name not in known)
    words = ["train", *given_arguments(context, (*others, *_NOT_TO_TRAIN))]
    words += ["--minutes", _word(budget.minutes)] if budget.minutes is not None else ["--steps", str(budget.steps)]
    changes = best.changes(tuning.trials[0])
    for name, value in best.settings.items():
        if name in changes or name == "dropout":
            words += [flag_of(name), _word(value)]
    return words


def _report_result(
    context: click.Context,
    tuner: Tuner,
    reason: EndReason,
    run: RunFolder | None,
    write_config: str | None,
    as_json: bool,
) -> int:
    """Print what was found, and how to go on; return the exit code."""
    from rnntui.cli.tune_output import interrupted_lines, result_lines

    tuning = tuner.tuning
    best = tuning.best
    if reason == "interrupted":
        for line in interrupted_lines(tuning, shlex.join(["rnntui", "tune", *given_arguments(context)])):
            print_note(line)
        return INTERRUPTED_EXIT_CODE
    if best is None:
        raise TrainingError(
            f"no trial was finished within {tuner.seconds / 60:.3g} minutes",
            hint="give a larger --minutes, or shorter trials with --trial-minutes",
        )
    for line in result_lines(tuner, reason, run):
        print_note(line)
    words = training_arguments(context, tuning)
    if as_json:
        write_out(json.dumps(_result_json(tuner, best, run, words), ensure_ascii=False) + "\n")
    else:
        write_out(shlex.join(["rnntui", *words]) + "\n")
    if write_config is not None:
        from rnntui.cli.train import command as train

        write_settings_file(train.make_context("train", words[1:]), _KIND, write_config)
    return 0


def _result_json(tuner: Tuner, best: Trial, run: RunFolder | None, words: list[str]) -> dict[str, Any]:
    tuning = tuner.tuning
    return {
        "trials": len(tuning.trials),
        "seconds": round(tuner.seconds, 1),
        "best": {name: value for name, value in asdict(best).items() if name not in ("curve", "starts", "is_kept")},
        "default_loss": tuning.trials[0].loss,
        "run": str(run.path) if run is not None else best.published or None,
        "command": ["rnntui", *words],
    }
