"""Translation of lines with a trained Seq2Seq run: batches of similar length, answers in the order of the lines."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from rnntui.config_seq2seq import BeamConfig, Seq2SeqConfig, Seq2SeqTokenizerConfig
from rnntui.inference.beam_search import BeamSearch, Hypothesis, SearchResult
from rnntui.inference.numpy_language_model import Ids
from rnntui.inference.numpy_seq2seq import NumpySeq2Seq
from rnntui.kinds.pair_corpus_info import PairCorpusInfo, PairLengths
from rnntui.kinds.seq2seq import SEQ2SEQ
from rnntui.runs.folder import RunFolder
from rnntui.runs.lookup import require_kind
from rnntui.runs.run_config import RunConfig
from rnntui.runs.weights_file import load_weights
from rnntui.text.control_chars import unknown_characters_message
from rnntui.text.normalization import normalize, offset_map
from rnntui.text.vocabulary import EOS, CharSpan, Vocabulary, load_vocabularies

BATCH = 64  # lines in a batch, at most
_BATCH_TOKENS = 4096  # source tokens in a batch at most, padding included: a very long line has a batch to itself
_DEFAULT_MAX_TOKENS = 200  # of a translation, where the run does not record the lengths it was trained on


@dataclass(frozen=True)
class Translation:
    """A line and its hypotheses, best first; none for a blank line.

    `source_tokens (S)` label the columns of the hypotheses' attention; the last one is the end token.
    """

    source: str
    source_tokens: list[str] = field(default_factory=list)
    hypotheses: list[Hypothesis] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The best hypothesis; empty for a blank line."""
        return self.hypotheses[0].text if self.hypotheses else ""


class Translator:
    """A Seq2Seq model with its vocabularies and, where known, the lengths of the pairs it was trained on."""

    def __init__(
        self,
        model: NumpySeq2Seq,
        source: Vocabulary,
        target: Vocabulary,
        training_lengths: PairLengths | None = None,
    ) -> None:
        self.model = model
        self.source = source
        self.target = target
        self.training_lengths = training_lengths

    def translate(
        self,
        lines: Sequence[str],
        settings: BeamConfig,
        resolve_ties: bool = True,
        is_cancelled: Callable[[], bool] | None = None,
        workers: int = 1,
    ) -> list[Translation]:
        """Translate lines in batches. Each line gets the translation that it would get alone, in any order.

        Args:
            lines: texts without line breaks; a blank one gets no hypothesis.
            settings: width of the beam, length penalty, hypotheses per line, length limit.
            resolve_ties: search again in double precision where rounding may have decided. Without, translation is
                faster, and still repeatable for the same lines in the same order.
            is_cancelled: called before every decoder step; once it returns True, `CancelledError` is raised.
            workers: number of batches translated at the same time, each by a thread; the result is the same.
        """
        sources = [self.encode(line) for line in lines]
        hypotheses: list[list[Hypothesis]] = [[] for _ in lines]
        non_blank = [index for index, ids in enumerate(sources) if len(ids) > 1]  # more than the end token
        batches = list(_batches(non_blank, sources))
        is_abandoned = threading.Event()
        exact_lock = threading.Lock()  # for the model in float64 is made when it is first needed

        def is_unwanted() -> bool:
            return is_abandoned.is_set() or (is_cancelled is not None and is_cancelled())

        def translate_batch(batch: list[int]) -> None:
            results = self._search(self.model, [sources[index] for index in batch], settings, is_unwanted)
            for index, result in zip(batch, results, strict=True):
                hypotheses[index] = result.hypotheses
                if resolve_ties and result.near_tie:
                    with exact_lock:
                        model = self.model.exact
                    [exact] = self._search(model, [sources[index]], settings, is_unwanted)
                    hypotheses[index] = exact.hypotheses

        if workers == 1 or len(batches) == 1:
            for batch in batches:
                translate_batch(batch)
        else:
            with ThreadPoolExecutor(workers) as pool:
                # The batches of the longest sources take longest, so they begin first.
                try:
                    for _ in pool.map(translate_batch, reversed(batches)):
                        pass
                except BaseException:
                    is_abandoned.set()  # the other workers stop at their next step, and this one waits for them
                    raise
        return [
            Translation(line, [self.source.token_text(int(i)) for i in ids] if len(ids) > 1 else [], ranked)
            for line, ids, ranked in zip(lines, sources, hypotheses, strict=True)
        ]

    def encode(self, line: str) -> Ids:
        """Return the token ids `(S,)` that the encoder reads for a line, the end token included."""
        return np.append(self.source.encode(normalize(line)), EOS)

    def tokens(self, hypothesis: Hypothesis) -> list[str]:
        """Return a hypothesis's tokens in readable form: the labels of its attention's rows."""
        return [self.target.token_text(i) for i in _ids_with_end(hypothesis)]

    def source_spans(self, line: str) -> list[CharSpan]:
        """Return the span of each source token in the line: the columns of the attention. The end token's is empty."""
        offsets = offset_map(line)
        return [(offsets[start], offsets[end]) for start, end in self.source.char_spans(self.encode(line))]

    def target_spans(self, hypothesis: Hypothesis) -> list[CharSpan]:
        """Return the span of each token in the hypothesis's text: the rows of the attention. The end's is empty."""
        spans = self.target.char_spans(_ids_with_end(hypothesis))
        # `_target_text` strips leading blanks and turns a CR LF into one space, so spans are shifted and clipped.
        decoded = self.target.decode(hypothesis.ids)
        stripped, length = len(decoded) - len(decoded.lstrip()), len(hypothesis.text)
        return [(min(max(0, start - stripped), length), min(max(0, end - stripped), length)) for start, end in spans]

    def warnings_for(self, line: str, label: str) -> list[str]:
        """Return warnings about a line that is hard for this model; `label` names the line in them.

        Warned of are characters that the vocabulary lacks, and lines much longer than any in training.
        """
        warnings = []
        unknown = self.source.unknown_characters(normalize(line))
        if unknown:
            warnings.append(f"{label}: {unknown_characters_message(unknown)}")
        length = len(self.encode(line)) - 1
        if self.training_lengths is not None and length > 2 * self.training_lengths.source:
            warnings.append(
                f"{label} has {length:,} tokens, the longest in training {self.training_lengths.source:,}; "
                f"translate it sentence by sentence for a better result"
            )
        return warnings

    def _search(
        self,
        model: NumpySeq2Seq,
        sources: list[Ids],
        settings: BeamConfig,
        is_cancelled: Callable[[], bool] | None,
    ) -> list[SearchResult]:
        max_lengths = [settings.max_length or self._default_max_length(len(source)) for source in sources]
        beam_search = BeamSearch(model, settings, self._target_text, self.target.banned_ids, is_cancelled)
        return beam_search.search(sources, max_lengths)

    def _default_max_length(self, source_length: int) -> int:
        if self.training_lengths is None:
            return _DEFAULT_MAX_TOKENS
        return self.training_lengths.max_target_length(source_length)

    def _target_text(self, ids: list[int]) -> str:
        # A line is answered by one line, so line breaks that the model may write become spaces.
        return " ".join(self.target.decode(ids).splitlines()).strip()


def _ids_with_end(hypothesis: Hypothesis) -> list[int]:
    return [*hypothesis.ids, EOS] if hypothesis.ended else hypothesis.ids


def _batches(indices: list[int], sources: list[Ids]) -> Iterator[list[int]]:
    """Yield batches of indices of sources of similar length, shortest first."""
    batch: list[int] = []
    for index in sorted(indices, key=lambda index: len(sources[index])):
        if batch and (len(batch) == BATCH or (len(batch) + 1) * len(sources[index]) > _BATCH_TOKENS):
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


def load_translator(run: RunFolder) -> Translator:
    """Load a Seq2Seq run's best weights. Raises `RunError` or `TokenizerError` naming what is missing or broken."""
    config = run.read_config()
    source, target = read_vocabularies(run, config)
    shape = config.model_as(Seq2SeqConfig)
    model = NumpySeq2Seq(load_weights(run.weights_file), shape, source.size, target.size)
    return Translator(model, source, target, config.corpus_as(PairCorpusInfo).lengths)


def read_vocabularies(run: RunFolder, config: RunConfig) -> tuple[Vocabulary, Vocabulary]:
    """Read the source and target vocabularies of a Seq2Seq run; a joint one is returned twice.

    Raises `UsageError` if the run is of another kind, `RunError` if a vocabulary does not fit.
    """
    require_kind(run, config.kind, SEQ2SEQ)
    return load_vocabularies(run.path, config.tokenizer_as(Seq2SeqTokenizerConfig))
