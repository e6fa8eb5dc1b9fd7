"""Lines to lines by a trained Seq2Seq run: batches of like length, answers in the order of the lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from rnntui.config_seq2seq import BeamConfig, Seq2SeqConfig, Seq2SeqTokenizerConfig
from rnntui.inference.beam_search import Cancelled, Found, Hypothesis, search
from rnntui.inference.numpy_language_model import Ids
from rnntui.inference.numpy_seq2seq import NumpySeq2Seq
from rnntui.kinds.corpus_info import PairCorpusInfo
from rnntui.kinds.seq2seq import SEQ2SEQ
from rnntui.runs.folder import RunFolder
from rnntui.runs.lookup import require_kind
from rnntui.runs.run_config import RunConfig
from rnntui.runs.weights_file import load_weights
from rnntui.text.control_chars import unknown_characters_message
from rnntui.text.normalization import normalize, offset_map
from rnntui.text.vocabulary import EOS, CharSpan, Vocabulary, load_vocabularies

BATCH = 64  # lines side by side
_PLACES = 4096  # source tokens side by side at most, with padding: a long line has a batch to itself
_LIMIT = 200  # tokens of a translation at most, where the run does not say what it was trained on


@dataclass(frozen=True)
class Translation:
    """A line and what was made of it, the best first; nothing for a blank line.

    `source_tokens (S)` are the columns of the hypotheses' attention, the end among them.
    """

    source: str
    source_tokens: list[str] = field(default_factory=list)
    hypotheses: list[Hypothesis] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The best hypothesis; empty for a blank line."""
        return self.hypotheses[0].text if self.hypotheses else ""


@dataclass(frozen=True)
class Lengths:
    """Tokens of what a model was trained on: the longest source and target, and the most of a target beyond twice its
    source.
    """

    source: int
    target: int
    beyond: int

    def limit(self, source: int) -> int:
        """Tokens that a target may have: a little more than any in training had, for a source of that length."""
        return max(10, min(self.target + self.target // 4 + 2, 2 * source + self.beyond + 10))


class Translator:
    """A model with its vocabularies; `seen` is what lengths it was trained on, where that is known."""

    def __init__(
        self, model: NumpySeq2Seq, source: Vocabulary, target: Vocabulary, seen: Lengths | None = None
    ) -> None:
        self.model = model
        self.source = source
        self.target = target
        self.seen = seen

    def translate(
        self, lines: Sequence[str], settings: BeamConfig, resolve_ties: bool = True, cancelled: Cancelled | None = None
    ) -> list[Translation]:
        """Translate lines together. Each gets what it would get alone, in any order.

        Without `resolve_ties`, choices that hang on how numbers are rounded stay as they fell: quicker, and for the
        same lines in the same order always the same too. Raises `CancelledError` soon after `cancelled` says yes.
        """
        sources = [self.encode(line) for line in lines]
        found: dict[int, list[Hypothesis]] = {}
        asked = [number for number, ids in enumerate(sources) if len(ids) > 1]  # more than the end
        for numbers in _batches(asked, sources):
            answers = self._search([sources[n] for n in numbers], settings, cancelled)
            for number, answer in zip(numbers, answers, strict=True):
                near_tie = resolve_ties and answer.near_tie
                settled = self._search([sources[number]], settings, cancelled, exact=True)[0] if near_tie else answer
                found[number] = settled.hypotheses
        return [
            Translation(line, [self.source.token_text(int(i)) for i in sources[number]], found[number])
            if number in found
            else Translation(line)
            for number, line in enumerate(lines)
        ]

    def encode(self, line: str) -> Ids:
        """A line as the model reads it: tokens `(S,)` with the end."""
        return np.append(self.source.encode(normalize(line)), EOS)

    def tokens(self, hypothesis: Hypothesis) -> list[str]:
        """A hypothesis's tokens as a person would read them: the rows of its attention."""
        return [self.target.token_text(i) for i in [*hypothesis.ids, *([EOS] if hypothesis.ended else [])]]

    def source_spans(self, line: str) -> list[CharSpan]:
        """Where each source token stands in the line: the columns of the attention. The end stands nowhere."""
        at = offset_map(line)
        return [(at[start], at[end]) for start, end in self.source.char_spans(self.encode(line))]

    def target_spans(self, hypothesis: Hypothesis) -> list[CharSpan]:
        """Where each token stands in the hypothesis's text: the rows of the attention. The end stands nowhere."""
        spans = self.target.char_spans([*hypothesis.ids, *([EOS] if hypothesis.ended else [])])
        # Blanks at the start of what was written are not part of the text, nor is more than one of a CR and a LF.
        written = self.target.decode(hypothesis.ids)
        before, length = len(written) - len(written.lstrip()), len(hypothesis.text)
        return [(min(max(0, start - before), length), min(max(0, end - before), length)) for start, end in spans]

    def remarks(self, line: str, where: str) -> list[str]:
        """What a person should know of a line before they trust its translation; `where` is what to call the line."""
        remarks = []
        unknown = self.source.unknown_characters(normalize(line))
        if unknown:
            remarks.append(f"{where}: {unknown_characters_message(unknown)}")
        tokens = len(self.encode(line)) - 1
        if self.seen is not None and tokens > 2 * self.seen.source:
            remarks.append(
                f"{where} has {tokens:,} tokens, the longest in training {self.seen.source:,}; "
                f"give it sentence by sentence for a better translation"
            )
        return remarks

    def _search(
        self, sources: list[Ids], settings: BeamConfig, cancelled: Cancelled | None, exact: bool = False
    ) -> list[Found]:
        limits = [settings.max_length or (self.seen.limit(len(s)) if self.seen else _LIMIT) for s in sources]
        model = self.model.exact if exact else self.model
        return search(model, sources, settings, limits, self._text_of, self.target.banned_ids, cancelled)

    def _text_of(self, ids: list[int]) -> str:
        # A line is answered by a line: what the model might write across lines is put on one.
        return " ".join(self.target.decode(ids).splitlines()).strip()


def _batches(numbers: list[int], sources: list[Ids]) -> Iterator[list[int]]:
    """Lines of like length, side by side."""
    batch: list[int] = []
    for number in sorted(numbers, key=lambda n: len(sources[n])):
        if batch and (len(batch) == BATCH or (len(batch) + 1) * len(sources[number]) > _PLACES):
            yield batch
            batch = []
        batch.append(number)
    if batch:
        yield batch


def load_translator(run: RunFolder) -> Translator:
    """Read a Seq2Seq run's best weights. Raises `RunError` or `TokenizerError` naming what is missing or broken."""
    config = run.read_config()
    source, target = read_vocabularies(run, config)
    shape = config.model_as(Seq2SeqConfig)
    model = NumpySeq2Seq(load_weights(run.weights_file), shape, source.size, target.size)
    return Translator(model, source, target, lengths_of(config))


def read_vocabularies(run: RunFolder, config: RunConfig) -> tuple[Vocabulary, Vocabulary]:
    """The vocabularies of a Seq2Seq run.

    Raises `UsageError` if the run is of another kind, `RunError` if a vocabulary does not fit.
    """
    require_kind(run, config.kind, SEQ2SEQ)
    return load_vocabularies(run.path, config.tokenizer_as(Seq2SeqTokenizerConfig))


def lengths_of(config: RunConfig) -> Lengths | None:
    """The lengths of a run's training pairs, if its config has them."""
    lengths = config.corpus_as(PairCorpusInfo).lengths
    return None if lengths is None else Lengths(lengths.source, lengths.target, lengths.beyond)
