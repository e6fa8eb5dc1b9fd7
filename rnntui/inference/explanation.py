"""Explanation of a classification: the share of each token in it, and what the classifier says without a word.

The explained score is the log-odds of a label against all others, s = z_k - ln Σ_{j≠k} exp z_j for the logits z. Its
derivative is 1 for the label's own logit, and for each other one minus its probability if the explained label is ruled
out: it says what speaks for the label and against its rivals, the likely ones most. With two labels it is the
difference of their logits.

A token's share in s, in nats, has two parts:

- Gradient times input of the recurrent part (Shrikumar et al. 2016, "Not Just a Black Box"; 2017, "Learning Important
  Features Through Propagating Activation Differences", section 2): Σ_e x_e · ∂s/∂x_e over the token's embedding x.
- The n-gram part is linear, so its share is exact, for two labels, and for more at the present probabilities. The share
  of an n-gram is spread evenly over the characters that it covers.

What these numbers are not. Gradient times input is a first-order estimate: it says how s would change with a small
change of the embedding, not what it would be without the token; where gates and tanh are saturated it is near zero for
a token that matters. Attention weights say how much of each hidden state is in the pooled vector, whatever label it
speaks for; a hidden state of a recurrent layer also holds the words around it. Other attention weights can give the
same prediction (Jain and Wallace 2019, "Attention is not Explanation"), though not just any others do after training
(Wiegreffe and Pinter 2019, "Attention is not not Explanation"). Neither proves that the model used a word as a person
would. The removals are what the classifier says of other texts: facts, of one word at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnntui.inference.numpy_classifier import EncodedTexts, Logits, NumpyClassifier
from rnntui.inference.numpy_language_model import Ids
from rnntui.kinds.classifier import NGRAM_SCALE
from rnntui.text.classifier_tokens import ClassifierTokenizer
from rnntui.text.ngram_features import NgramVocabulary

Span = tuple[int, int]
"""Start and end offset in a text, in characters."""

MAX_EXPLAINED_TOKENS = 20_000
"""Tokens of a text that can be explained: the backward pass holds the gates of all of them in memory."""

_MAX_REMOVALS = 200  # words that are left out, one by one; of a long text those with the largest shares
_REMOVAL_TOKENS = 50_000  # tokens that are read for them, at most, which takes a second or two
_MIN_REMOVALS = 5  # of a text so long that even these exceed that


class TokenShare(NamedTuple):
    """A token of an explained text and its share in the score.

    Args:
        text: the token as it is in the text.
        start: offset in the text as given.
        end: end offset in the text as given.
        share: the sum of the two parts, in nats: what the token adds to the log-odds of the explained label.
        gradient_x_input: the part of the recurrent layers.
        ngrams: the part of the n-grams, 0 if the model has none.
        attention: attention weight; None if the model has no attention pooling.
    """

    text: str
    start: int
    end: int
    share: float
    gradient_x_input: float
    ngrams: float
    attention: float | None


class Removal(NamedTuple):
    """What the classifier says of a text without one of its words.

    Args:
        word: the word that is left out.
        start: its offset in the text as given.
        end: its end offset in the text as given.
        label: the most probable label without it.
        probability: that label's probability.
        changes: True if that is another label than that of the whole text.
        explained: the explained label's probability without the word.
    """

    word: str
    start: int
    end: int
    label: str
    probability: float
    changes: bool
    explained: float


class Explanation(NamedTuple):
    """Explanation of a label of a text.

    Args:
        label: the explained label.
        log_odds: ln p/(1-p) of its probability p.
        tokens: the shares of all tokens in it, in the order of the text.
        removals: the text without each of its words, or those with the largest shares: first those that change the
            label, then by how far the explained label's probability moves.
    """

    label: str
    log_odds: float
    tokens: Sequence[TokenShare]
    removals: Sequence[Removal]


class ReadText(NamedTuple):
    """A text as the model reads it.

    Args:
        text: the text, normalized.
        ids: its tokens `(T,)`.
        groups: for each token the index of the part of the text that it belongs to, `(T,)`: tokens that are bytes of
            one character belong to one part.
        ends: the end offset of each part in the text, in order; the parts cover all of it.
    """

    text: str
    ids: Ids
    groups: Ids
    ends: list[int]

    @property
    def spans(self) -> list[Span]:
        """The span of each part, without the spaces around it."""
        spans = []
        for start, end in pairwise([0, *self.ends]):
            piece = self.text[start:end]
            shift = len(piece) - len(piece.lstrip())
            spans.append((start + shift, start + len(piece.rstrip())) if shift < len(piece) else (start, end))
        return spans


def read_text(text: str, tokenizer: ClassifierTokenizer) -> ReadText:
    """Return the tokens of a normalized text that is not blank, with the parts of the text that they stand for."""
    ids, pieces = tokenizer.encode_with_pieces(text)
    groups: list[int] = []
    ends: list[int] = []
    end = 0
    for piece in pieces:
        groups.append(len(ends))
        end += len(piece)
        if piece:
            ends.append(end)
    return ReadText(text, ids, np.minimum(groups, len(ends) - 1), ends)


def log_odds(logits: Logits, label: int) -> float:
    """Return the log-odds of a label against all others, for logits `(K,)`; infinite for the only one there is."""
    others = np.delete(logits, label)
    return float(logits[label] - np.logaddexp.reduce(others))


def log_odds_gradient(logits: Logits, label: int) -> Logits:
    """Return the derivative `(K,)` of a label's log-odds with respect to each logit `(K,)`."""
    others = logits.copy()
    others[label] = -np.inf
    if len(others) > 1:
        others -= others.max()
    gradient = -np.exp(others)
    gradient /= max(-float(gradient.sum()), np.finfo(np.float64).tiny)
    gradient[label] = 1.0
    return gradient


def token_shares(
    model: NumpyClassifier,
    ngrams: NgramVocabulary | None,
    read: ReadText,
    encoded: EncodedTexts,
    label_weights: Logits,
) -> list[TokenShare]:
    """Return the share of each part of a text in a score; spans are in the normalized text.

    Args:
        model: in float64.
        ngrams: the n-grams of the model's linear part; None if it has none.
        read: the text.
        encoded: the same after the recurrent part, encoded for the gradient.
        label_weights: `(K,)`, the derivative of the score with respect to each logit.
    """
    gradient = model.token_gradient(encoded, label_weights)
    count = len(read.ends)
    from_gradient = np.bincount(read.groups, gradient.gradient_x_input, minlength=count)
    from_ngrams = np.zeros(count) if ngrams is None else _ngram_shares(model, ngrams, read, label_weights)
    attention = None if gradient.attention is None else np.bincount(read.groups, gradient.attention, minlength=count)
    return [
        TokenShare(
            read.text[start:end],
            start,
            end,
            float(from_gradient[index] + from_ngrams[index]),
            float(from_gradient[index]),
            float(from_ngrams[index]),
            None if attention is None else float(attention[index]),
        )
        for index, (start, end) in enumerate(read.spans)
    ]


def _ngram_shares(
    model: NumpyClassifier, ngrams: NgramVocabulary, read: ReadText, label_weights: Logits
) -> NDArray[np.float64]:
    """Return the n-gram part's share of each part of a text; they add up to all of it."""
    assert model.ngram_weights is not None
    occurrences = ngrams.occurrences(read.text)  # none is empty
    if not occurrences:
        return np.zeros(len(read.ends))
    indices, values, starts, ends = (np.array(column) for column in zip(*occurrences, strict=True))
    scores = NGRAM_SCALE * values * (model.ngram_weights[indices] @ label_weights)  # (M,)
    per_character = scores / (ends - starts)
    changes = np.zeros(len(read.text) + 1)  # from one character to the next
    np.add.at(changes, starts, per_character)
    np.add.at(changes, ends, -per_character)
    sums = np.concatenate([[0.0], np.cumsum(np.cumsum(changes[:-1]))])  # of all characters before each offset
    result: NDArray[np.float64] = np.diff(sums[[0, *read.ends]])
    return result


def removable_words(read: ReadText, shares: Sequence[TokenShare]) -> list[Span]:
    """Return the spans of the words to leave out, one by one: all, or of a long text those with the largest shares.

    A word is one of `rnntui.text.word_boundaries` with a letter or digit. Of a text of a single word, the characters
    are left out.
    """
    from rnntui.text.word_boundaries import words

    spans = _spans_of(words(read.text))
    if len(spans) == 1:
        start, end = spans[0]
        spans = [(index, index + 1) for index in range(start, end)] if end - start > 1 else []
    limit = min(_MAX_REMOVALS, max(_MIN_REMOVALS, _REMOVAL_TOKENS // len(read.ids)))
    if len(spans) <= limit:
        return spans
    sums = np.zeros(len(read.text) + 1)
    for share in shares:
        sums[share.start + 1] += share.share
    sums = np.cumsum(sums)
    return sorted(sorted(spans, key=lambda span: -abs(sums[span[1]] - sums[span[0]]))[:limit])


def _spans_of(pieces: Sequence[str]) -> list[Span]:
    """Return the spans of the pieces of a text that have a letter or digit, without the spaces around them."""
    spans = []
    end = 0
    for piece in pieces:
        start, end = end, end + len(piece)
        if any(character.isalnum() for character in piece):
            spans.append((start + len(piece) - len(piece.lstrip()), start + len(piece.rstrip())))
    return spans
