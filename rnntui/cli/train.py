"""`rnntui train`: from a text to a trained run, or on with one."""

from __future__ import annotations

from typing import Any

import click

from rnntui.cli.environment import limit_openmp_spin
from rnntui.cli.options import checkpoints_option, corpus_options, given_settings, settings_from, settings_options
from rnntui.cli.terminal import note
from rnntui.cli.training_command import StopRequest, input_options, refuse_changes, train_and_report
from rnntui.config import Budget, LanguageModelConfig, LanguageModelTrainingConfig, TokenizerConfig
from rnntui.kinds.language_model import LANGUAGE_MODEL


@click.command("train")
@input_options(LANGUAGE_MODEL)
@click.option("--name", help="What to call the run [default: after the corpus].")
@click.option("--resume", is_flag=True, help="Go on with the newest run on this corpus, or with the one of --name.")
@checkpoints_option
@settings_options(Budget, LanguageModelConfig, TokenizerConfig, LanguageModelTrainingConfig)
@corpus_options
@click.pass_context
def command(
    context: click.Context,
    /,
    corpus: tuple[str, ...],
    name: str | None,
    resume: bool,
    checkpoints: str | None,
    encoding: str,
    errors: Any,
    **values: Any,
) -> int:
    """Train a language model on CORPUS: text files, folders, globs, .gz and .xz, or - for standard input.

    Ctrl-C stops after the step it is at and saves; --resume goes on exactly from there. With --resume, --minutes,
    --epochs or --steps set a new budget for the whole run, the part already done included.
    """
    groups = (LanguageModelConfig, TokenizerConfig, LanguageModelTrainingConfig)
    if not corpus and not resume:
        raise click.UsageError("name a corpus: a text file, a folder, a glob, or - for standard input", context)
    # Settings are checked before torch, which takes a second or two, is imported.
    budget = settings_from(Budget, values)
    model, tokenizer = settings_from(LanguageModelConfig, values), settings_from(TokenizerConfig, values)
    training = settings_from(LanguageModelTrainingConfig, values)
    model.check_with(tokenizer)

    from rnntui.runs.lookup import checkpoints_folder
    from rnntui.text.corpus import find_corpus
    from rnntui.training.prepare_language_model import (
        LanguageModelRequest,
        create_language_model_run,
        resumable_language_model_run,
    )

    limit_openmp_spin()
    folder = checkpoints_folder(checkpoints)
    new_budget = budget if resume and given_settings(context, Budget) else None
    with StopRequest() as stop:
        text = find_corpus(list(corpus), encoding, errors) if corpus else None
        if text is not None and text.skipped:
            note(f"left out {len(text.skipped)} files that are not text, {text.skipped[0]} among them")
        if text is not None and not resume:
            run = create_language_model_run(
                text, LanguageModelRequest(model, tokenizer, training, budget), folder, name
            )
            size = run.read_config().vocab_size
            if tokenizer.type != "char" and size < (tokenizer.vocab_size or 0):
                note(f"the text fills a vocabulary of {size:,} tokens, not of {tokenizer.vocab_size:,}")
        else:
            run = resumable_language_model_run(text, name, folder)
            given = given_settings(context, *groups)
            refuse_changes(run.read_config(), {key: values[key] for key in given})
        return train_and_report(run, stop, new_budget)
