"""From pairs to a Seq2Seq run that is ready to train; without torch, so that what is wrong is told at once."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from rnntui import __version__
from rnntui.config import Budget
from rnntui.config_seq2seq import Seq2SeqConfig, Seq2SeqTokenizerConfig, Seq2SeqTrainingConfig
from rnntui.errors import CorpusError, RunError
from rnntui.inference.translator import read_vocabularies
from rnntui.runs.creation import Text, check_name, find_resumable_run, publish_run, staging_folder, versions
from rnntui.runs.folder import SEQ2SEQ, RunConfig, RunFolder
from rnntui.text.pair_ids import EncodedPair, encode_pairs, write_pairs
from rnntui.text.pairs import DroppedRows, Pair, ParallelCorpus, count_target_characters, train_validation_split
from rnntui.text.vocabulary import save_vocabularies, train_vocabularies

_USUAL = 10  # times the usual length make a pair too long
_SHORT = 100  # tokens that are never too long

Limits = dict[str, int]
"""The most tokens of a `source` and of a `target`."""


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
                kind=SEQ2SEQ,
                model=request.model,
                training=settings,
                budget=request.budget,
                tokenizer=replace(request.tokenizer, vocab_size=target.tokenizer.vocab_size),
                corpus={
                    "name": pairs.name,
                    "sources": list(pairs.display_names),
                    "validation_sources": list(validation.display_names) if validation else None,
                    "fingerprint": pairs.fingerprint(),
                    "pairs": [len(training_rows), len(validation_rows)],
                    "lengths": _lengths(encoded),
                    "longest": limits,
                    "training": asdict(parts[0]),
                    "validation": asdict(parts[1]),
                },
                created=time.time(),
                versions=versions(),
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
    made_of = config.corpus
    if made_of.get("validation_sources"):
        raise CorpusError(
            f"nothing was held out when run {run.name} was made: it was validated on pairs of their own, "
            f"{_files(made_of, 'validation_sources')}; measure on those, without --held-out"
        )
    if pairs.fingerprint() != made_of.get("fingerprint"):
        raise CorpusError(
            f"{', '.join(pairs.display_names)} does not hold the pairs that run {run.name} was made of, "
            f"{_files(made_of, 'sources')}, so what was held out cannot be told"
        )
    _, held_out = _split(pairs, None, config.training_as(Seq2SeqTrainingConfig))
    limits = made_of.get("longest")
    if isinstance(limits, dict) and set(limits) == {"source", "target"}:  # older runs kept all
        encoded = encode_pairs(held_out, *read_vocabularies(run, config))
        held_out, _ = _without_long(
            held_out, encoded, {name: int(most) for name, most in limits.items()}, DroppedRows()
        )
    if [len(held_out), count_target_characters(held_out)] != _validated_on(made_of):
        raise RunError(
            f"run {run.name} held out other pairs than this rnntui would, {__version__}; "
            f"use the one that made it, {config.versions.get('rnntui', 'whichever that was')}"
        )
    return replace(pairs, rows=held_out)


def _files(made_of: dict[str, Any], key: str) -> str:
    names = made_of.get(key)
    return ", ".join(map(str, names)) if isinstance(names, list) else "unknown files"


def _validated_on(made_of: dict[str, Any]) -> list[Any]:
    """How many pairs a run says that it was validated on, and how many characters their targets have."""
    counts, part = made_of.get("pairs"), made_of.get("validation")
    count = counts[-1] if isinstance(counts, list) and counts else None
    return [count, part.get("characters") if isinstance(part, dict) else None]


def resumable_seq2seq_run(pairs: ParallelCorpus | None, name: str | None, checkpoints: Path) -> RunFolder:
    """The Seq2Seq run that `--resume` means: see `resumable`."""
    text = None if pairs is None else Text(pairs.name, pairs.display_names, pairs.fingerprint)
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


def _lengths(encoded: list[EncodedPair]) -> dict[str, int]:
    """What `rnntui.inference.translator.Lengths` says of pairs."""
    source, target = (np.array([len(pair[column]) for pair in encoded]) for column in (0, 1))
    return {"source": int(source.max()), "target": int(target.max()), "beyond": int((target - 2 * source).max())}


def _limits(encoded: list[EncodedPair], longest: int | None) -> Limits:
    """How many tokens a source and a target may have at most: many times what is usual, or so many as are asked for."""
    usual = np.median([[len(source), len(target)] for source, target in encoded], axis=0)
    most = np.maximum(_USUAL * usual, _SHORT) if longest is None else np.full(2, longest)
    return {"source": int(most[0]), "target": int(most[1])}


def _without_long(
    rows: list[Pair], encoded: list[EncodedPair], limits: Limits, dropped: DroppedRows
) -> tuple[list[Pair], list[EncodedPair]]:
    """The pairs that are not far longer than the rest, which would make batches of padding."""
    kept = []
    for pair, ids in zip(rows, encoded, strict=True):
        over = [(name, len(column)) for name, column in zip(limits, ids, strict=True) if len(column) > limits[name]]
        if not over:
            kept.append((pair, ids))
            continue
        [(name, length), *_] = over
        dropped.add(
            f"row {pair.row} of {pair.file}, whose {name} has {length:,} tokens where {limits[name]:,} are the most "
            f"(--max-pair-tokens keeps more)"
        )
    if not kept:
        raise CorpusError(
            f"every pair has more tokens than --max-pair-tokens {max(limits.values())}; give a larger one"
        )
    return [pair for pair, _ in kept], [ids for _, ids in kept]
