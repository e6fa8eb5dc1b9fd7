"""Pairs to ids in the folder of a new run: split, vocabularies, and the two files of ids.

Nothing is held but hashes and lengths: pairs are read from the file that they are stored in, once for each step. Many
pairs are not encoded twice, and an encoding that was killed goes on, as `encode_corpus` says of texts.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnntui import __version__
from rnntui.config_seq2seq import Seq2SeqTokenizerConfig, Seq2SeqTrainingConfig
from rnntui.errors import CorpusError
from rnntui.kinds.corpus_info import TokenFileInfo
from rnntui.kinds.pair_corpus_info import PairCorpusInfo, PairLengths, PairLimits, SourceFeatures, SplitRule
from rnntui.kinds.seq2seq import SEQ2SEQ
from rnntui.runs.folder import RunFolder
from rnntui.runs.run_config import RunConfig
from rnntui.text.dropped_rows import DroppedRows
from rnntui.text.encoding_journal import EncodingJournal
from rnntui.text.pair_ids import PairWriter, TokenCounts, encoded_pairs
from rnntui.text.pair_preprocessing import PairPreprocessor, model_form, source_features
from rnntui.text.parallel_corpus import Pair, ParallelCorpus, count_target_characters
from rnntui.text.placeholders import save_known_words
from rnntui.text.stored_rows import Report, TextColumn, reported, select_rows
from rnntui.text.tokenizer_factory import load_tokenizer
from rnntui.text.vocabulary import Vocabulary, save_vocabularies, train_vocabularies
from rnntui.training.encode_corpus import run_with_ids, take_over_encoding
from rnntui.training.seq2seq_start import Seq2SeqStart

_LARGE = 50_000  # pairs from which on their ids are looked up, and their making is recorded
_MAX_LENGTH_RATIO = 10  # to the median length
_ALWAYS_ALLOWED = 100  # tokens that are never too many


class PairSplit(NamedTuple):
    """Pairs for training and for validation; the rule of the split, None if the validation pairs are separate."""

    training: Sequence[Pair]
    validation: Sequence[Pair]
    rule: SplitRule | None = None


class EncodedPairs(NamedTuple):
    """What `PairCorpusInfo` records of pairs that are encoded, and the size of the target's vocabulary."""

    training: TokenFileInfo
    validation: TokenFileInfo
    pairs: tuple[int, int]
    lengths: PairLengths
    limits: PairLimits
    split: SplitRule | None
    features: SourceFeatures
    vocab_size: int


def pair_encoding_key(pairs: ParallelCorpus, tokenizer: Seq2SeqTokenizerConfig, training: Seq2SeqTrainingConfig) -> str:
    """Return a hash of many pairs and of all that their ids depend on; empty for few, which are encoded in seconds."""
    if len(pairs.rows) < _LARGE:
        return ""
    names = ("seed", "validation_fraction", "short_pair_repeats", "max_pair_tokens")
    settings = [getattr(training, name) for name in names]
    parts = [pairs.fingerprint(), asdict(tokenizer), settings, __version__, version("sentencepiece")]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


@dataclass(frozen=True)
class PairEncoder:
    """Encodes pairs into the folder of a new run.

    Args:
        staged: the folder.
        checkpoints: the folder of the other runs.
        tokenizer: settings of the tokens.
        training: settings of the training.
        start: the run that is trained on from, whose vocabularies are taken; None if there is none.
        too_long: counts the pairs that are left out for their length.
        notify: receives messages for the user.
        report: receives a message every few seconds.
    """

    staged: RunFolder
    checkpoints: Path
    tokenizer: Seq2SeqTokenizerConfig
    training: Seq2SeqTrainingConfig
    start: Seq2SeqStart | None
    too_long: DroppedRows
    notify: Callable[[str], None]
    report: Report | None

    def encode(self, split: Callable[[], PairSplit], key: str) -> EncodedPairs:
        """Return what is in the folder then: that of an earlier run, or of a killed process, if there is one.

        Args:
            split: splits the pairs.
            key: that of `pair_encoding_key`.

        Raises `CorpusError` if the pairs cannot be split, or all are too long.
        """
        earlier = run_with_ids(self.staged, self.checkpoints, SEQ2SEQ.id, key, _recorded) if key else None
        recorded = _recorded(earlier.config) if earlier else None
        if earlier is None or recorded is None:
            return self._encode(split(), key)
        self.notify(f"vocabulary and ids are those of run {earlier.name}, on the same pairs")
        return recorded

    def _encode(self, split: PairSplit, key: str) -> EncodedPairs:
        staged, training_rows, validation_rows = self.staged, split.training, split.validation
        preprocessor = PairPreprocessor(self.tokenizer, training_rows, self.training.seed)
        forms = preprocessor.training(training_rows)
        known: Collection[str] = ()
        if self.tokenizer.placeholders:
            known = preprocessor.known_words(training_rows) | (self.start.known_words if self.start else frozenset())
            save_known_words(staged.known_words_file, known)
        # What is moved from the folder of a killed process has one vocabulary.
        journal = EncodingJournal(staged.encoding_journal, key) if key and not self.tokenizer.separate_vocab else None
        if journal is not None and take_over_encoding(staged, self.checkpoints, key):
            self.notify("encoding goes on where a process was ended")
            source = target = Vocabulary(load_tokenizer(staged.path, self.tokenizer.type))
        else:
            source, target = self._vocabularies(forms)
            save_vocabularies(source, target, staged.path)
            if journal is not None:
                journal.begin()
        largest_id = max(source.size, target.size) - 1
        with PairWriter(staged.training_ids, largest_id, journal) as writer:
            left = reported(islice(forms, writer.count, None), len(forms) - writer.count, "encoded pairs", self.report)
            writer.add(encoded_pairs(left, source, target))
            writer.finish_recording()
            limits = _limits(writer.token_counts(), self.training.max_pair_tokens)
            training_rows = self._without_long(training_rows, writer, limits)
            repeats = preprocessor.repeats(training_rows, self.training)
            writer.add(encoded_pairs(repeats, source, target))
            lengths = _lengths(writer.token_counts())
            training_file = writer.finish(count_target_characters(chain(training_rows, repeats)))
        with PairWriter(staged.validation_ids, largest_id) as writer:
            writer.add(encoded_pairs(model_form(validation_rows, self.tokenizer, known), source, target))
            if split.rule is not None:  # a validation set of the user's own is kept complete
                validation_rows = self._without_long(validation_rows, writer, limits)
            validation_file = writer.finish(count_target_characters(validation_rows))
        if journal is not None:
            journal.remove()
        return EncodedPairs(
            training_file,
            validation_file,
            (len(training_rows), len(validation_rows)),
            self.start.lengths(lengths) if self.start else lengths,
            limits,
            split.rule,
            source_features(training_rows),
            target.tokenizer.vocab_size,
        )

    def _vocabularies(self, forms: Sequence[Pair]) -> tuple[Vocabulary, Vocabulary]:
        if self.start is not None:
            return self.start.vocabularies
        return train_vocabularies(TextColumn(forms, 0), TextColumn(forms, 1), self.tokenizer)

    def _without_long(self, rows: Sequence[Pair], writer: PairWriter, limits: PairLimits) -> Sequence[Pair]:
        """Return the pairs within the limits; one far longer than the rest would fill its batch with padding.

        Args:
            rows: The pairs.
            writer: Has written all of them, and leaves out the same ones.
            limits: The most tokens of a source and of a target.

        Raises `CorpusError` if none is left.
        """
        counts, dropped = writer.token_counts(), self.too_long
        within = are_within(limits, counts)
        for index in np.flatnonzero(~within).tolist():
            if dropped.count:
                dropped.count += 1  # a message tells of the first one
                continue
            pair = rows[index]
            column, length, limit = "source", counts.source[index], limits.source
            if length <= limit:
                column, length, limit = "target", counts.target[index], limits.target
            dropped.add(
                f"row {pair.row} of {pair.file}, whose {column} has {length:,} tokens where at most {limit:,} are "
                f"allowed (--max-pair-tokens keeps more)"
            )
        if not within.any():
            raise CorpusError(
                f"every pair is longer than --max-pair-tokens {max(limits.source, limits.target)}",
                hint="raise it",
            )
        writer.keep(within)
        return select_rows(rows, np.flatnonzero(within))


def _recorded(config: RunConfig) -> EncodedPairs | None:
    """Return what a config records; None if something is missing."""
    info = config.corpus_as(PairCorpusInfo)
    if not (info.training and info.validation and info.pairs and info.lengths and info.limits and info.features):
        return None
    return EncodedPairs(
        info.training, info.validation, info.pairs, info.lengths, info.limits, info.split, info.features,
        config.vocab_size,
    )  # fmt: skip


def are_within(limits: PairLimits, counts: TokenCounts) -> NDArray[np.bool_]:
    """Return whether each of P pairs is within the limits, `(P,)`."""
    within: NDArray[np.bool_] = (counts.source <= limits.source) & (counts.target <= limits.target)
    return within


def _lengths(counts: TokenCounts) -> PairLengths:
    """Return the longest source, the longest target, and how far a target exceeds twice its source, in tokens."""
    beyond = counts.target - 2 * counts.source
    return PairLengths(int(counts.source.max()), int(counts.target.max()), int(beyond.max()))


def _limits(counts: TokenCounts, max_pair_tokens: int | None) -> PairLimits:
    """Return the most tokens of a source and of a target: the number asked for, or ten times the median."""
    if max_pair_tokens is None:
        source, target = (max(_MAX_LENGTH_RATIO * float(np.median(column)), _ALWAYS_ALLOWED) for column in counts)
        return PairLimits(int(source), int(target))
    return PairLimits(max_pair_tokens, max_pair_tokens)
