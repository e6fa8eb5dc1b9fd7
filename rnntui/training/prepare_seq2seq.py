"""From pairs to a Seq2Seq run that is ready to train; without torch, so that what is wrong is told at once."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from rnntui import __version__
from rnntui.config import Budget
from rnntui.config_seq2seq import Seq2SeqConfig, Seq2SeqTokenizerConfig, Seq2SeqTrainingConfig
from rnntui.errors import CorpusError, RunError
from rnntui.inference.translator import read_vocabularies
from rnntui.kinds.pair_corpus_info import PairCorpusInfo, PairLengths, PairLimits
from rnntui.kinds.seq2seq import SEQ2SEQ
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
from rnntui.text.pair_ids import EncodedPair, encode_pairs, write_pairs
from rnntui.text.pairs import DroppedRows, Pair, ParallelCorpus, count_target_characters, train_validation_split
from rnntui.text.vocabulary import save_vocabularies, train_vocabularies

_USUAL = 10  # times the usual length make a pair too long
_SHORT = 100  # tokens that are never too long


@dataclass(frozen=True)
class Seq2SeqRequest:
    """All that `rnntui train-seq2seq` was asked."""

    model: Seq2SeqConfig
    tokenizer: Seq2SeqTokenizerConfig
    training: Seq2SeqTrainingConfig
    budget: Budget


def create_seq2seq_run(
    pairs: ParallelCorpus,
    validation: ParallelCorpus | None,
    request: Seq2SeqRequest,
    checkpoints: Path,
    name: str | None,
) -> tuple[RunFolder, list[str]]:
    """Make a run folder that is ready to train; it appears whole, or not at all. Also gives what to tell the user.

    Without `validation` a part of the pairs is held out whose sentences occur in training in neither column. Raises
    `UsageError` if the name is taken or cannot be a folder's, `CorpusError` if there are too few pairs.
    """
    if name is not None:
        check_name(name, checkpoints)
    settings = request.training
    training_rows, validation_rows = _split(pairs, validation, settings)
    # Torch is imported for this alone, once the pairs are known to be good and while nothing is written.
    from rnntui.training.device import choose_hardware

    choose_hardware(settings.device, settings.precision, None)
    with staging_folder(checkpoints) as folder:
        run = RunFolder(folder)
        texts = [pair.source for pair in training_rows], [pair.target for pair in training_rows]
        source, target = train_vocabularies(*texts, request.tokenizer)
        save_vocabularies(source, target, folder)
        run.resume_folder.mkdir()
        encoded, too_long = encode_pairs(training_rows, source, target), DroppedRows()
        limits = _limits(encoded, settings.max_pair_tokens)
        training_rows, encoded = _without_long(training_rows, encoded, limits, too_long)
        validation_ids = encode_pairs(validation_rows, source, target)
        if validation is None:  # of pairs given for validation, each one counts
            validation_rows, validation_ids = _without_long(validation_rows, validation_ids, limits, too_long)
        largest = max(source.size, target.size) - 1
        parts = [
            write_pairs(path, ids, count_target_characters(rows), largest)
            for path, rows, ids in (
                (run.training_ids, training_rows, encoded),
                (run.validation_ids, validation_rows, validation_ids),
            )
        ]
        run.write_config(
            RunConfig(
                kind=SEQ2SEQ.id,
                model=request.model,
                training=settings,
                budget=request.budget,
                tokenizer=replace(request.tokenizer, vocab_size=target.tokenizer.vocab_size),
                corpus=PairCorpusInfo(
                    name=pairs.name,
                    sources=pairs.display_names,
                    fingerprint=pairs.fingerprint(),
                    training=parts[0],
                    validation=parts[1],
                    validation_sources=validation.display_names if validation else None,
                    pairs=(len(training_rows), len(validation_rows)),
                    lengths=_lengths(encoded),
                    limits=limits,
                ),
                created=time.time(),
                versions=library_versions(),
            )
        )
        said = [each.dropped.message for each in (pairs, validation) if each and each.dropped.count]
        made = RunFolder(publish_run(folder, checkpoints, name, pairs.name))
    return made, [*said, *([too_long.message] if too_long.count else [])]


def held_out_of(run: RunFolder, pairs: ParallelCorpus) -> ParallelCorpus:
    """What was held out when the run was made of these pairs, split anew by the settings that its `config.json` keeps.

    Raises `CorpusError` if it was made of other pairs or validated on pairs of their own, `RunError` if this is not
    how it was split.
    """
    config = run.read_config()
    made_of = config.corpus_as(PairCorpusInfo)
    if made_of.validation_sources:
        raise CorpusError(
            f"nothing was held out when run {run.name} was made: it was validated on pairs of their own, "
            f"{', '.join(made_of.validation_sources)}",
            hint="measure on those, without --held-out",
        )
    if pairs.fingerprint() != made_of.fingerprint:
        files = ", ".join(made_of.sources) or "unknown files"
        raise CorpusError(
            f"{', '.join(pairs.display_names)} does not hold the pairs that run {run.name} was made of, {files}, "
            f"so what was held out cannot be told"
        )
    _, held_out = _split(pairs, None, config.training_as(Seq2SeqTrainingConfig))
    if made_of.limits is not None:  # older runs kept all
        encoded = encode_pairs(held_out, *read_vocabularies(run, config))
        held_out, _ = _without_long(held_out, encoded, made_of.limits, DroppedRows())
    validated_on = made_of.pairs and made_of.pairs[1], made_of.validation and made_of.validation.characters
    if (len(held_out), count_target_characters(held_out)) != validated_on:
        raise RunError(
            f"run {run.name} held out other pairs than this rnntui would, {__version__}",
            hint=f"use the one that made it, {config.versions.get('rnntui', 'whichever that was')}",
        )
    return replace(pairs, rows=held_out)


def resumable_seq2seq_run(pairs: ParallelCorpus | None, name: str | None, checkpoints: Path) -> RunFolder:
    """The Seq2Seq run that `--resume` means: see `resumable`."""
    text = None if pairs is None else TrainingText(pairs.name, pairs.display_names, pairs.fingerprint)
    return find_resumable_run(SEQ2SEQ, text, name, checkpoints)


def _split(
    pairs: ParallelCorpus, validation: ParallelCorpus | None, settings: Seq2SeqTrainingConfig
) -> tuple[list[Pair], list[Pair]]:
    if validation is not None:
        return pairs.rows, validation.rows
    training, held_out = train_validation_split(pairs.rows, settings.validation_fraction, settings.seed)
    if not training or not held_out:
        raise CorpusError(
            f"{', '.join(pairs.display_names)}: of {len(pairs.rows):,} pairs none can be held out whose sentences do "
            f"not occur in the others too; give more pairs, or others for validation"
        )
    return training, held_out


def _lengths(encoded: list[EncodedPair]) -> PairLengths:
    source, target = (np.array([len(pair[column]) for pair in encoded]) for column in (0, 1))
    return PairLengths(int(source.max()), int(target.max()), int((target - 2 * source).max()))


def _limits(encoded: list[EncodedPair], max_pair_tokens: int | None) -> PairLimits:
    """The most tokens that a pair may have: the number asked for, or many times the median."""
    median = np.median([[len(source), len(target)] for source, target in encoded], axis=0)
    limits = np.maximum(_USUAL * median, _SHORT) if max_pair_tokens is None else np.full(2, max_pair_tokens)
    return PairLimits(int(limits[0]), int(limits[1]))


def _without_long(
    rows: list[Pair], encoded: list[EncodedPair], limits: PairLimits, dropped: DroppedRows
) -> tuple[list[Pair], list[EncodedPair]]:
    """The pairs that are not far longer than the rest, which would make batches of padding."""
    kept = []
    for pair, ids in zip(rows, encoded, strict=True):
        columns = ("source", len(ids[0]), limits.source), ("target", len(ids[1]), limits.target)
        over = [(name, length, limit) for name, length, limit in columns if length > limit]
        if not over:
            kept.append((pair, ids))
            continue
        name, length, limit = over[0]
        dropped.add(
            f"row {pair.row} of {pair.file}, whose {name} has {length:,} tokens where {limit:,} are the most "
            f"(--max-pair-tokens keeps more)"
        )
    if not kept:
        raise CorpusError(
            f"every pair has more tokens than --max-pair-tokens {max(limits.source, limits.target)}; give a larger one"
        )
    return [pair for pair, _ in kept], [ids for _, ids in kept]
