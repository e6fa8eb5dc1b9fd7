"""`rnntui train-seq2seq`: from pairs to a trained run, or on with one."""

from __future__ import annotations

from typing import Any

import click

from rnntui.cli.environment import limit_openmp_spin
from rnntui.cli.options import (
    checkpoints_option,
    corpus_options,
    given_settings,
    settings_from,
    settings_options,
)
from rnntui.cli.pair_arguments import read_pairs
from rnntui.cli.terminal import note
from rnntui.cli.training_command import StopRequest, input_options, refuse_changes, train_and_report
from rnntui.config import Budget
from rnntui.config_seq2seq import Seq2SeqConfig, Seq2SeqTokenizerConfig, Seq2SeqTrainingConfig
from rnntui.errors import UsageError
from rnntui.kinds.pair_corpus_info import PairCorpusInfo
from rnntui.kinds.seq2seq import SEQ2SEQ


@click.command("train-seq2seq")
@input_options(SEQ2SEQ)
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
        of_training, of_validation = SEQ2SEQ.input_choices
        read = read_pairs((pairs, source, target), of_training, encoding, errors)
        if not resume:
            assert read is not None
            table = (validation_pairs,) if validation_pairs else ()
            held_out = read_pairs((table, validation_source, validation_target), of_validation, encoding, errors)
            request = Seq2SeqRequest(model, tokenizer, training, budget)
            run, told = create_seq2seq_run(read, held_out, request, folder, name)
            for line in told:
                note(line)
        else:
            run = resumable_seq2seq_run(read, name, folder)
            given = given_settings(context, *groups)
            config = run.read_config()
            refuse_changes(config, {key: values[key] for key in given})
            files = tuple(file for file in (validation_pairs, validation_source, validation_target) if file)
            if files and files != config.corpus_as(PairCorpusInfo).validation_sources:
                raise UsageError(
                    "what a run is validated on cannot change when it is resumed",
                    hint="leave it out, or start a new run",
                )
        return train_and_report(run, stop, new_budget)
