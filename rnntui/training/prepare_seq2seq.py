"""Creation of Seq2Seq runs from pairs, and lookup of the run to resume.

Torch is imported late, so that problems with the pairs are reported at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from rnntui.config import Budget
from rnntui.config_seq2seq import Seq2SeqConfig, Seq2SeqTokenizerConfig, Seq2SeqTrainingConfig
from rnntui.errors import CorpusError
from rnntui.formatting import few_names
from rnntui.inference.translator import read_known_words, read_vocabularies
from rnntui.kinds.pair_corpus_info import (
    PairCorpusInfo,
    PairLayout,
    SplitRule,
)
from rnntui.kinds.seq2seq import SEQ2SEQ
from rnntui.runs.creation import check_name, library_versions
from rnntui.runs.folder import RunFolder
from rnntui.runs.held_out import check_held_out_corpus, split_differs
from rnntui.runs.resumable_run import TrainingText, configs_on, find_resumable_run
from rnntui.runs.run_config import RunConfig
from rnntui.text.dropped_rows import DroppedRows
from rnntui.text.pair_ids import PairList, TokenCounts, encode_pairs
from rnntui.text.pair_preprocessing import model_form
from rnntui.text.pair_split import split_rule, train_validation_split
from rnntui.text.parallel_corpus import ParallelCorpus, count_target_characters
from rnntui.text.stored_rows import Report, TextColumn, select_rows
from rnntui.training.encode_pairs import PairEncoder, PairSplit, are_within, pair_encoding_key
from rnntui.training.metric_choice import choose_metrics
from rnntui.training.prepare_run import check_hardware, publish_staged_run, staged_run
from rnntui.training.seq2seq_start import Seq2SeqStart

_SHARED_TARGETS = "held-out pairs share targets, but no sources, with the training pairs, as there are few targets"


@dataclass(frozen=True)
class Seq2SeqRequest:
    """Settings of a new run, as `rnntui train-seq2seq` takes them.

    `columns` are those named by the user, `given` the names of the options that the user set; others may follow from
    the run that is trained on.
    """

    model: Seq2SeqConfig
    tokenizer: Seq2SeqTokenizerConfig
    training: Seq2SeqTrainingConfig
    budget: Budget
    columns: str = ""
    given: frozenset[str] = frozenset()


def create_seq2seq_run(
    pairs: ParallelCorpus,
    validation: ParallelCorpus | None,
    request: Seq2SeqRequest,
    checkpoints: Path,
    name: str | None,
    report: Report | None = None,
) -> tuple[RunFolder, list[str]]:
    """Create a run folder that is ready to train; it appears complete, or not at all.

    Args:
        pairs: The sentence pairs to train on.
        validation: Pairs to validate on; None holds out a part of `pairs` that shares no sentence with the rest.
        request: All settings.
        checkpoints: The folder of runs.
        name: Name of the run; None takes the pairs', with a number if that is taken.
        report: Receives a message every few seconds.

    Returns the run, and messages for the user about rows that were left out. Raises `UsageError` if the name is taken
    or no folder can have it, or the tokenizer of BLEU is not installed, `CorpusError` if there are too few pairs.
    """
    if name is not None:
        check_name(name, checkpoints)
    request, start = open_seq2seq_start(request, checkpoints)
    training = request.training.for_model(request.model, request.tokenizer.type)
    request = replace(request, training=choose_metrics(training, TextColumn(pairs.rows, 1)))
    notes = [start.note] if start else []
    too_long = DroppedRows()
    with staged_run(checkpoints) as staged:
        key = "" if start or validation else pair_encoding_key(pairs, request.tokenizer, request.training)
        encoder = PairEncoder(
            staged, checkpoints, request.tokenizer, request.training, start, too_long, notes.append, report
        )
        encoded = encoder.encode(partial(_split, pairs, validation, request.training, report), key)
        origin = start.stage(staged, request.training) if start else None
        config = RunConfig(
            kind=SEQ2SEQ.id,
            model=request.model,
            training=request.training,
            budget=request.budget,
            tokenizer=replace(request.tokenizer, vocab_size=encoded.vocab_size),
            corpus=PairCorpusInfo(
                name=pairs.name,
                sources=pairs.display_names,
                fingerprint=pairs.fingerprint(),
                training=encoded.training,
                validation=encoded.validation,
                validation_sources=validation.display_names if validation else None,
                pairs=encoded.pairs,
                lengths=encoded.lengths,
                limits=encoded.limits,
                columns=request.columns,
                layouts=pairs.layouts,
                split=encoded.split,
                features=encoded.features,
                encoding_key=key,
            ),
            created=time.time(),
            versions=library_versions(),
            origin=origin,
        )
        run = publish_staged_run(staged, config, name)
    dropped = [pairs.dropped, *([validation.dropped] if validation else []), too_long]
    shared = [_SHARED_TARGETS] if encoded.split == "source" else []
    return run, [*notes, *shared, *(rows.message for rows in dropped if rows.count)]


def open_seq2seq_start(request: Seq2SeqRequest, checkpoints: Path) -> tuple[Seq2SeqRequest, Seq2SeqStart | None]:
    """Open the run that a new one is trained on from, None if it begins with random weights.

    Returns the request with what follows from that run, too. Raises `UsageError` if the run is of another kind, or a
    setting that the user gave is not its own, `RunError` if there is no such run, or it has no weights or is broken.
    """
    request.training.check_mix()
    if not request.training.from_run:
        return request, None
    start, given = Seq2SeqStart(request.training.from_run, checkpoints), request.given
    model, tokenizer = start.model_config(request.model, given), start.tokenizer_config(request.tokenizer, given)
    training = start.training_config(request.training, given)
    return replace(request, model=model, tokenizer=tokenizer, training=training), start


def held_out_pairs(run: RunFolder, pairs: ParallelCorpus) -> ParallelCorpus:
    """Return the pairs that were held out when a run was created from `pairs`, by repeating the split.

    Raises `CorpusError` if the run was created from other pairs or had separate ones for validation, `RunError` if
    the split of this version gives other pairs.
    """
    config = run.read_config()
    info = config.corpus_as(PairCorpusInfo)
    check_held_out_corpus(
        run.name, config, info.validation_sources, pairs.fingerprint(), pairs.display_names, rows="pairs"
    )
    settings = config.training_as(Seq2SeqTrainingConfig)
    _, held_out = train_validation_split(pairs.rows, settings.validation_fraction, settings.seed, info.split or "both")
    if info.limits is not None:  # runs of older versions have none
        tokenizer = config.tokenizer_as(Seq2SeqTokenizerConfig)
        forms = model_form(held_out, tokenizer, read_known_words(run, config))
        encoded = PairList(encode_pairs(forms, *read_vocabularies(run, config)))
        counts = TokenCounts(encoded.source_lengths, encoded.target_lengths)
        held_out = select_rows(held_out, np.flatnonzero(are_within(info.limits, counts)))
    recorded = info.pairs and info.pairs[1], info.validation and info.validation.characters
    if (len(held_out), count_target_characters(held_out)) != recorded:
        raise split_differs(run.name, config, "pairs")
    return replace(pairs, rows=held_out)


def layouts_to_resume(name: str | None, checkpoints: Path, files: Sequence[str]) -> tuple[PairLayout, ...]:
    """Return the layouts in which a run to resume read its files; empty if no run has files of these names.

    Args:
        name: the name of the run; None takes the newest on these files.
        checkpoints: the folder of runs.
        files: the names of the files.
    """
    config = next(configs_on(SEQ2SEQ, files, name, checkpoints), None)
    return config.corpus_as(PairCorpusInfo).recorded_layouts if config is not None else ()


def resumable_seq2seq_run(
    pairs: ParallelCorpus | None,
    name: str | None,
    checkpoints: Path,
    accept_change: Callable[[str], None] | None = None,
) -> RunFolder:
    """Return the Seq2Seq run that `--resume` selects; see `find_resumable_run`."""
    text = None
    if pairs is not None:  # read already, and without line ends
        text = TrainingText(
            pairs.name, pairs.display_names, lambda: {"universal": pairs.fingerprint()}, accept_change=accept_change
        )
    return find_resumable_run(SEQ2SEQ, text, name, checkpoints)


def _split(
    pairs: ParallelCorpus,
    validation: ParallelCorpus | None,
    settings: Seq2SeqTrainingConfig,
    report: Report | None,
) -> PairSplit:
    """Return the pairs for training and those for validation. Raises `CorpusError` if none can be held out.

    The hardware is checked, too, which imports torch: after what may be wrong with the pairs.
    """
    if validation is not None:
        check_hardware(settings)
        return PairSplit(pairs.rows, validation.rows)
    rule = split_rule(pairs.rows)
    rules: tuple[SplitRule, ...] = ("both", "source") if rule == "both" else ("source",)
    for rule in rules:
        fraction = settings.validation_fraction
        training, held_out = train_validation_split(pairs.rows, fraction, settings.seed, rule, report)
        if training and held_out:
            check_hardware(settings)
            return PairSplit(training, held_out, rule)
    count = len(pairs.rows)
    source = f"{count:,} pairs without sharing sources with the training set" if count > 1 else "1 pair"
    raise CorpusError(
        f"{few_names(pairs.display_names)}: cannot hold out a validation set from {source}",
        hint="add pairs, or give a separate validation set (--validation-pairs)",
    )
