"""`rnntui train`: train a language model on a text, or resume a run."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from rnntui.cli.inputs import open_corpus
from rnntui.cli.options import given_settings, settings_from
from rnntui.cli.processes import TrainingProcesses
from rnntui.cli.progress_bar import ProgressBar
from rnntui.cli.rate_search import RateSearch
from rnntui.cli.terminal import print_note
from rnntui.cli.training_command import (
    StopRequest,
    budget_of_resume,
    change_listener,
    changed_setting,
    prepare_training,
    refuse_changes,
    runs_folder,
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
@click.pass_context
def command(
    context: click.Context,
    /,
    corpus: tuple[str, ...],
    validation_text: str | None,
    name: str | None,
    resume: bool,
    accept_changed_corpus: bool,
    checkpoints: str | None,
    encoding: str,
    errors: Any,
    newlines: Any,
    find_learning_rate: bool,
    use_found_rate: bool,
    rate_curve: str | None,
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
    if not (resume or training.from_run):  # a run to resume or to train on has settings that these need not repeat
        model.check_with(tokenizer)

    search = RateSearch(find_learning_rate, use_found_rate, rate_curve)
    budget.check_max_epochs(given_settings(context, type(training)))
    accept_change = change_listener(resume=resume, accept_changed_corpus=accept_changed_corpus)
    search.check(resume=resume, has_rate="learning_rate" in given_settings(context, type(training)))
    prepare_training()
    from rnntui.training.prepare_language_model import (
        LanguageModelRequest,
        create_language_model_run,
        open_language_model_start,
    )

    folder = runs_folder(checkpoints, name, resume=resume)
    given = given_settings(context, LanguageModelConfig, TokenizerConfig, LanguageModelTrainingConfig)
    request = LanguageModelRequest(model, tokenizer, training, budget, given=frozenset(given))
    if not resume:
        open_language_model_start(request, folder)  # a wrong --from is refused before anything is read
    with (
        StopRequest() as stop,
        TrainingProcesses(
            LANGUAGE_MODEL, None if resume else training, folder, searches_rate=search.is_wanted
        ) as processes,
    ):
        if (ready := processes.ready_run()) is not None:
            return train_and_report(ready, stop, None, processes)
        text = open_corpus(corpus, encoding, errors, newlines) if corpus else None
        names = () if validation_text is None else (validation_text,)
        validation = open_corpus(names, encoding, errors, newlines) if names else None
        if resume:
            run = _run_to_resume(text, name, folder, training.turns if "turns" in given else None, accept_change)
            refuse_changes(context, run)
            if text is None:
                _note_changed_text(run, ReadingConfig(encoding, errors, newlines))
            if validation is not None:
                _refuse_other_validation_text(run, validation)
            return train_and_report(run, stop, budget_of_resume(context, budget), processes)
        assert text is not None
        create = partial(create_language_model_run, text)
        wanted = search.request_to_train(replace(request, validation=validation), LANGUAGE_MODEL, folder, create)
        if wanted is None:
            return 0
        with ProgressBar("preparing the text") as bar:
            text = replace(text, progress=bar.update)
            run = create_language_model_run(text, wanted, folder, name, print_note)
        return train_and_report(run, stop, None, processes)


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
    from rnntui.text.token_ids import corpus_stats

    config = run.read_config()
    info, turns = config.corpus_as(TextCorpusInfo), config.training_as(LanguageModelTrainingConfig).turns
    text, message = converted_chat(text, "none" if turns == "none" else "auto")
    if message:
        print_note(message)
    is_same = text.display_names == info.validation_sources  # all that runs of older versions record
    if info.validation_fingerprint:
        is_same = corpus_stats(text).fingerprint == info.validation_fingerprint
    if not is_same:
        raise UsageError(
            "--validation-text cannot change when a run is resumed",
            setting="validation_text",
            hint="leave it out, or start a new run",
        )
