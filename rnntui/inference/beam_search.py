"""Beam search over a batch of sources.

The hypotheses of a source do not depend on what else is in the batch, nor on its order. BLAS rounds a row of a matrix
product differently in a batch than alone, by some millionths of a nat per token. A choice closer than these errors can
add up to sets `near_tie`, and the caller searches that source again, alone and in double precision.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnntui.config_seq2seq import BeamConfig
from rnntui.errors import CancelledError
from rnntui.inference.cells import Array
from rnntui.inference.numpy_language_model import Ids
from rnntui.inference.numpy_seq2seq import NumpySeq2Seq
from rnntui.inference.repetition_blocker import RepetitionBlocker
from rnntui.inference.utf8_masks import Utf8Masks
from rnntui.text.vocabulary import BOS, EOS

# Nats; the rounding error of a sentence was seen to reach a fifth of the value for float32.
_TIE_TOLERANCE = {np.dtype(np.float32): 1e-4, np.dtype(np.float64): 0.0}
_BLOCK = 64  # neighbouring logits, of which top-k selection first compares only the maximum

Detokenize = Callable[[list[int]], str]
"""Returns the text of token ids. Of hypotheses with the same text only the best is kept."""


@dataclass
class Hypothesis:
    """A finished target: `ids` without the end token; `ended` is True if the model itself ended it.

    `log_probability` is in nats, summed over all tokens including the end; `score` is what hypotheses are ranked by.
    `attention (T, S)` has a row for each token, and one for the end.
    """

    ids: list[int]
    text: str
    log_probability: float
    score: float
    attention: Array
    ended: bool


@dataclass
class SearchResult:
    """The hypotheses of a source, best first, with distinct texts.

    `near_tie` is True if rounding errors may have decided which ones they are.
    """

    hypotheses: list[Hypothesis]
    near_tie: bool


def length_normalized(log_probability: float, length: int, penalty: float) -> float:
    """Return a log-probability divided by the length penalty, which makes targets of different lengths comparable.

    Wu et al. 2016, section 7, equation 14: the divisor is ((5 + length) / 6) ** penalty.
    """
    score: float = log_probability / ((5.0 + length) / 6.0) ** penalty
    return score


@dataclass(frozen=True)
class BeamSearch:
    """Beam search with one model under fixed settings.

    A hypothesis ends where its end token is more probable than the worst continuation that stays in the beam. The
    search of a source ends when as many hypotheses have ended as the beam is wide and no live one scores better.
    `banned_tokens` are never generated, nor, with `utf8_masks`, half characters. `is_cancelled` is called before every
    step; once it returns True, `CancelledError` is raised.
    """

    model: NumpySeq2Seq
    settings: BeamConfig
    detokenize: Detokenize
    banned_tokens: Sequence[int]
    is_cancelled: Callable[[], bool] | None = None
    utf8_masks: Utf8Masks | None = None

    def search(self, sources: Sequence[Ids], max_lengths: Sequence[int]) -> list[SearchResult]:
        """Return the best hypotheses of each source.

        Args:
            sources: B arrays of token ids, each `(S,)` with its end token.
            max_lengths: for each source, the largest number of tokens in a target.
        """
        width = self.settings.beam
        banned_tokens = [*self.banned_tokens, EOS]  # the end token is scored apart from continuations
        encoder_output, initial_state = self.model.encode(sources)
        batch = len(sources)
        decoder_state = initial_state.select(np.repeat(np.arange(batch), width))
        beams = [self._beam_for(source, limit) for source, limit in zip(sources, max_lengths, strict=True)]
        live_beams = list(beams)
        tokens: Ids = np.full(batch * width, BOS, dtype=np.int64)  # (B * K,)
        totals = np.full((batch, width), -np.inf)
        totals[:, 0] = 0.0  # all slots start out equal, so only one of them is used
        blocker = RepetitionBlocker.for_sources(sources, width)
        for length in range(1, max(max_lengths) + 1):
            if self.is_cancelled is not None and self.is_cancelled():
                raise CancelledError
            attention, decoder_state = self.model.step(tokens, decoder_state, encoder_output)  # (B, K, S)
            logits = self.model.logits(decoder_state)  # (B * K, V)
            log_normalizers = _log_sum_exp(logits)
            end_totals = totals + (logits[:, EOS] - log_normalizers).reshape(totals.shape)  # (B, K)
            logits[:, banned_tokens] = -np.inf
            if self.utf8_masks is not None:
                self.utf8_masks.ban(logits, blocker.recent, end_totals.reshape(-1))
            blocker.ban(logits)
            grown, parents, chosen = _best_continuations(logits, log_normalizers, totals, width + 1)  # (B, K + 1)
            live_rows = []
            for row, beam in enumerate(live_beams):
                step = BeamStep(length, end_totals[row], grown[row], parents[row], chosen[row], attention[row])
                if beam.advance(step):
                    live_rows.append(row)
            if not live_rows:
                break
            live = np.array(live_rows, dtype=np.intp)
            parents, chosen, totals = parents[live, :width], chosen[live, :width], grown[live, :width]
            rows = (live[:, None] * width + parents).ravel()
            decoder_state, tokens = decoder_state.select(rows), chosen.ravel()
            blocker = blocker.advance(live, rows, tokens)
            if len(live) < len(live_beams):
                live_beams = [live_beams[row] for row in live_rows]
                encoder_output = encoder_output.select(live)
        return [beam.result() for beam in beams]

    def _beam_for(self, source: Ids, max_length: int) -> SourceBeam:
        tie_tolerance = _TIE_TOLERANCE[np.dtype(self.model.dtype)]
        return SourceBeam(len(source), max_length, self.settings, tie_tolerance, self.detokenize)


class BeamStep(NamedTuple):
    """The candidates of one source after a decoder step over its K slots; all totals are log-probabilities in nats.

    `length` is the number of tokens once a candidate is taken. `end_totals (K,)` belong to ending each live hypothesis
    here. `totals (K + 1,)`, `parents (K + 1,)` and `tokens (K + 1,)` are the best continuations, best first: the slot
    each one grows from and its token. The first K stay in the beam. `attention (K, S)` is that of the step.
    """

    length: int
    end_totals: NDArray[np.float64]
    totals: NDArray[np.float64]
    parents: NDArray[np.intp]
    tokens: Ids
    attention: Array


@dataclass
class SourceBeam:
    """The beam of one source: live hypotheses in K slots, and those that have finished, by text.

    Live hypotheses are stored as back-pointers: for each step a `BeamStep`, whose `parents` and `tokens` say which slot
    of the step before a hypothesis grew from, and by which token.
    """

    source_length: int
    max_length: int
    settings: BeamConfig
    tie_tolerance: float
    detokenize: Detokenize
    near_tie: bool = field(default=False, init=False)
    _steps: list[BeamStep] = field(default_factory=list, init=False)
    _finished: dict[str, Hypothesis] = field(default_factory=dict, init=False)

    def advance(self, step: BeamStep) -> bool:
        """Take in the candidates of a step. Return False once nothing better can be expected for this source."""
        self._finish_ended(step)
        if step.length >= self.max_length:
            self._finish_at_limit(step)
        if self._is_done(step):
            return False
        self._steps.append(step)
        return True

    def result(self) -> SearchResult:
        """Return the `n_best` finished hypotheses: those that the model ended come first, then by score."""
        n_best = self.settings.n_best
        ranked = sorted(self._finished.values(), key=lambda h: (not h.ended, -h.score))
        for better, worse in pairwise(ranked[: n_best + 1]):
            self.near_tie |= better.ended == worse.ended and better.score - worse.score < self.tie_tolerance
        return SearchResult(ranked[:n_best], self.near_tie)

    def _finish_ended(self, step: BeamStep) -> None:
        """Finish the hypotheses whose end token is more probable than the worst continuation that stays in the beam."""
        threshold, first_dropped = step.totals[self.settings.beam - 1], step.totals[self.settings.beam]
        with np.errstate(invalid="ignore"):  # unused slots are at -inf
            self.near_tie |= bool(threshold - first_dropped < self.tie_tolerance)
            self.near_tie |= bool((np.abs(step.end_totals - threshold) < self.tie_tolerance).any())
        for slot in np.flatnonzero((step.end_totals >= threshold) & np.isfinite(step.end_totals)).tolist():
            self._add(self._ids(slot), slot, float(step.end_totals[slot]), step, ended=True)

    def _finish_at_limit(self, step: BeamStep) -> None:
        """At the length limit, finish the live hypotheses as they are if too few have ended by themselves."""
        if len(self._finished) >= self.settings.n_best:
            return
        for total, slot, token in zip(step.totals[:-1].tolist(), step.parents.tolist(), step.tokens, strict=False):
            if np.isfinite(total):
                self._add([*self._ids(slot), int(token)], slot, total, step, ended=False)

    def _add(self, ids: list[int], slot: int, total: float, step: BeamStep, *, ended: bool) -> None:
        """Add a finished hypothesis, unless a better one has the same text.

        One that the model ended counts as better than one that was cut off. Ties matter among the former only.
        """
        score = length_normalized(total, step.length, self.settings.length_penalty)
        text = self.detokenize(ids)
        rival = self._finished.get(text)
        if rival is not None and ended:
            self.near_tie |= abs(rival.score - score) < self.tie_tolerance
        if rival is None or (rival.ended, rival.score) < (ended, score):
            self._finished[text] = Hypothesis(ids, text, total, score, self._attention(slot, step), ended)

    def _is_done(self, step: BeamStep) -> bool:
        best_total = float(step.totals[0])
        if step.length >= self.max_length or not np.isfinite(best_total):
            return True
        if len(self._finished) < self.settings.beam:
            return False
        scores = sorted((hypothesis.score for hypothesis in self._finished.values()), reverse=True)
        worst_kept = scores[self.settings.n_best - 1]
        best_live = length_normalized(best_total, step.length, self.settings.length_penalty)
        self.near_tie |= abs(best_live - worst_kept) < self.tie_tolerance
        return best_live <= worst_kept

    def _ids(self, slot: int) -> list[int]:
        """The tokens of the live hypothesis in a slot, found by following its parents back to the first step."""
        ids = []
        for step in reversed(self._steps):
            ids.append(int(step.tokens[slot]))
            slot = int(step.parents[slot])
        return ids[::-1]

    def _attention(self, slot: int, last_step: BeamStep) -> Array:
        """The attention `(T, S)` of the live hypothesis in a slot, with the row of the step that finishes it."""
        rows = [last_step.attention[slot]]
        for step in reversed(self._steps):
            slot = int(step.parents[slot])
            rows.append(step.attention[slot])
        return np.array(rows[::-1])[:, : self.source_length]


def _log_sum_exp(logits: Array) -> NDArray[np.float64]:
    """log Σ exp over the vocabulary, `(N, V)` to `(N,)`: what is subtracted from logits to get log-probabilities."""
    maxima = logits.max(axis=1, keepdims=True)
    log_sums: NDArray[np.float64] = np.log(np.exp(logits - maxima).sum(axis=1, dtype=np.float64)) + maxima[:, 0]
    return log_sums


def _best_continuations(
    logits: Array, log_normalizers: NDArray[np.float64], totals: NDArray[np.float64], count: int
) -> tuple[NDArray[np.float64], NDArray[np.intp], Ids]:
    """Return the best continuations of each source, best first: totals, parent slots, tokens, all `(B, count)`.

    The `count` largest of many numbers lie in the `count` blocks with the largest maxima, so only these are sorted.

    Args:
        logits: `(B * K, V)`, -inf for banned tokens.
        log_normalizers: `(B * K,)` of `_log_sum_exp`.
        totals: `(B, K)` log-probabilities of the live hypotheses.
        count: continuations per source.
    """
    batch, width = totals.shape
    vocab_size = logits.shape[1]
    block_starts = np.arange(0, vocab_size, _BLOCK)
    offsets = totals.ravel() - log_normalizers  # (B * K,): added to a logit, these give a continuation's total
    maxima = np.maximum.reduceat(logits, block_starts, axis=1) + offsets[:, None]  # (B * K, blocks)
    maxima = maxima.reshape(batch, -1)  # (B, K * blocks)
    block_count = min(count, maxima.shape[1])
    best_blocks = np.sort(np.argpartition(-maxima, block_count - 1, axis=1)[:, :block_count], axis=1)  # (B, n)
    slots, blocks = np.divmod(best_blocks, len(block_starts))
    tokens = blocks[:, :, None] * _BLOCK + np.arange(_BLOCK)  # (B, n, 64)
    rows = (np.arange(batch)[:, None] * width + slots)[:, :, None]  # (B, n, 1)
    out_of_vocab = tokens >= vocab_size  # the last block may be shorter
    tokens[out_of_vocab] = vocab_size - 1
    candidates = logits[rows, tokens] + offsets[rows]  # (B, n, 64)
    candidates[out_of_vocab] = -np.inf
    candidates = candidates.reshape(batch, -1)
    order = np.argsort(-candidates, axis=1, kind="stable")[:, :count]
    best_totals = np.take_along_axis(candidates, order, axis=1)
    best_slots = np.take_along_axis(np.repeat(slots, _BLOCK, axis=1), order, axis=1)
    best_tokens = np.take_along_axis(tokens.reshape(batch, -1), order, axis=1)
    return best_totals, best_slots, best_tokens
