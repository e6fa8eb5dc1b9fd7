"""Vocabularies of sequence-to-sequence models: a tokenizer's tokens after three that mark where a sequence ends.

Ids 0, 1 and 2 are padding, beginning and end, whatever the tokenizer; its own ids follow, moved up by three.
"""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rnntui.errors import RunError
from rnntui.text.char_tokenizer import CharTokenizer, code_points
from rnntui.text.tokenizer_factory import load_tokenizer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rnntui.config_seq2seq import Seq2SeqTokenizerConfig
    from rnntui.text.tokenizer import Tokenizer

PAD, BOS, EOS = 0, 1, 2
Span = tuple[int, int]
"""From one offset in a text to another."""
_SPECIAL = 3
END = "</s>"
_SAMPLE = 8_000_000  # characters that subwords are learnt from, at most


class Vocabulary:
    """Text to ids and back, one line at a time.

    Subwords read a line as if a space stood before it, so that a word is the same token at the start of a line and
    within it.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer
        self._lead = "" if tokenizer.kind == "char" else " "
        self.never_written = (PAD, BOS, tokenizer.unknown_id + _SPECIAL)

    @property
    def size(self) -> int:
        """How many ids there are, the three included."""
        return self.tokenizer.vocab_size + _SPECIAL

    def encode(self, text: str) -> NDArray[np.int64]:
        """Ids `(N,)` of the text, without beginning and end; none for an empty text."""
        return self.tokenizer.encode(self._lead + text) + _SPECIAL if text else np.zeros(0, dtype=np.int64)

    def decode(self, ids: NDArray[np.int64] | list[int]) -> str:
        """The text of the ids; the three say nothing."""
        text = self.tokenizer.decode([int(i) - _SPECIAL for i in ids if i >= _SPECIAL])
        return text.removeprefix(self._lead)

    def token_text(self, token: int) -> str:
        """The token as a person would read it; a subword that begins a word keeps its space."""
        if token < _SPECIAL:
            return ("<pad>", "<s>", END)[token]
        return self.tokenizer.token_text(token - _SPECIAL)

    def spans(self, ids: NDArray[np.int64] | list[int]) -> list[Span]:
        """Where each token stands in the text that `decode` gives: its characters, in order and without gaps.

        Tokens that are bytes of one character each stand where it does. The three stand nowhere: a span of no length.
        """
        stream, text = self.tokenizer.stream(), ""
        spans: list[Span] = []
        waiting: list[int] = []  # tokens whose character is not whole yet
        for token in ids:
            waiting.append(len(spans))
            spans.append((len(text), len(text)))
            came = stream.push(int(token) - _SPECIAL) if token >= _SPECIAL else ""
            if came or token < _SPECIAL:
                waiting = _end_at(spans, waiting, len(text) + len(came))
                text += came
        text += (rest := stream.finish())
        _end_at(spans, waiting if rest else [], len(text))
        lead = len(text) - len(text.removeprefix(self._lead))
        return [(max(0, start - lead), max(0, end - lead)) for start, end in spans]

    def unknown_characters(self, text: str) -> list[str]:
        """The distinct characters of `text` that are not in the vocabulary, in order of appearance."""
        return self.tokenizer.unknown_characters(text)


def _end_at(spans: list[Span], tokens: list[int], end: int) -> list[int]:
    """Let these tokens end there; gives those that are then left."""
    for number in tokens:
        spans[number] = (spans[number][0], end)
    return []


def learn(texts: Sequence[str], config: Seq2SeqTokenizerConfig) -> Vocabulary:
    """A vocabulary for the texts; of a small corpus a small one. Raises `TokenizerError` or `UsageError`."""
    characters = sum(map(len, texts))
    counts = np.zeros(0x110000, dtype=np.int64)
    for start in range(0, len(texts), 10_000):
        seen = np.bincount(code_points("".join(texts[start : start + 10_000])))
        counts[: len(seen)] += seen
    if config.type == "char":
        return Vocabulary(CharTokenizer.from_counts(counts, config.vocab_size))
    from rnntui.text.subword_tokenizer import SubwordTokenizer

    # Every k-th text of many: a vocabulary learnt from more of them is hardly another, and takes longer.
    sample = (f" {text}" for text in texts[:: 1 + characters // _SAMPLE])
    size = config.subwords(characters)
    return Vocabulary(SubwordTokenizer.train(sample, config.type, size, int(np.count_nonzero(counts))))


def learn_both(
    sources: Sequence[str], targets: Sequence[str], config: Seq2SeqTokenizerConfig
) -> tuple[Vocabulary, Vocabulary]:
    """The vocabularies of source and target: one and the same, unless separate ones are asked for."""
    if config.separate_vocab:
        return learn(sources, config), learn(targets, config)
    joint = learn(list(chain(sources, targets)), config)
    return joint, joint


def save_both(source: Vocabulary, target: Vocabulary, folder: Path) -> None:
    """Write a joint vocabulary into a run folder, separate ones into folders of their own in it."""
    if source is target:
        target.tokenizer.save(folder)
        return
    for name, vocabulary in (("source", source), ("target", target)):
        (folder / name).mkdir()
        vocabulary.tokenizer.save(folder / name)


def load_both(folder: Path, config: Seq2SeqTokenizerConfig) -> tuple[Vocabulary, Vocabulary]:
    """The vocabularies kept in a run folder. Raises `TokenizerError` or `RunError` naming what is missing or broken."""
    if config.separate_vocab:
        source, target = (Vocabulary(load_tokenizer(folder / name, config.type)) for name in ("source", "target"))
    else:
        source = target = Vocabulary(load_tokenizer(folder, config.type))
    if target.tokenizer.vocab_size != config.vocab_size:
        raise RunError(
            f"{folder}: the tokenizer has {target.tokenizer.vocab_size:,} tokens where config.json says "
            f"{config.vocab_size or 0:,}; the run is broken"
        )
    return source, target
