"""Attention focus of a Seq2Seq run over many pairs: entropy, diagonal, order, alignment, unseen source tokens."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rnntui.charts.attention_grid import AttentionTable
from rnntui.config_seq2seq import Seq2SeqConfig, Seq2SeqTrainingConfig
from rnntui.inspection.attention_measures import (
    Agreement,
    alignment_agreement,
    diagonal_chance,
    diagonal_share,
    entropy_bits,
    reading_order,
    unseen_sources,
)
from rnntui.inspection.forced_attention import AttendedPair, AttentionProbe, aligned
from rnntui.text.word_alignment import WordAligner

Floats = NDArray[np.float64]

_FEW_PAIRS = 4  # of which every token is listed
_LISTED_TOKENS = 6
_MIN_COUNT = 3  # occurrences of a token that is listed


@dataclass(frozen=True)
class TokenFigure:
    """A token with a figure over its occurrences: the fraction that is unseen, or the mean entropy in bits."""

    token: str
    figure: float
    count: int


@dataclass(frozen=True, eq=False)
class AttentionFocus:
    """The attention of one run.

    Args:
        name: the run.
        attention: its score function.
        guided: weight of the alignment that its attention was guided by in training; 0 for none.
        pairs: what it was probed with, with the matrices.
        entropy: mean entropy over the target tokens, in bits.
        diagonal: share of the attention on the diagonal, 0 to 1.
        antidiagonal: share on the anti-diagonal.
        chance: share on either, if attention were spread evenly.
        order: mean correlation of target and source places, -1 to 1; None if no pair has one.
        agreement: with IBM model 1; None without an aligner.
        unseen: fraction of the source tokens that no target token looks at.
        unseen_tokens: those that are unseen most often.
        diffuse_tokens: target tokens with the highest mean entropy.
    """

    name: str
    attention: str
    guided: float
    pairs: Sequence[AttendedPair]
    entropy: float
    diagonal: float
    antidiagonal: float
    chance: float
    order: float | None
    agreement: Agreement | None
    unseen: float
    unseen_tokens: Sequence[TokenFigure]
    diffuse_tokens: Sequence[TokenFigure]

    @property
    def tokens(self) -> int:
        """Target tokens, ends included."""
        return sum(len(pair.targets) for pair in self.pairs)

    @property
    def source_length(self) -> float:
        """Mean number of source tokens, ends included."""
        return float(np.mean([len(pair.sources) for pair in self.pairs]))

    @property
    def agreed(self) -> float | None:
        """The fraction of target tokens that agree with the alignment; None without one."""
        return self.agreement.agreed / self.agreement.tokens if self.agreement else None

    def table(self, pair: AttendedPair) -> AttentionTable:
        """Return a pair's matrix for a picture."""
        title = f"{self.name}, {self.attention} attention"
        return AttentionTable(title, pair.sources, pair.targets, pair.weights, entropy_bits(pair.weights).tolist())

    @classmethod
    def of(cls, probe: AttentionProbe, pairs: Sequence[AttendedPair], aligner: WordAligner | None) -> AttentionFocus:
        """Measure the attention of a run over pairs, at least one, and its agreement with an aligner, if given."""
        model, training = probe.config.model_as(Seq2SeqConfig), probe.config.training_as(Seq2SeqTrainingConfig)
        inner = [pair.inner_weights for pair in pairs]
        steps = np.array([max(1, len(weights)) for weights in inner])
        entropies = [entropy_bits(pair.weights) for pair in pairs]
        unseen = [unseen_sources(pair.weights)[:-1] for pair in pairs]
        orders = [order for weights in inner if (order := reading_order(weights)) is not None]
        return cls(
            probe.run.name,
            model.attention,
            training.guided_alignment or 0.0,
            pairs,
            float(np.concatenate(entropies).mean()),
            float(np.average([diagonal_share(weights) for weights in inner], weights=steps)),
            float(np.average([diagonal_share(weights, is_reversed=True) for weights in inner], weights=steps)),
            float(np.average([diagonal_chance(*weights.shape) for weights in inner], weights=steps)),
            float(np.mean(orders)) if orders else None,
            _agreement(pairs, aligner),
            float(np.concatenate(unseen).mean()) if sum(map(len, unseen)) else 0.0,
            _unseen_tokens(pairs, unseen),
            _diffuse_tokens(pairs, entropies),
        )


def _agreement(pairs: Sequence[AttendedPair], aligner: WordAligner | None) -> Agreement | None:
    forced = [pair for pair in pairs if pair.ids is not None]
    if aligner is None or not forced:
        return None
    parts = [alignment_agreement(pair.weights[:-1], aligned(aligner, pair)) for pair in forced]
    total = Agreement(*(sum(values) for values in zip(*parts, strict=True)))
    return total if total.tokens else None


def _unseen_tokens(pairs: Sequence[AttendedPair], unseen: Sequence[NDArray[np.bool_]]) -> list[TokenFigure]:
    counts, unseen_counts = Counter[str](), Counter[str]()
    for pair, is_unseen in zip(pairs, unseen, strict=True):
        counts.update(pair.sources[:-1])
        unseen_counts.update(token for token, flag in zip(pair.sources, is_unseen.tolist(), strict=False) if flag)
    least = _MIN_COUNT if len(pairs) > _FEW_PAIRS else 1
    return [
        TokenFigure(token, count / counts[token], counts[token])
        for token, count in unseen_counts.most_common()
        if count >= least
    ][:_LISTED_TOKENS]


def _diffuse_tokens(pairs: Sequence[AttendedPair], entropies: Sequence[Floats]) -> list[TokenFigure]:
    values: defaultdict[str, list[float]] = defaultdict(list)
    for pair, bits in zip(pairs, entropies, strict=True):
        for token, entropy in zip(pair.targets, bits.tolist(), strict=True):
            values[token].append(entropy)
    least = _MIN_COUNT if len(pairs) > _FEW_PAIRS else 1
    figures = [
        TokenFigure(token, float(np.mean(bits)), len(bits)) for token, bits in values.items() if len(bits) >= least
    ]
    return sorted(figures, key=lambda figure: -figure.figure)[:_LISTED_TOKENS]
