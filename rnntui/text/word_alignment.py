"""Alignment of the tokens of sentence pairs: which source tokens a target token translates.

It is IBM model 1 (Brown et al. 1993, "The Mathematics of Statistical Machine Translation", section 4.2): a target token
is translated from one of the source tokens, each as likely a priori, with a probability that depends on the two alone.
A few rounds of expectation maximization over the pairs find these probabilities. They ignore word order, and so hold
for languages of any order.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rnntui.text.pair_ids import PairIds
from rnntui.text.vocabulary import EOS, PAD

Ids = NDArray[np.int64]
Floats = NDArray[np.float32]

_ROUNDS = 5
_MAX_CELLS = 1 << 22  # pairs of tokens that are counted, 50 bytes each
_LEAST_PROBABILITY = 1e-4  # rarer translations are left out
_LEAST_TOTAL = 1e-3  # of a target token that is aligned at all


class WordAligner:
    """Probabilities that a target token translates a source token.

    Args:
        codes: source id times the size of the target vocabulary, plus target id, in order, `(N,)`.
        probabilities: p(target token | source token) of each, `(N,)`.
        target_size: size of the target vocabulary.
    """

    def __init__(self, codes: Ids, probabilities: Floats, target_size: int) -> None:
        self._codes, self._probabilities, self._target_size = codes, probabilities, target_size

    @classmethod
    def train(cls, pairs: PairIds, target_size: int) -> WordAligner:
        """Return the aligner of sentence pairs, or of a part of them, evenly spaced, if they are many."""
        cells = int(np.multiply(pairs.source_lengths, pairs.target_lengths, dtype=np.int64).sum())
        sources: list[Ids] = []
        targets: list[Ids] = []
        for pair in range(0, len(pairs), -(-cells // _MAX_CELLS) or 1):
            source, target = pairs.source(pair)[:-1], pairs.target(pair)[:-1]
            sources += [source] * len(target)
            targets.append(target)
        lengths = np.array([len(source) for source in sources], np.int64)  # of the source of each target token
        tokens = np.concatenate(targets) if targets else np.zeros(0, np.int64)
        sources, tokens, lengths = _without_empty(sources, tokens, lengths)
        if not len(tokens):
            return cls(np.zeros(0, np.int64), np.zeros(0, np.float32), target_size)
        cell_codes = np.concatenate(sources) * target_size + np.repeat(tokens, lengths)
        codes, cell_index = np.unique(cell_codes, return_inverse=True)
        cell_index = cell_index.astype(np.int32)
        source_ids = codes // target_size
        starts = np.cumsum(lengths) - lengths
        probabilities = np.ones(len(codes))
        for _ in range(_ROUNDS):
            expected = probabilities[cell_index]
            expected /= np.repeat(np.add.reduceat(expected, starts), lengths)
            counts = np.bincount(cell_index, expected, len(codes))
            probabilities = counts / np.bincount(source_ids, counts)[source_ids]
        is_kept = probabilities >= _LEAST_PROBABILITY
        return cls(codes[is_kept], probabilities[is_kept].astype(np.float32), target_size)

    def align(self, sources: Ids, targets: Ids) -> Floats:
        """Return the probability that each target token translates each source token, `(B, T, S)`.

        For a target token they add up to 1, or all are 0 if nothing is known of it. Ends are aligned with ends.

        Args:
            sources: ids with end tokens, `(S, B)`, padded with PAD.
            targets: ids with end tokens, `(T, B)`, padded with PAD.
        """
        source, target = sources.T[:, None, :], targets.T[:, :, None]
        codes = source * self._target_size + target  # (B, T, S)
        places = np.minimum(np.searchsorted(self._codes, codes), max(0, len(self._codes) - 1))
        probabilities = np.zeros(codes.shape, np.float32)
        if len(self._codes):
            probabilities[:] = np.where(self._codes[places] == codes, self._probabilities[places], 0)
        probabilities[np.broadcast_to((source == PAD) | (target == PAD), codes.shape)] = 0
        probabilities[(source == EOS) & (target == EOS)] = 1
        totals = probabilities.sum(axis=2, keepdims=True)
        aligned: Floats = np.where(totals >= _LEAST_TOTAL, probabilities / np.maximum(totals, _LEAST_TOTAL), 0)
        return aligned


def _without_empty(sources: list[Ids], tokens: Ids, lengths: Ids) -> tuple[list[Ids], Ids, Ids]:
    """Leave out target tokens of pairs whose source is empty."""
    is_kept = lengths > 0
    return [source for source, kept in zip(sources, is_kept, strict=True) if kept], tokens[is_kept], lengths[is_kept]
