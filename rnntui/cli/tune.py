"""`rnntui tune`: search for settings of a language model within a budget."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import click

from rnntui.cli.environment import prepare_for_torch
from rnntui.cli.inputs import input_options, open_corpus
from rnntui.cli.options import checkpoints_option, corpus_options, given_settings, settings_from, settings_options
from rnntui.cli.stop_request import StopRequest
from rnntui.cli.terminal import check_new_file
from rnntui.cli.training_command import runs_folder
from rnntui.cli.tune_result import report_result
from rnntui.cli.tune_search import TuningSearch, locked_folder
from rnntui.config import TokenizerConfig
from rnntui.config_language_model import LanguageModelConfig, LanguageModelTrainingConfig
from rnntui.config_tuning import TuningConfig
from rnntui.extras import require_extra
from rnntui.kinds.language_model import LANGUAGE_MODEL

_SETTINGS = (LanguageModelConfig, TokenizerConfig, LanguageModelTrainingConfig)


@click.command("tune")
@input_options(LANGUAGE_MODEL)
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
        check_new_file("--write-config", write_config)
    require_extra("train", "tuning")
    require_extra("tune", "tuning")
    from rnntui.training.prepare_language_model import LanguageModelRequest
    from rnntui.training.torchrun import TorchrunEnvironment

    TorchrunEnvironment.read().require_single("rnntui tune", training.local_steps)
    prepare_for_torch()
    folder = runs_folder(checkpoints, None, resume=False)
    given = frozenset(given_settings(context, *_SETTINGS))
    request = LanguageModelRequest(model, tokenizer, training, config.trial_budget, given=given)
    with StopRequest() as stop:
        text = open_corpus(corpus, encoding, errors, newlines)
        if validation_text is not None:
            request = replace(request, validation=open_corpus((validation_text,), encoding, errors, newlines))
        with locked_folder(folder, name, text.name) as tuning_folder:
            search = TuningSearch(context, tuning_folder, config, request)
            tuner, reason = search.run(text, stop, began)
            run = None if reason == "interrupted" else search.publish()
            return report_result(context, tuner, reason, run, write_config, as_json)
