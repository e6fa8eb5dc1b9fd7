"""Predictions of an n-gram model for many places at once, as training and evaluations need them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rnntui.text.ngram_model import FOLDS, MAX_TOKENS, NgramModel, logarithms

Ids = NDArray[np.int64]
Floats = NDArray[np.float32]

_MAX_KEPT = 1 << 25  # probabilities after contexts that are kept
_MAX_HELD_OUT = 1 << 26  # and log probabilities at places of the text, of 2 bytes each
_KEPT_LENGTH = 5  # tokens of the longest contexts whose probabilities are kept: longer ones are too many
_SMALL_VOCABULARY = 256  # with a larger one, those after the empty context alone


EARLIER = 1 << 40
"""Added to the positions in an earlier text, which follow all those of the training text."""


class NgramPredictions:
    """Log probabilities for training, each place's without its own fold of the text, and for other texts.

    What a place gets depends on its contexts and on its fold alone. What a place of the text has got is kept in half
    precision for the next epoch, and the probabilities after each short context and fold are kept too, both as far as
    memory allows; those after a longer context are made from them by a few entries.

    Args:
        model: an n-gram model; with the counts of folds if positions are asked for.
        length: tokens of the text that it has counted; not needed if no positions in it are asked for.
        earlier: tokens of the earlier text that it has counted, too; 0 for none.
    """

    def __init__(self, model: NgramModel, length: int = MAX_TOKENS, earlier: int = 0) -> None:
        self.model = model
        self._length = min(length, MAX_TOKENS)
        self._earlier = min(earlier, MAX_TOKENS - self._length)
        self._slots = np.full(model.codes * (FOLDS + 1), -1, np.int32)  # of each context and fold
        self._kept_length = min(model.context, _KEPT_LENGTH if model.vocab_size <= _SMALL_VOCABULARY else 0)
        self._kept = np.empty((0, model.vocab_size), np.float32)
        self._count = 0
        self._is_full = False
        held_out = min(self._length, _MAX_HELD_OUT // model.vocab_size)  # places
        self._held_out = np.empty((held_out, model.vocab_size), np.float16)  # takes memory as it is written
        self._is_known = np.zeros(held_out, bool)

    def __deepcopy__(self, memo: dict[int, object]) -> NgramPredictions:
        """Return itself: a copy of a language model that is trained apart has the same n-gram model."""
        return self

    def log_probs(self, history: Ids, positions: Ids | None = None) -> Floats:
        """Return the log probabilities of the next token at n places, `(n, V)`.

        Args:
            history: that of `NgramModel.log_probs`; with positions, the text before them, as a ring, or the last part
                of it.
            positions: the position of the next token in the text that was counted, `(n,)`, plus `EARLIER` for that in
                the earlier text; None for another text.
        """
        if positions is None:
            return self._log_probs(history, np.full(len(history), FOLDS))
        # After a reset the history is shorter than the text before the place: not what another epoch needs.
        is_kept = (positions < len(self._held_out)) & (history[:, : self.model.context] >= 0).all(axis=1)
        is_known = is_kept.copy()
        is_known[is_kept] = self._is_known[positions[is_kept]]
        new = np.flatnonzero(~is_known)
        if not len(new):
            return self._held_out[positions].astype(np.float32)
        folds = self._folds(positions[new])
        computed = self._log_probs(history[new], folds)
        computed[is_kept[new]] = rounded = computed[is_kept[new]].astype(np.float16)
        kept = positions[new[is_kept[new]]]
        self._held_out[kept], self._is_known[kept] = rounded, True
        log_probs = np.empty((len(history), self.model.vocab_size), np.float32)
        log_probs[is_known] = self._held_out[positions[is_known]]
        log_probs[new] = computed
        return log_probs

    def _folds(self, positions: Ids) -> Ids:
        """Return the folds of positions `(n,)`; `FOLDS` for what is not counted."""
        folds = positions * FOLDS // self._length
        if self._earlier:
            folds = np.where(positions >= EARLIER, (positions - EARLIER) * FOLDS // self._earlier, folds)
        result: Ids = np.minimum(folds, FOLDS)
        return result

    def _log_probs(self, history: Ids, folds: Ids) -> Floats:
        """Return the log probabilities `(n, V)` after `history (n, K)`, each without one fold `(n,)`."""
        contexts = self.model.find(history)
        short, long = np.split(contexts, [self._kept_length + 1], axis=1)
        probs = self._probs_after_short(short, folds)
        self.model.interpolate(probs, long, folds)
        return logarithms(probs)

    def _probs_after_short(self, contexts: Ids, folds: Ids) -> Floats:
        """Return the probabilities `(n, V)` after contexts `(n, L + 1)`, and keep them if there is room."""
        longest = contexts[np.arange(len(contexts)), (contexts >= 0).sum(axis=1) - 1]
        codes = longest * (FOLDS + 1) + folds
        rows = np.flatnonzero(self._slots[codes] < 0)
        if len(rows) and not self._keep(contexts[rows], folds[rows]):
            return self._computed(contexts, folds)
        kept: Floats = self._kept[self._slots[codes]]
        return kept

    def _computed(self, contexts: Ids, folds: Ids) -> Floats:
        """Return the probabilities `(n, V)` after contexts `(n, K + 1)`, made from those that are kept."""
        slots = np.where(contexts >= 0, self._slots[contexts * (FOLDS + 1) + folds[:, None]], -1)  # (n, K + 1)
        lengths = np.where(slots >= 0, np.arange(slots.shape[1]), -1).max(axis=1)  # of the longest that is kept
        probs = np.full((len(contexts), self.model.vocab_size), 1 / self.model.vocab_size, np.float32)
        rows = np.flatnonzero(lengths >= 0)
        probs[rows] = self._kept[slots[rows, lengths[rows]]]
        for length, places in enumerate(contexts.T):  # one by one: rounded as those that are kept
            self.model.interpolate(probs, np.where(lengths < length, places, -1)[:, None], folds)
        return probs

    def _keep(self, contexts: Ids, folds: Ids) -> bool:
        """Compute and keep the probabilities after contexts of every length; False once there is no room."""
        if self._is_full:
            return False
        parents = np.full(len(contexts), -1, np.int64)  # slots of the contexts that are one token shorter
        for places in contexts.T:
            codes = places * (FOLDS + 1) + folds
            slots = np.where(places >= 0, self._slots[codes], parents)
            rows = np.flatnonzero((places >= 0) & (slots < 0))
            if len(rows):
                new, firsts = np.unique(codes[rows], return_index=True)
                firsts = rows[firsts]
                if self._count + len(new) > _MAX_KEPT // self.model.vocab_size:
                    self._is_full = True
                    return False
                if parents[0] < 0:
                    probs = np.full((len(new), self.model.vocab_size), 1 / self.model.vocab_size, np.float32)
                else:
                    probs = self._kept[parents[firsts]]
                self.model.interpolate(probs, places[firsts, None], folds[firsts])
                self._append(new, probs)
                slots[rows] = self._slots[codes[rows]]
            parents = slots
        return True

    def _append(self, codes: Ids, probs: Floats) -> None:
        end = self._count + len(codes)
        if end > len(self._kept):
            grown = np.empty((max(end, 2 * len(self._kept)), self.model.vocab_size), np.float32)
            grown[: self._count] = self._kept[: self._count]
            self._kept = grown
        self._kept[self._count : end] = probs
        self._slots[codes] = np.arange(self._count, end)
        self._count = end
