"""Creation of language model runs from a corpus, and lookup of the run to resume; torch is imported late, for speed."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

from rnntui.config import Budget, LanguageModelConfig, LanguageModelTrainingConfig, Newlines, TokenizerConfig
from rnntui.errors import CorpusError
from rnntui.kinds.corpus_info import TextCorpusInfo
from rnntui.kinds.language_model import LANGUAGE_MODEL
from rnntui.runs.creation import TrainingText, check_name, find_resumable_run, library_versions
from rnntui.runs.folder import RunFolder
from rnntui.runs.run_config import RunConfig
from rnntui.text.corpus import Corpus
from rnntui.text.token_ids import CorpusStats, corpus_stats, split_offset, write_split
from rnntui.text.tokenizer_factory import make_tokenizer
from rnntui.training.prepare_run import publish_staged_run, staged_run


@dataclass(frozen=True)
class LanguageModelRequest:
    """Settings of a new run, as `rnntui train` takes them."""

    model: LanguageModelConfig
    tokenizer: TokenizerConfig
    training: LanguageModelTrainingConfig
    budget: Budget


def create_language_model_run(
    corpus: Corpus, request: LanguageModelRequest, checkpoints: Path, name: str | None
) -> RunFolder:
    """Create a run folder that is ready to train; it appears complete, or not at all.

    Args:
        corpus: The text; its tail is held out for validation.
        request: All settings.
        checkpoints: The folder of runs.
        name: Name of the run; None takes the corpus's, with a number if that is taken.

    Raises `UsageError` if the name is taken or no folder can have it, `CorpusError` if the text cannot be read or is
    too small.
    """
    if name is not None:
        check_name(name, checkpoints)
    stats = corpus_stats(corpus)
    speakers = stats.speakers if request.training.turns != "none" else None
    _check_size(stats, corpus, request)
    model = request.model.resolved(request.tokenizer.type)
    fraction = request.training.validation_fraction
    with staged_run(request.training, checkpoints) as run:
        tokenizer = make_tokenizer(corpus, stats, request.tokenizer, fraction)
        tokenizer.save(run.path)
        training, validation = write_split(corpus, stats, tokenizer, fraction, run.training_ids, run.validation_ids)
        _check_tokens(training.tokens, "training", request, corpus)
        _check_tokens(validation.tokens, "validation", request, corpus)
        config = RunConfig(
            kind=LANGUAGE_MODEL.id,
            model=model,
            training=request.training,
            budget=request.budget,
            tokenizer=replace(request.tokenizer, vocab_size=tokenizer.vocab_size),
            corpus=TextCorpusInfo(
                name=corpus.name,
                sources=corpus.display_names,
                fingerprint=stats.fingerprint,
                training=training,
                validation=validation,
                characters=stats.characters,
                speakers=(speakers.person, speakers.model) if speakers else None,
                turn_format=speakers.format if speakers else None,
            ),
            created=time.time(),
            versions=library_versions(),
        )
        return publish_staged_run(run, config, name)


def resumable_language_model_run(corpus: Corpus | None, name: str | None, checkpoints: Path) -> RunFolder:
    """Return the language model that `--resume` selects; see `find_resumable_run`."""
    if corpus is None:
        return find_resumable_run(LANGUAGE_MODEL, None, name, checkpoints)

    def fingerprint(newlines: Newlines) -> str:
        return corpus_stats(replace(corpus, newlines=newlines)).fingerprint

    text = TrainingText(corpus.name, corpus.display_names, fingerprint, corpus.newlines)
    return find_resumable_run(LANGUAGE_MODEL, text, name, checkpoints)


def _check_size(stats: CorpusStats, corpus: Corpus, request: LanguageModelRequest) -> None:
    """Check the parts before anything is written, where a token is a character."""
    if request.tokenizer.type == "char":
        training = split_offset(stats.characters, request.training.validation_fraction)
        _check_tokens(training, "training", request, corpus)
        _check_tokens(stats.characters - training, "validation", request, corpus)


def _check_tokens(tokens: int, part: str, request: LanguageModelRequest, corpus: Corpus) -> None:
    """Raise `CorpusError` if the training or the validation part is too small."""
    needed = request.training.bptt + 1 if part == "training" else 2
    if tokens < needed:
        fraction = f"{request.training.validation_fraction:g}"
        advice = "a smaller --bptt" if part == "training" else f"a larger --validation-fraction than {fraction}"
        names = ", ".join(corpus.display_names)
        raise CorpusError(
            f"{names} is too small: {tokens:,} tokens for {part}, where {needed:,} are needed",
            hint=f"give more text or {advice}",
        )
