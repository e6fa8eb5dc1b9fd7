"""Predictions of an n-gram model for many places at once, as training and evaluations need them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rnntui.text.ngram_model import FOLDS, MAX_TOKENS, NgramModel

Ids = NDArray[np.int64]
Floats = NDArray[np.float32]

_MAX_KEPT = 1 << 25  # probabilities that are kept in training


class NgramPredictions:
    """Log probabilities for training, each place's without its own fold of the text, and for other texts.

    What a place gets depends on its longest context that was seen and on its fold alone, and most come again: they are
    kept, as far as memory allows.

    Args:
        model: a model with the counts of folds.
        length: tokens of the text that it has counted; not needed where no positions in it are asked for.
    """

    def __init__(self, model: NgramModel, length: int = MAX_TOKENS) -> None:
        self.model = model
        self._length = min(length, MAX_TOKENS)
        self._slots = np.full((model.contexts, FOLDS + 1), -1, np.int32)
        self._kept = np.empty((0, model.vocab_size), np.float32)
        self._count = 0

    def log_probs(self, history: Ids, positions: Ids | None = None) -> Floats:
        """Return the log probabilities of the next token at n places, `(n, V)`.

        Args:
            history: that of `NgramModel.log_probs`.
            positions: the position of the next token in the text that was counted, `(n,)`; None for another text.
        """
        contexts = self.model.find(history)
        longest = contexts[np.arange(len(contexts)), (contexts >= 0).sum(axis=1) - 1]
        folds = np.full(len(contexts), FOLDS)
        if positions is not None:
            folds = np.minimum(positions * FOLDS // self._length, FOLDS)  # FOLDS for what was not counted
        slots = self._slots[longest, folds]
        missing = np.flatnonzero(slots < 0)
        if len(missing):
            codes, firsts, inverse = np.unique(
                longest[missing] * (FOLDS + 1) + folds[missing], return_index=True, return_inverse=True
            )
            computed = self._compute(contexts[missing[firsts]], folds[missing[firsts]])
            if self._count + len(codes) > _MAX_KEPT // self.model.vocab_size:
                log_probs = np.empty((len(contexts), self.model.vocab_size), np.float32)
                log_probs[missing] = computed[inverse]
                known = np.flatnonzero(slots >= 0)
                log_probs[known] = self._kept[slots[known]]
                return log_probs
            self._keep(codes, computed)
            slots = self._slots[longest, folds]
        kept: Floats = self._kept[slots]
        return kept

    def _compute(self, contexts: Ids, folds: Ids) -> Floats:
        is_held_out = folds < FOLDS
        log_probs = np.empty((len(contexts), self.model.vocab_size), np.float32)
        log_probs[~is_held_out] = self.model.log_probs_after(contexts[~is_held_out])
        if is_held_out.any():
            log_probs[is_held_out] = self.model.held_out_log_probs_after(contexts[is_held_out], folds[is_held_out])
        return log_probs

    def _keep(self, codes: Ids, log_probs: Floats) -> None:
        end = self._count + len(codes)
        if end > len(self._kept):
            grown = np.empty((max(end, 2 * len(self._kept)), self.model.vocab_size), np.float32)
            grown[: self._count] = self._kept[: self._count]
            self._kept = grown
        self._kept[self._count : end] = log_probs
        self._slots.reshape(-1)[codes] = np.arange(self._count, end)
        self._count = end
