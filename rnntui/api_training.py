"""Training for the Python API: any kind of run, created from files and trained in this process."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from rnntui.config import TrainerConfig
from rnntui.environment import prepare_for_torch
from rnntui.kinds.labelled_corpus_info import LabelledColumns
from rnntui.runs.folder import RunFolder
from rnntui.runs.run_lock import new_runs_locked
from rnntui.settings import Settings
from rnntui.text.corpus import Corpus, find_corpus
from rnntui.text.repeated_files import without_repeats
from rnntui.training.events import Event
from rnntui.training.torchrun import TorchrunEnvironment

_log = logging.getLogger("rnntui")


class TrainingRequest(NamedTuple):
    """A training as `rnntui.train` is asked for it.

    Args:
        kind: id of the kind of model.
        sources: names of files and folders.
        settings: the settings by their heading, as in `ModelKind.settings`.
        given: option names of the settings that the user set.
    """

    kind: str
    sources: Sequence[str]
    settings: dict[str, Settings]
    given: frozenset[str]


def create_and_train(
    request: TrainingRequest, folder: Path, name: str | None, on_event: Callable[[Event], object] | None
) -> RunFolder:
    """Create a run and train it; messages for the user are logged.

    Args:
        request: what to train on, and how.
        folder: the folder of runs.
        name: name of the run; None takes the corpus's.
        on_event: receives each event; training stops once it returns False.

    Raises `UsageError` in one of several processes that torchrun has started, and for local steps.
    """
    training = request.settings["Training"]
    assert isinstance(training, TrainerConfig)
    TorchrunEnvironment.read().require_single("rnntui.train", training.local_steps)
    prepare_for_torch(_log.info)
    is_stopped = False

    def report(event: Event) -> None:
        nonlocal is_stopped
        if on_event is not None and on_event(event) is False:
            is_stopped = True

    with new_runs_locked():
        run = _CREATORS[request.kind](request, folder, name)
        from rnntui.training.train_run import train_run

        train_run(run, report, lambda: is_stopped)
    return run


def _settings(request: TrainingRequest) -> list[Any]:
    return [request.settings[heading] for heading in ("Model", "Tokenizer", "Training", "Budget")]


def _language_model(request: TrainingRequest, folder: Path, name: str | None) -> RunFolder:
    from rnntui.training.prepare_language_model import LanguageModelRequest, create_language_model_run

    settings = replace(LanguageModelRequest(*_settings(request)), given=request.given)
    return create_language_model_run(find_corpus(list(request.sources)), settings, folder, name, _log.info)


def _files_of(request: TrainingRequest) -> Corpus:
    """Find the files of a corpus of rows, each once."""
    corpus, message = without_repeats(find_corpus(list(request.sources)))
    if message:
        _log.info(message)
    return corpus


def _seq2seq(request: TrainingRequest, folder: Path, name: str | None) -> RunFolder:
    from rnntui.text.pairs import read_table
    from rnntui.training.prepare_seq2seq import Seq2SeqRequest, create_seq2seq_run

    pairs = read_table(_files_of(request), report=_log.info)
    settings = replace(Seq2SeqRequest(*_settings(request)), given=request.given)
    run, notes = create_seq2seq_run(pairs, None, settings, folder, name, _log.info)
    return _logged(run, [*pairs.notes, *notes])


def _classifier(request: TrainingRequest, folder: Path, name: str | None) -> RunFolder:
    from rnntui.text.labelled import read_labelled
    from rnntui.training.prepare_classifier import ClassifierRequest, create_classifier_run

    texts = read_labelled(_files_of(request), LabelledColumns(), report=_log.info)
    settings = replace(ClassifierRequest(*_settings(request)), given=request.given)
    run, notes = create_classifier_run(texts, None, settings, folder, name, _log.info)
    return _logged(run, [*texts.notes, *notes])


def _logged(run: RunFolder, notes: Sequence[str]) -> RunFolder:
    for note in notes:
        _log.info(note)
    return run


_CREATORS = {"language-model": _language_model, "seq2seq": _seq2seq, "classifier": _classifier}
