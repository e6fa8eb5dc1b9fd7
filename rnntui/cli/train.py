"""`rnntui train`: train a language model on a text, or resume a run."""

from __future__ import annotations

from dataclasses import astuple, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from rnntui.cli.inputs import open_corpus
from rnntui.cli.options import settings_from
from rnntui.cli.progress_bar import ProgressBar
from rnntui.cli.terminal import print_note
from rnntui.cli.training_command import (
    TrainingOptions,
    changed_setting,
    prepare_training,
    refuse_changes,
    train_and_report,
    training_options,
)
from rnntui.config import Budget, ReadingConfig, TokenizerConfig
from rnntui.config_language_model import LanguageModelConfig, LanguageModelTrainingConfig
from rnntui.errors import CorpusError, UsageError
from rnntui.formatting import few_names_with_verb, shell_quote
from rnntui.kinds.corpus_info import TextCorpusInfo
from rnntui.kinds.language_model import LANGUAGE_MODEL

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rnntui.runs.folder import RunFolder
    from rnntui.text.corpus import Corpus


@click.command("train")
@training_options(LANGUAGE_MODEL)
def command(
    options: TrainingOptions,
    /,
    corpus: tuple[str, ...],
    validation_text: str | None,
    **values: Any,
) -> int:
    """Train a language model on CORPUS: text files, folders, globs, archives, or - for standard input.

    Ctrl-C stops after the current step and saves; --resume continues exactly from there. With --resume, --minutes,
    --epochs or --steps set a new budget for the whole run, the part already done included.
    """
    if not corpus and not options.resume:
        raise click.UsageError("name a corpus: a text file, a folder, a glob, or - for standard input", options.context)
    # The settings are checked before torch is imported, which takes a second or two.
    budget = settings_from(Budget, values)
    model, tokenizer = settings_from(LanguageModelConfig, values), settings_from(TokenizerConfig, values)
    training = settings_from(LanguageModelTrainingConfig, values)
    if not (options.resume or training.from_run):  # such a run has settings that these need not repeat
        model.check_with(tokenizer)

    options.check(budget, training)
    prepare_training()
    from rnntui.training.prepare_language_model import (
        LanguageModelRequest,
        create_language_model_run,
        open_language_model_start,
    )

    folder, name, resume = options.folder, options.name, options.resume
    given = options.given(LanguageModelConfig, TokenizerConfig, LanguageModelTrainingConfig)
    request = LanguageModelRequest(model, tokenizer, training, budget, given=given)
    if not resume:
        open_language_model_start(request, folder)  # a wrong --from is refused before anything is read
    with options.processes(training) as (stop, processes):
        if (ready := processes.ready_run()) is not None:
            return train_and_report(ready, stop, None, processes)
        text = open_corpus(corpus, *astuple(options.reading)) if corpus else None
        names = () if validation_text is None else (validation_text,)
        validation = open_corpus(names, *astuple(options.reading)) if names else None
        if resume:
            turns = training.turns if "turns" in given else None
            run = _run_to_resume(text, name, folder, turns, options.accept_change)
            refuse_changes(options.context, run)
            if text is None:
                _note_changed_text(run, options.reading)
            if validation is not None:
                _refuse_other_validation_text(run, validation)
            return options.train(run, budget, stop, processes)
        assert text is not None
        create = partial(create_language_model_run, text)
        request = replace(request, validation=validation)
        wanted = options.search.request_to_train(request, LANGUAGE_MODEL, folder, create)
        if wanted is None:
            return 0
        with ProgressBar("preparing the text") as bar:
            text = replace(text, progress=bar.update)
            run = create_language_model_run(text, wanted, folder, name, print_note)
        return options.train(run, budget, stop, processes)


def _run_to_resume(
    text: Corpus | None,
    name: str | None,
    folder: Path,
    wanted_turns: str | None,
    accept_change: Callable[[str], None] | None,
) -> RunFolder:
    """Return the run to resume. Raises `UsageError` or `RunError` if there is none, `CorpusError` for another text.

    Args:
        text: the text that was named; None if none was.
        name: the name of the run; None if none was given.
        folder: the folder of runs.
        wanted_turns: `--turns`; None if it was not given.
        accept_change: see `TrainingText`.
    """
    from rnntui.text.chat_exports import converted_chat
    from rnntui.training.prepare_language_model import resumable_language_model_run, turns_to_resume

    if text is None:
        return resumable_language_model_run(None, name, folder)
    recorded_turns = turns_to_resume(name, folder, text.display_names)
    turns = recorded_turns if wanted_turns is None else wanted_turns
    text, message = converted_chat(text, turns)
    if message:
        print_note(message)
    try:
        return resumable_language_model_run(text, name, folder, accept_change)
    except CorpusError as error:
        if turns != recorded_turns:  # which makes another text of a chat export
            raise changed_setting("turns", recorded_turns, turns) from error
        raise


def _note_changed_text(run: RunFolder, reading: ReadingConfig) -> None:
    """Note that the text which a run names has changed, although the run does not need it."""
    from rnntui.inspection.training_text import text_has_changed

    if text_has_changed(run, reading):
        files_have = few_names_with_verb(run.read_config().corpus.sources, "has", "have")
        print_note(
            f"{files_have} changed since run {run.name} was created; training goes on with the run's own copy of its "
            f"text, as it was (to learn the new text too: rnntui train --from {shell_quote(run.name)} FILE)"
        )


def _refuse_other_validation_text(run: RunFolder, text: Corpus) -> None:
    """Raise `UsageError` unless a run was created with this validation text, whatever it is called now."""
    from rnntui.text.chat_exports import converted_chat
    from rnntui.text.repeated_files import readings
    from rnntui.text.token_ids import corpus_stats

    config = run.read_config()
    info, turns = config.corpus_as(TextCorpusInfo), config.training_as(LanguageModelTrainingConfig).turns
    text, message = converted_chat(text, "none" if turns == "none" else "auto")
    if message:
        print_note(message)
    if info.validation_fingerprint:
        is_same = info.validation_fingerprint in (corpus_stats(reading).fingerprint for reading in readings(text))
    else:  # all that runs of older versions record
        is_same = text.display_names == info.validation_sources
    if not is_same:
        raise UsageError(
            "--validation-text cannot change when a run is resumed",
            setting="validation_text",
            hint="leave it out, or start a new run",
        )
