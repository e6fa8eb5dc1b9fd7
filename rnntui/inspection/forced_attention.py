"""Attention of Seq2Seq runs over given pairs, under teacher forcing, and over sources that they translate."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from rnntui.config_seq2seq import BeamConfig, Seq2SeqConfig, Seq2SeqTokenizerConfig
from rnntui.errors import CorpusError, UsageError
from rnntui.inference.numpy_language_model import Ids
from rnntui.inference.numpy_seq2seq import NumpySeq2Seq
from rnntui.inference.translator import Translator, load_translator, read_known_words
from rnntui.inspection.inspection import Cancelled, check_cancelled
from rnntui.kinds.seq2seq import SEQ2SEQ
from rnntui.runs.folder import RunFolder
from rnntui.runs.lookup import require_kind
from rnntui.runs.run_config import RunConfig
from rnntui.text.normalization import normalize
from rnntui.text.pair_ids import EncodedPair, PairDataset, PairList, encode_pairs
from rnntui.text.pair_preprocessing import model_form
from rnntui.text.parallel_corpus import Pair
from rnntui.text.token_ids import TokenFile
from rnntui.text.vocabulary import BOS, EOS, Vocabulary
from rnntui.text.word_alignment import WordAligner

MAX_PAIRS = 512
"""Pairs that are looked at, evenly spaced over those there are."""
TARGET_SEPARATOR = "|||"
"""Between a source and the target that is forced, in a typed text, as in the files of word aligners."""
_BATCH = 32  # pairs
_MIN_ALIGNER_PAIRS, _MAX_ALIGNER_PAIRS = 50, 20_000  # of which a word aligner can learn something, in a second

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class AttendedPair:
    """A source of S tokens and a target of T tokens, ends included, with the attention between them.

    Args:
        sources: the source tokens, in readable form.
        targets: the target tokens.
        weights: `(T, S)`.
        ids: source and target ids without ends; None for a source that was translated.
        ended: False for a translation that was cut off, whose last token is not an end.
    """

    sources: list[str]
    targets: list[str]
    weights: Floats
    ids: EncodedPair | None = None
    ended: bool = True

    @property
    def inner_weights(self) -> Floats:
        """The weights without those of and for the end tokens."""
        return self.weights[: -1 if self.ended else None, :-1]

    @property
    def text(self) -> tuple[str, str]:
        """Source and target, of which runs with other tokens have the same."""
        return "".join(self.sources[:-1]), "".join(self.targets[: -1 if self.ended else None])


def forced_attention(model: NumpySeq2Seq, pairs: Sequence[EncodedPair], cancelled: Cancelled) -> list[Floats]:
    """Return the attention of each pair under teacher forcing, `(T + 1, S + 1)` with the rows and columns of the ends.

    Row t is where the decoder looks when it predicts target token t from the ones before it.

    Args:
        model: any with attention.
        pairs: ids of sources `(S,)`, at least one token each, and targets `(T,)`, without ends.
        cancelled: asked at each batch.
    """
    attention: list[Floats] = [np.empty((0, 0))] * len(pairs)
    by_length = sorted(range(len(pairs)), key=lambda index: (len(pairs[index][0]), len(pairs[index][1])))
    for start in range(0, len(by_length), _BATCH):
        check_cancelled(cancelled)
        batch = by_length[start : start + _BATCH]
        sources = [np.append(pairs[index][0], EOS) for index in batch]
        inputs = [np.concatenate([[BOS], pairs[index][1]]) for index in batch]
        encoded, state = model.encode(sources)
        steps = []
        for t in range(max(map(len, inputs))):
            tokens = np.array([ids[min(t, len(ids) - 1)] for ids in inputs], dtype=np.int64)
            weights, state = model.step(tokens, state, encoded)
            steps.append(weights[:, 0])
        for row, index in enumerate(batch):
            columns = len(sources[row])
            attention[index] = np.array([step[row, :columns] for step in steps[: len(inputs[row])]], dtype=np.float64)
    return attention


@dataclass(frozen=True, eq=False)
class AttentionProbe:
    """A Seq2Seq run with attention, and what it is probed with."""

    run: RunFolder
    config: RunConfig
    translator: Translator

    @classmethod
    def load(cls, run: RunFolder) -> AttentionProbe:
        """Load a run. Raises `UsageError` if it has no attention or is of another kind, `RunError` if it is broken."""
        config = run.read_config()
        require_kind(run, config.kind, SEQ2SEQ)
        if config.model_as(Seq2SeqConfig).attention == "none":
            raise UsageError(f"run {run.name} has no attention: it was trained with --attention none")
        return cls(run, config, load_translator(run))

    def attend_pairs(self, pairs: Sequence[Pair], cancelled: Cancelled) -> list[AttendedPair]:
        """Return the attention over pairs of texts, at most `MAX_PAIRS` of them."""
        return self._attend(self._encode(pairs, MAX_PAIRS), cancelled)

    def attend_held_out(self, cancelled: Cancelled) -> list[AttendedPair]:
        """Return the attention over the run's held-out pairs; empty if its folder does not have them."""
        pairs = self._recorded_pairs("validation")
        if pairs is None:
            return []
        chosen = [_without_ends(pairs, index) for index in _evenly_spaced(len(pairs), MAX_PAIRS)]
        return self._attend(chosen, cancelled)

    def attend_text(self, text: str, cancelled: Cancelled) -> list[AttendedPair]:
        """Return the attention over a line: one pair for each of its sentences, which the run translates.

        With `|||` and a target behind the source, that target is forced. Raises `UsageError` if one of both is empty.
        """
        source, separator, target = text.partition(TARGET_SEPARATOR)
        if separator:
            if not source.strip() or not target.strip():
                side = "target behind" if source.strip() else "source before"
                raise UsageError(f"there is no {side} {TARGET_SEPARATOR}")
            return self.attend_pairs([Pair(normalize(source.strip()), normalize(target.strip()), "", 1)], cancelled)
        [translation] = self.translator.translate([text], BeamConfig(), is_cancelled=cancelled)
        if not translation.hypotheses:
            return []
        pairs = []
        for sentence, part in zip(translation.sentences, translation.hypotheses[0].parts, strict=True):
            if not sentence.unchanged:
                weights = part.attention.astype(np.float64)
                pairs.append(AttendedPair(sentence.tokens.texts, part.tokens.texts, weights, ended=part.ended))
        return pairs

    def aligner(self, pairs: Sequence[Pair]) -> WordAligner | None:
        """Return a word aligner of the run's training pairs, else of the given ones if they are enough; else None."""
        training = self._recorded_pairs("training")
        if training is not None:
            return WordAligner.train(training, self._vocabularies[1].size)
        if len(pairs) < _MIN_ALIGNER_PAIRS:
            return None
        return WordAligner.train(PairList(self._encode(pairs, _MAX_ALIGNER_PAIRS)), self._vocabularies[1].size)

    def _encode(self, pairs: Sequence[Pair], limit: int) -> list[EncodedPair]:
        """Return the ids of pairs in the model's form, of at most `limit` of them, evenly spaced."""
        chosen = [pairs[index] for index in _evenly_spaced(len(pairs), limit)]
        tokenizer = self.config.tokenizer_as(Seq2SeqTokenizerConfig)
        forms = model_form(chosen, tokenizer, read_known_words(self.run, self.config))
        return encode_pairs(forms, *self._vocabularies)

    @property
    def _vocabularies(self) -> tuple[Vocabulary, Vocabulary]:
        return self.translator.source, self.translator.target

    def _attend(self, encoded: Sequence[EncodedPair], cancelled: Cancelled) -> list[AttendedPair]:
        encoded = [pair for pair in encoded if len(pair[0]) and len(pair[1])]
        attention = forced_attention(self.translator.model, encoded, cancelled)
        source, target = self._vocabularies
        return [
            AttendedPair(_token_texts(pair[0], source), _token_texts(pair[1], target), weights, pair)
            for pair, weights in zip(encoded, attention, strict=True)
        ]

    def _recorded_pairs(self, part: str) -> PairDataset | None:
        """Return the training or the held-out pairs in the run's folder; None if they are not there."""
        info, path = getattr(self.config.corpus, part), getattr(self.run, f"{part}_ids")
        if info is None or not path.is_file():
            return None
        try:
            pairs = PairDataset(TokenFile(**asdict(info)), path)
        except CorpusError:
            return None
        sizes = tuple(vocabulary.size for vocabulary in self._vocabularies)
        return pairs if all(id < size for id, size in zip(pairs.largest_ids(), sizes, strict=True)) else None


def aligned(aligner: WordAligner, pair: AttendedPair) -> Floats:
    """Return the alignment `(T, S + 1)` of a pair with ids, a row for each target token but the end."""
    assert pair.ids is not None
    source, target = (np.append(ids, EOS)[:, None] for ids in pair.ids)
    alignment: Floats = aligner.align(source, target)[0, :-1].astype(np.float64)
    return alignment


def _token_texts(ids: Ids, vocabulary: Vocabulary) -> list[str]:
    return [vocabulary.token_text(int(token)) for token in (*ids, EOS)]


def _without_ends(pairs: PairDataset, index: int) -> EncodedPair:
    return pairs.source(index)[:-1], pairs.target(index)[:-1]


def _evenly_spaced(count: int, limit: int) -> Iterator[int]:
    """Yield at most `limit` of the indices below `count`: corpora are often sorted by length."""
    yield from np.unique(np.linspace(0, count - 1, min(count, limit)).astype(np.intp)).tolist()
