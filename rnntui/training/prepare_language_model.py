"""From a corpus to a run that is ready to train, and finding one to go on with; without torch, so that it is quick."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

from rnntui.config import Budget, LanguageModelConfig, LanguageModelTrainingConfig, TokenizerConfig
from rnntui.errors import CorpusError
from rnntui.kinds.corpus_info import TextCorpusInfo
from rnntui.kinds.language_model import LANGUAGE_MODEL
from rnntui.runs.creation import (
    TrainingText,
    check_name,
    find_resumable_run,
    library_versions,
    publish_run,
    staging_folder,
)
from rnntui.runs.folder import RunFolder
from rnntui.runs.run_config import RunConfig
from rnntui.text.corpus import Corpus
from rnntui.text.token_ids import CorpusStats, corpus_stats, split_offset, write_split
from rnntui.text.tokenizer_factory import make_tokenizer


@dataclass(frozen=True)
class LanguageModelRequest:
    """All that `rnntui train` was asked."""

    model: LanguageModelConfig
    tokenizer: TokenizerConfig
    training: LanguageModelTrainingConfig
    budget: Budget


def create_language_model_run(
    corpus: Corpus, request: LanguageModelRequest, checkpoints: Path, name: str | None
) -> RunFolder:
    """Read the corpus and make a run folder that is ready to train; it appears whole, or not at all.

    Without a name the run takes the corpus's, with a number if that is taken. Raises `UsageError` if the name given
    is taken or cannot be a folder's, `CorpusError` if the text cannot be read or is too small.
    """
    if name is not None:
        check_name(name, checkpoints)
    found = corpus_stats(corpus)
    _check_size(found, corpus, request)
    # Torch is imported for this alone, once the text is known to be good and while nothing is written.
    from rnntui.training.device import choose_hardware

    choose_hardware(request.training.device, request.training.precision, None)
    model = request.model.resolved(request.tokenizer.type)
    with staging_folder(checkpoints) as folder:
        run = RunFolder(folder)
        tokenizer = make_tokenizer(corpus, found, request.tokenizer, request.training.validation_fraction)
        tokenizer.save(folder)
        run.resume_folder.mkdir()
        validation = request.training.validation_fraction
        parts = write_split(corpus, found, tokenizer, validation, run.training_ids, run.validation_ids)
        for part, which in zip(parts, ("training", "validation"), strict=True):
            _check_tokens(part.tokens, which, request, corpus)
        config = RunConfig(
            kind=LANGUAGE_MODEL.id,
            model=model,
            training=request.training,
            budget=request.budget,
            tokenizer=replace(request.tokenizer, vocab_size=tokenizer.vocab_size),
            corpus=TextCorpusInfo(
                name=corpus.name,
                sources=corpus.display_names,
                fingerprint=found.fingerprint,
                training=parts[0],
                validation=parts[1],
                characters=found.characters,
                speakers=(found.turns.person, found.turns.model) if found.turns else None,
            ),
            created=time.time(),
            versions=library_versions(),
        )
        run.write_config(config)
        return RunFolder(publish_run(folder, checkpoints, name, corpus.name))


def resumable_language_model_run(corpus: Corpus | None, name: str | None, checkpoints: Path) -> RunFolder:
    """The language model that `--resume` means: see `resumable`."""
    if corpus is None:
        return find_resumable_run(LANGUAGE_MODEL, None, name, checkpoints)
    text = TrainingText(corpus.name, corpus.display_names, lambda: corpus_stats(corpus).fingerprint)
    return find_resumable_run(LANGUAGE_MODEL, text, name, checkpoints)


def _check_size(found: CorpusStats, corpus: Corpus, request: LanguageModelRequest) -> None:
    if request.tokenizer.type == "char":
        training = split_offset(found.characters, request.training.validation_fraction)
        _check_tokens(training, "training", request, corpus)
        _check_tokens(found.characters - training, "validation", request, corpus)


def _check_tokens(tokens: int, part: str, request: LanguageModelRequest, corpus: Corpus) -> None:
    needed = request.training.bptt + 1 if part == "training" else 2
    if tokens < needed:
        share = f"{request.training.validation_fraction:g}"
        advice = "a smaller --bptt" if part == "training" else f"a larger --validation-fraction than {share}"
        raise CorpusError(
            f"{', '.join(corpus.display_names)} is too small: {tokens:,} tokens for {part}, where {needed:,} are "
            f"needed; give more text or {advice}"
        )
