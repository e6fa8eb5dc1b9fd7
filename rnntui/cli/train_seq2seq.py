"""`rnntui train-seq2seq`: from pairs to a trained run, or on with one."""

from __future__ import annotations

import sys
from typing import Any

import click

from rnntui.cli.environment import limit_openmp_spin
from rnntui.cli.options import (
    checkpoints_option,
    corpus_options,
    file_option,
    given_settings,
    settings_from,
    settings_options,
)
from rnntui.cli.pair_arguments import read_pairs
from rnntui.cli.stopping import StopRequest, refuse_changes
from rnntui.cli.terminal import INTERRUPTED, note
from rnntui.config import Budget
from rnntui.config_seq2seq import PAIR_FILES, Seq2SeqConfig, Seq2SeqTokenizerConfig, Seq2SeqTrainingConfig
from rnntui.errors import UsageError


@click.command("train-seq2seq")
@click.argument("pairs", nargs=-1)
@file_option("source", PAIR_FILES["source"])
@file_option("target", PAIR_FILES["target"])
@file_option("validation_pairs", PAIR_FILES["validation_pairs"])
@file_option("validation_source", PAIR_FILES["validation_source"])
@file_option("validation_target", PAIR_FILES["validation_target"])
@click.option("--name", help="What to call the run [default: after the pairs].")
@click.option("--resume", is_flag=True, help="Go on with the newest run on these pairs, or with the one of --name.")
@checkpoints_option
@settings_options(Budget, Seq2SeqConfig, Seq2SeqTokenizerConfig, Seq2SeqTrainingConfig)
@corpus_options
@click.pass_context
def command(
    context: click.Context,
    /,
    pairs: tuple[str, ...],
    source: str | None,
    target: str | None,
    validation_pairs: str | None,
    validation_source: str | None,
    validation_target: str | None,
    name: str | None,
    resume: bool,
    checkpoints: str | None,
    encoding: str,
    errors: Any,
    **values: Any,
) -> int:
    """Train a Seq2Seq model on PAIRS: tables of source, a tab, and target; further columns are ignored.

    Without a validation set of its own, a part is held out whose sentences occur in training in neither column. Ctrl-C
    stops after the step it is at and saves; --resume goes on exactly from there.
    """
    groups = (Seq2SeqConfig, Seq2SeqTokenizerConfig, Seq2SeqTrainingConfig)
    if not (pairs or source or target or resume):
        raise click.UsageError("name a table of pairs, or two files by --source and --target", context)
    # Settings are checked before anything is read, and long before torch is imported.
    budget, model = settings_from(Budget, values), settings_from(Seq2SeqConfig, values)
    tokenizer, training = settings_from(Seq2SeqTokenizerConfig, values), settings_from(Seq2SeqTrainingConfig, values)

    if {"batch_size", "batch_tokens"} <= set(given_settings(context, Seq2SeqTrainingConfig)):
        raise UsageError("give --batch-size or --batch-tokens, not both")

    from rnntui.runs.lookup import checkpoints_folder
    from rnntui.training.prepare_seq2seq import Seq2SeqRequest, create_seq2seq_run, resumable_seq2seq_run

    limit_openmp_spin()
    folder = checkpoints_folder(checkpoints)
    new_budget = budget if resume and given_settings(context, Budget) else None
    with StopRequest() as stop:
        read = read_pairs(pairs, source, target, ("--source", "--target"), encoding, errors)
        if not resume:
            assert read is not None
            table = (validation_pairs,) if validation_pairs else ()
            names = ("--validation-source", "--validation-target")
            held_out = read_pairs(table, validation_source, validation_target, names, encoding, errors)
            request = Seq2SeqRequest(model, tokenizer, training, budget)
            run, told = create_seq2seq_run(read, held_out, request, folder, name)
            for line in told:
                note(line)
        else:
            run = resumable_seq2seq_run(read, name, folder)
            given = given_settings(context, *groups)
            config = run.read_config()
            refuse_changes(config, {key: values[key] for key in given})
            files = [file for file in (validation_pairs, validation_source, validation_target) if file]
            if files and files != config.corpus.get("validation_sources"):
                raise UsageError(
                    "what a run is validated on cannot change when it is resumed; leave it out, or start a new run"
                )

        from rnntui.cli.progress import make_reporter
        from rnntui.training.train_run import train_run

        stop.training()
        with make_reporter(sys.stderr, run) as report:
            finished = train_run(run, report, stop, new_budget)
    return INTERRUPTED if finished.reason == "interrupted" else 0
