"""`rnntui train`: train a language model on a text, or resume a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from rnntui.cli.environment import prepare_for_torch
from rnntui.cli.inputs import open_corpus
from rnntui.cli.options import given_settings, settings_from
from rnntui.cli.terminal import print_note
from rnntui.cli.training_command import (
    StopRequest,
    budget_of_resume,
    changed_setting,
    refuse_changes,
    runs_folder,
    train_and_report,
    training_options,
)
from rnntui.config import Budget, LanguageModelConfig, LanguageModelTrainingConfig, TokenizerConfig
from rnntui.errors import CorpusError, UsageError
from rnntui.extras import require_extra
from rnntui.kinds.corpus_info import TextCorpusInfo
from rnntui.kinds.language_model import LANGUAGE_MODEL

if TYPE_CHECKING:
    from rnntui.runs.folder import RunFolder
    from rnntui.text.corpus import Corpus


@click.command("train")
@training_options(LANGUAGE_MODEL)
@click.pass_context
def command(
    context: click.Context,
    /,
    corpus: tuple[str, ...],
    validation_text: str | None,
    name: str | None,
    resume: bool,
    checkpoints: str | None,
    encoding: str,
    errors: Any,
    newlines: Any,
    **values: Any,
) -> int:
    """Train a language model on CORPUS: text files, folders, globs, archives, or - for standard input.

    Ctrl-C stops after the current step and saves; --resume continues exactly from there. With --resume, --minutes,
    --epochs or --steps set a new budget for the whole run, the part already done included.
    """
    if not corpus and not resume:
        raise click.UsageError("name a corpus: a text file, a folder, a glob, or - for standard input", context)
    # The settings are checked before torch is imported, which takes a second or two.
    budget = settings_from(Budget, values)
    model, tokenizer = settings_from(LanguageModelConfig, values), settings_from(TokenizerConfig, values)
    training = settings_from(LanguageModelTrainingConfig, values)
    if not resume:  # a run to resume has settings that these need not repeat
        model.check_with(tokenizer)

    require_extra("train", "training")
    from rnntui.text.chat_exports import converted_chat, speakers_note
    from rnntui.text.turns import speaker_labels_of
    from rnntui.training.prepare_language_model import (
        LanguageModelRequest,
        create_language_model_run,
        resumable_language_model_run,
        turns_to_resume,
    )

    prepare_for_torch()
    folder = runs_folder(checkpoints, name, resume=resume)
    with StopRequest() as stop:
        text = open_corpus(corpus, encoding, errors, newlines) if corpus else None
        names = () if validation_text is None else (validation_text,)
        validation = open_corpus(names, encoding, errors, newlines) if names else None
        turns = recorded_turns = training.turns
        if text is not None and resume:
            recorded_turns = turns_to_resume(name, folder, text.display_names)
            turns = turns if "turns" in given_settings(context, LanguageModelTrainingConfig) else recorded_turns
        if text is not None:
            text, message = converted_chat(text, turns)
            if message:
                who = "" if resume else f"; {speakers_note(text.speakers, training.turns)}"
                print_note(message + who)
        if validation is not None:
            validation, message = converted_chat(validation, "none" if turns == "none" else "auto")
            if message:
                print_note(message)
        if text is not None and not resume:
            request = LanguageModelRequest(model, tokenizer, training, budget, validation)
            run = create_language_model_run(text, request, folder, name, print_note)
            speakers = speaker_labels_of(run.read_config().corpus)
            if speakers is not None and text.speakers is None:
                print_note(f"a dialogue: {speakers_note(speakers, training.turns)}")
            size = run.read_config().vocab_size
            if tokenizer.type != "char" and size < (tokenizer.vocab_size or 0):
                print_note(f"the text yields a vocabulary of only {size:,} tokens, not {tokenizer.vocab_size:,}")
        else:
            try:
                run = resumable_language_model_run(text, name, folder)
            except CorpusError as error:
                if turns != recorded_turns:  # which makes another text of a chat export
                    raise changed_setting("turns", recorded_turns, turns) from error
                raise
            refuse_changes(context, run)
            if validation is not None:
                _refuse_other_validation_text(run, validation)
        return train_and_report(run, stop, budget_of_resume(context, budget) if resume else None)


def _refuse_other_validation_text(run: RunFolder, text: Corpus) -> None:
    """Raise `UsageError` unless a run was created with this validation text, whatever it is called now."""
    from rnntui.text.token_ids import corpus_stats

    info = run.read_config().corpus_as(TextCorpusInfo)
    is_same = text.display_names == info.validation_sources  # all that runs of older versions record
    if info.validation_fingerprint:
        is_same = corpus_stats(text).fingerprint == info.validation_fingerprint
    if not is_same:
        raise UsageError(
            "--validation-text cannot change when a run is resumed",
            setting="validation_text",
            hint="leave it out, or start a new run",
        )
