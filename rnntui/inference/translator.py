"""Translation of lines with a trained Seq2Seq run: prepared, searched for in batches, and put together again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import accumulate

import numpy as np

from rnntui.config_seq2seq import BeamConfig, Seq2SeqConfig, Seq2SeqTokenizerConfig, SplitSentences
from rnntui.inference.batched_search import BatchedSearch, SearchJob, SearchOptions
from rnntui.inference.beam_search import Hypothesis
from rnntui.inference.line_preparation import LinePreparer, PreparedLine, PreparedSentence
from rnntui.inference.markup_placement import AlignedText, insert_markup, place_markup
from rnntui.inference.numpy_language_model import Ids
from rnntui.inference.numpy_seq2seq import NumpySeq2Seq
from rnntui.inference.recasing import recase
from rnntui.inference.translation import (
    SentenceHypothesis,
    TokenSpans,
    TranslatedSentence,
    Translation,
    combined,
    unchanged_sentence,
)
from rnntui.kinds.pair_corpus_info import PairCorpusInfo, PairLengths
from rnntui.kinds.seq2seq import SEQ2SEQ
from rnntui.runs.checksums import read_checked_config
from rnntui.runs.folder import RunFolder
from rnntui.runs.lookup import require_kind
from rnntui.runs.run_config import RunConfig
from rnntui.runs.weights_file import open_weights
from rnntui.text.control_chars import unknown_characters_message
from rnntui.text.normalization import normalize
from rnntui.text.placeholders import is_complete, load_known_words
from rnntui.text.vocabulary import EOS, CharSpan, Vocabulary, load_vocabularies


class Translator:
    """A Seq2Seq model with its vocabularies.

    Args:
        model: encoder and decoder.
        source: the vocabulary of sources.
        target: the vocabulary of targets.
        training_lengths: of the pairs that the model was trained on, where known.
        preparer: prepares lines for the model; None translates each as a single source, as it is.
    """

    def __init__(
        self,
        model: NumpySeq2Seq,
        source: Vocabulary,
        target: Vocabulary,
        training_lengths: PairLengths | None = None,
        preparer: LinePreparer | None = None,
    ) -> None:
        self.model = model
        self.source = source
        self.target = target
        self.training_lengths = training_lengths
        self._preparer = preparer or LinePreparer(Seq2SeqTokenizerConfig(), None, source)
        self._search = BatchedSearch(model, target, training_lengths)

    def translate(
        self,
        lines: Sequence[str],
        settings: BeamConfig,
        resolve_ties: bool = True,
        is_cancelled: Callable[[], bool] | None = None,
        workers: int = 1,
        on_progress: Callable[[float], None] | None = None,
    ) -> list[Translation]:
        """Translate lines in batches of sentences. Each line gets the translation that it would get alone.

        Args:
            lines: texts without line breaks; a blank one gets no hypothesis.
            settings: width of the beam, length penalty, hypotheses per line, length limit.
            resolve_ties: see `SearchOptions`.
            is_cancelled: see `SearchOptions`; raises `CancelledError`.
            workers: see `SearchOptions`.
            on_progress: see `SearchOptions`; sentences that are searched for a second time do not count.
        """
        options = SearchOptions(resolve_ties, is_cancelled, workers, on_progress)
        prepared_lines = [self._preparer.prepare(line) for line in lines]
        to_search = [each for line in prepared_lines for each in line.sentences if not each.passes]
        searched = iter(self._translate_sentences(to_search, settings, options))
        return [_translation(line, searched, settings.n_best) for line in prepared_lines]

    def encode(self, line: str) -> Ids:
        """Return the token ids `(S,)` of a line as a single source, the end token included."""
        return self._ids(normalize(line))

    def warnings_for(self, line: str, label: str) -> list[str]:
        """Return warnings about a line that is hard for this model; `label` names the line in them.

        Warned of are characters that the vocabulary lacks, sentences much longer than any in training, and lines that
        pass unchanged though they have words.
        """
        prepared = self._preparer.prepare(line)
        if prepared.passes:
            message = "left unchanged, as its script does not occur in the training sources"
            return [f"{label}: {message}"] if self._preparer.is_foreign(line) else []
        warnings = []
        unknown = self.source.unknown_characters("".join(each.model_text for each in prepared.sentences))
        if unknown:
            warnings.append(f"{label}: {unknown_characters_message(unknown)}")
        length = max((len(self._ids(each.model_text)) - 1 for each in prepared.sentences), default=0)
        if self.training_lengths is not None and length > 2 * self.training_lengths.source:
            warnings.append(
                f"{label} has {length:,} tokens, the longest training source {self.training_lengths.source:,}; "
                f"translate it sentence by sentence for better results"
            )
        return warnings

    def _translate_sentences(
        self, sentences: Sequence[PreparedSentence], settings: BeamConfig, options: SearchOptions
    ) -> list[TranslatedSentence]:
        """Return a translation of each sentence.

        With placeholders, only hypotheses that have each of them as often as the source are good; if there are none,
        the sentence is searched for again without placeholders.
        """
        for_placeholders = replace(settings, n_best=settings.beam)  # to choose from
        jobs = [
            SearchJob(self._ids(each.model_text), for_placeholders if each.values else settings, bool(each.values))
            for each in sentences
        ]
        hypotheses = self._search.search(jobs, options)
        incomplete: list[int] = []
        for index, sentence in enumerate(sentences):
            if sentence.values:
                complete = [each for each in hypotheses[index] if is_complete(each.text, sentence.values)]
                hypotheses[index] = complete[: settings.n_best]
                incomplete += [] if complete else [index]
        final = list(sentences)
        if incomplete:
            for index in incomplete:
                final[index] = self._preparer.without_placeholders(sentences[index])
            again = [SearchJob(self._ids(final[index].model_text), settings, False) for index in incomplete]
            for index, new_hypotheses in zip(
                incomplete, self._search.search(again, replace(options, on_progress=None)), strict=True
            ):
                hypotheses[index] = new_hypotheses
        return [self._sentence(*pair) for pair in zip(final, hypotheses, strict=True)]

    def _sentence(self, sentence: PreparedSentence, hypotheses: Sequence[Hypothesis]) -> TranslatedSentence:
        shown: dict[str, SentenceHypothesis] = {}
        for hypothesis in hypotheses:
            each = self._hypothesis(sentence, hypothesis)
            shown.setdefault(each.text, each)  # two may differ in case alone
        return TranslatedSentence(sentence.span, lambda: self._source_tokens(sentence), list(shown.values()))

    def _hypothesis(self, sentence: PreparedSentence, hypothesis: Hypothesis) -> SentenceHypothesis:
        characters = self._shown_characters(sentence, hypothesis)
        return SentenceHypothesis(
            "".join(characters),
            hypothesis.log_probability,
            hypothesis.score,
            hypothesis.attention,
            hypothesis.ended,
            hypothesis.ids,
            lambda: self._target_tokens(sentence, hypothesis, characters),
        )

    def _shown_characters(self, sentence: PreparedSentence, hypothesis: Hypothesis) -> Sequence[str]:
        """Return what is shown for each character of a target that the model wrote."""
        characters = _shown_characters(hypothesis.text, sentence)
        if sentence.markup and characters:
            source = AlignedText(sentence.model_text, self.source.char_spans(self._ids(sentence.model_text)))
            target = AlignedText(hypothesis.text, self._target_spans(hypothesis))
            insertions = place_markup(sentence.model_markup, source, target, hypothesis.attention)
            characters = insert_markup(characters, insertions)
        return characters

    def _source_tokens(self, sentence: PreparedSentence) -> TokenSpans:
        ids = self._ids(sentence.model_text)
        spans = [sentence.span_of(start, end) for start, end in self.source.char_spans(ids)]
        return TokenSpans(_texts(ids, self.source, sentence), spans)

    def _target_tokens(
        self, sentence: PreparedSentence, hypothesis: Hypothesis, characters: Sequence[str]
    ) -> TokenSpans:
        ids = [*hypothesis.ids, EOS] if hypothesis.ended else hypothesis.ids
        offsets = [0, *accumulate(map(len, characters))]
        spans = self._target_spans(hypothesis)
        return TokenSpans(_texts(ids, self.target, sentence), [(offsets[start], offsets[end]) for start, end in spans])

    def _target_spans(self, hypothesis: Hypothesis) -> list[CharSpan]:
        """Return the spans of the tokens in the text of a hypothesis."""
        spans = self.target.char_spans([*hypothesis.ids, EOS] if hypothesis.ended else hypothesis.ids)
        # `target_text` strips leading blanks and turns a CR LF into one space, so spans are shifted and clipped.
        decoded = self.target.decode(hypothesis.ids)
        stripped, length = len(decoded) - len(decoded.lstrip()), len(hypothesis.text)
        return [(min(max(0, start - stripped), length), min(max(0, end - stripped), length)) for start, end in spans]

    def _ids(self, text: str) -> Ids:
        return np.append(self.source.encode(text), EOS)


def _translation(line: PreparedLine, searched: Iterator[TranslatedSentence], n_best: int) -> Translation:
    """Return the translation of a line; takes as many of the sentences that were searched for as it has."""
    if not line.sentences:
        return Translation(line.typed)
    if line.passes:
        whole = unchanged_sentence(line.typed, lambda: (0, len(line.typed)))
        return Translation(line.typed, [whole], combined([whole], ["", ""], 1))
    sentences = [
        unchanged_sentence(sentence.original, sentence.span) if sentence.passes else next(searched)
        for sentence in line.sentences
    ]
    return Translation(line.typed, sentences, combined(sentences, line.gaps, n_best))


def _shown_characters(text: str, sentence: PreparedSentence) -> Sequence[str]:
    """Return what is shown for each character of a target that the model wrote."""
    characters: Sequence[str] = text
    if sentence.casing != "model":
        characters = recase(text, sentence.casing, sentence.text)
    if sentence.values:
        originals = {value.character: value.text for value in sentence.values}
        characters = [originals.get(character, character) for character in characters]
    if sentence.terminator and text.endswith((".", "。")) and not text.endswith(".."):
        characters = [*characters[:-1], ""]
    return characters


def _texts(ids: Sequence[int] | Ids, vocabulary: Vocabulary, sentence: PreparedSentence) -> list[str]:
    """Return tokens in readable form, with the texts that placeholders stand for."""
    table = {ord(value.character): value.text for value in sentence.values}
    return [vocabulary.token_text(int(token)).translate(table) for token in ids]


def load_translator(run: RunFolder, split_sentences: SplitSentences = "auto") -> Translator:
    """Load a Seq2Seq run's best weights. Raises `RunError` or `TokenizerError` naming what is missing or broken."""
    config = read_checked_config(run)
    source, target = read_vocabularies(run, config)
    shape, corpus = config.model_as(Seq2SeqConfig), config.corpus_as(PairCorpusInfo)
    with open_weights(run.weights_file) as weights:
        model = NumpySeq2Seq(weights, shape, source.size, target.size)
    tokenizer = config.tokenizer_as(Seq2SeqTokenizerConfig)
    preparer = LinePreparer(tokenizer, corpus.features, source, read_known_words(run, config), split_sentences)
    return Translator(model, source, target, corpus.lengths, preparer)


def read_vocabularies(run: RunFolder, config: RunConfig) -> tuple[Vocabulary, Vocabulary]:
    """Read the source and target vocabularies of a Seq2Seq run; a joint one is returned twice.

    Raises `UsageError` if the run is of another kind, `RunError` if a vocabulary does not fit.
    """
    require_kind(run, config.kind, SEQ2SEQ)
    return load_vocabularies(run.path, config.tokenizer_as(Seq2SeqTokenizerConfig))


def read_known_words(run: RunFolder, config: RunConfig) -> frozenset[str]:
    """Read the known words of a Seq2Seq run; none if it has no placeholders. Raises `RunError` if they are missing."""
    has_placeholders = config.tokenizer_as(Seq2SeqTokenizerConfig).placeholders
    return load_known_words(run.known_words_file) if has_placeholders else frozenset()
