"""Result of `rnntui tune`: the command that trains with the settings found, as a line, as JSON, as a settings file."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from rnntui.cli.options import is_given
from rnntui.cli.settings_file import write_settings_file
from rnntui.cli.terminal import print_note, write_out
from rnntui.errors import INTERRUPTED_EXIT_CODE, TrainingError
from rnntui.formatting import shell_join
from rnntui.kinds.language_model import LANGUAGE_MODEL
from rnntui.runs.tuning_ledger import value_text
from rnntui.settings import flag_of

if TYPE_CHECKING:
    from rnntui.runs.folder import RunFolder
    from rnntui.runs.tuning_ledger import Trial, Tuning
    from rnntui.training.tuning import EndReason, Tuner

_NOT_TO_TRAIN = ("minutes", "name", "write_config")  # flags that rnntui train has, too, with another meaning


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
                words += [parameter.opts[0], "auto" if value is None else value_text(value)]
    return words


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
    words += ["--minutes", value_text(budget.minutes)] if budget.minutes is not None else ["--steps", str(budget.steps)]
    changes = best.changes(tuning.trials[0])
    for name, value in best.settings.items():
        if name in changes or name == "dropout":
            words += [flag_of(name), value_text(value)]
    return words


def report_result(
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
        for line in interrupted_lines(tuning, shell_join(["rnntui", "tune", *given_arguments(context)])):
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
        write_out(shell_join(["rnntui", *words]) + "\n")
    if write_config is not None:
        from rnntui.cli.train import command as train

        write_settings_file(train.make_context("train", words[1:]), LANGUAGE_MODEL, write_config)
    return 0


def _result_json(tuner: Tuner, best: Trial, run: RunFolder | None, words: list[str]) -> dict[str, Any]:
    tuning = tuner.tuning
    return {
        "trials": len(tuning.trials),
        "seconds": round(tuner.seconds, 1),
        "best": {name: value for name, value in asdict(best).items() if name not in ("curve", "starts", "is_kept")},
        "default_loss": tuning.trials[0].loss,
        "run": None if run is None else str(run.path),
        "command": ["rnntui", *words],
    }
