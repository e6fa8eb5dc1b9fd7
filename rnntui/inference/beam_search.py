"""Beam search over many sources at once.

Which hypotheses are found does not depend on what else is in the batch, nor on its order. A matrix product rounds a
row differently in company than alone, by some millionths a token; so a choice that is nearer than that may add up to
puts the source in `near_tie`, and whoever searches does it again for that source alone, in double precision.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from rnntui.config_seq2seq import BeamConfig
from rnntui.inference.cells import Array
from rnntui.inference.numpy_language_model import Ids
from rnntui.inference.numpy_seq2seq import NumpySeq2Seq
from rnntui.inference.repetition_blocker import RepetitionBlocker
from rnntui.text.vocabulary import BOS, EOS

# Nats; over a sentence, rounding was seen to differ by a fifth of that.
_TIE_TOLERANCE = {np.dtype(np.float32): 1e-4, np.dtype(np.float64): 0.0}
_BLOCK = 64  # logits of which first only the largest is looked at

TextOf = Callable[[list[int]], str]
Cancelled = Callable[[], bool]


class CancelledError(Exception):
    """A search was given up, since nobody waits for what it finds any more."""


@dataclass
class Hypothesis:
    """A target as it was found, `ids` without the end; `ended` says whether the model itself ended it.

    `log_probability` is in nats over all tokens, the end included; `score` is what hypotheses are ranked by.
    `attention (T, S)` has a row for each token, and one for the end.
    """

    ids: list[int]
    text: str
    log_probability: float
    score: float
    attention: Array
    ended: bool


@dataclass
class Found:
    """The hypotheses of a source, the best first, no two of the same text; and whether rounding may have chosen."""

    hypotheses: list[Hypothesis]
    near_tie: bool


@dataclass
class _Search:
    """One source: its hypotheses so far as links to those they grew from, a row of `(K,)` arrays for each step."""

    number: int
    length: int
    limit: int
    parents: list[NDArray[np.intp]] = field(default_factory=list)
    tokens: list[Ids] = field(default_factory=list)
    attention: list[Array] = field(default_factory=list)
    finished: dict[str, Hypothesis] = field(default_factory=dict)
    near_tie: bool = False

    def ids(self, slot: int) -> list[int]:
        """The tokens of the live hypothesis in a slot."""
        found = []
        for parents, tokens in zip(reversed(self.parents), reversed(self.tokens), strict=True):
            found.append(int(tokens[slot]))
            slot = int(parents[slot])
        return found[::-1]

    def rows(self, slot: int, last: Array) -> Array:
        """The attention `(T, S)` of the live hypothesis in a slot; `last (K, S)` is of the step just made."""
        found = [last[slot]]
        for parents, attention in zip(reversed(self.parents), reversed(self.attention), strict=True):
            slot = int(parents[slot])
            found.append(attention[slot])
        return np.array(found[::-1])[:, : self.length]


def normalised(log_probability: float, length: int, penalty: float) -> float:
    """A log-probability made comparable between lengths (Wu et al. 2016, section 7, equation 14)."""
    score: float = log_probability / ((5.0 + length) / 6.0) ** penalty
    return score


def search(
    model: NumpySeq2Seq,
    sources: Sequence[Ids],
    settings: BeamConfig,
    limits: Sequence[int],
    text_of: TextOf,
    never: Sequence[int],
    cancelled: Cancelled | None = None,
) -> list[Found]:
    """Search for targets of sources, each `(S,)` with its end.

    A hypothesis ends where the end is likelier than the worst that goes on; the search, when as many have ended as
    the beam is wide and none that goes on is better. `limits` are tokens at most, `never` tokens that are not
    written. `text_of` tells which hypotheses read alike. `cancelled` is asked before every step; where it says yes,
    `CancelledError` is raised.
    """
    width = settings.beam
    tie_tolerance = _TIE_TOLERANCE[np.dtype(model.dtype)]
    encoder_output, first = model.encode(sources)
    batch = len(sources)
    decoder_state = first.keep(np.repeat(np.arange(batch), width))
    searches = [_Search(i, len(sources[i]), limits[i]) for i in range(batch)]
    going = list(searches)
    tokens: Ids = np.full(batch * width, BOS, dtype=np.int64)
    totals = np.full((batch, width), -np.inf)
    totals[:, 0] = 0.0  # all slots begin alike, and one of them is enough
    repetition = RepetitionBlocker(sources, width)
    for step in range(1, max(limits) + 1):
        if cancelled is not None and cancelled():
            raise CancelledError
        attention, decoder_state = model.step(tokens, decoder_state, encoder_output)
        logits = model.logits(decoder_state)
        levels = _log_normalisers(logits)
        ends = totals + (logits[:, EOS] - levels).reshape(totals.shape)  # (B, K)
        logits[:, [*never, EOS]] = -np.inf
        repetition.ban(logits)
        grown, slots, chosen = _best(logits, levels, totals, width + 1)  # (B, K + 1)
        for row, one in enumerate(going):
            _finish(one, row, step, ends[row], grown[row], attention[row], tie_tolerance, settings, text_of)
            _stop_at_limit(one, step, grown[row], slots[row], chosen[row], attention[row], settings, text_of)
        live = [row for row, one in enumerate(going) if not _over(one, step, grown[row], tie_tolerance, settings)]
        if not live:
            break
        left = np.array(live, dtype=np.intp)
        slots, chosen, totals = slots[left, :width], chosen[left, :width], grown[left, :width].astype(np.float64)
        for place, row in enumerate(left):
            going[row].parents.append(slots[place])
            going[row].tokens.append(chosen[place])
            going[row].attention.append(attention[row])
        rows = (left[:, None] * width + slots).ravel()
        decoder_state, tokens = decoder_state.keep(rows), chosen.ravel()
        repetition = repetition.follow(left, rows, tokens)
        if len(left) < len(going):
            going = [going[row] for row in left]
            encoder_output = encoder_output.keep(left)
    return [_ranked(one, tie_tolerance, settings) for one in searches]


def _log_normalisers(logits: Array) -> NDArray[np.float64]:
    """log Σ exp of each row `(N,)`."""
    top = logits.max(axis=1, keepdims=True)
    level: NDArray[np.float64] = np.log(np.exp(logits - top).sum(axis=1, dtype=np.float64)) + top[:, 0]
    return level


def _best(
    logits: Array, levels: NDArray[np.float64], totals: NDArray[np.float64], count: int
) -> tuple[NDArray[np.float64], NDArray[np.intp], Ids]:
    """The likeliest ways on for each source, the best first: totals, slots they grow from, tokens, each `(B, count)`.

    The `count` largest of many numbers lie in the `count` blocks with the largest maxima, so only these are sorted.
    """
    batch, width = totals.shape
    vocab = logits.shape[1]
    firsts = np.arange(0, vocab, _BLOCK)
    offsets = totals.ravel() - levels  # (N,)
    maxima = np.maximum.reduceat(logits, firsts, axis=1) + offsets[:, None]  # (N, blocks)
    maxima = maxima.reshape(batch, -1)
    few = min(count, maxima.shape[1])
    blocks = np.sort(np.argpartition(-maxima, few - 1, axis=1)[:, :few], axis=1)  # (B, few)
    slots, block = np.divmod(blocks, len(firsts))
    places = block[:, :, None] * _BLOCK + np.arange(_BLOCK)  # (B, few, 64)
    rows = (np.arange(batch)[:, None] * width + slots)[:, :, None]
    beyond = places >= vocab
    places[beyond] = vocab - 1
    values = logits[rows, places] + offsets[rows]
    values[beyond] = -np.inf
    flat = values.reshape(batch, -1)
    order = np.argsort(-flat, axis=1, kind="stable")[:, :count]
    found = np.take_along_axis(flat, order, axis=1)
    slot = np.take_along_axis(np.repeat(slots, _BLOCK, axis=1), order, axis=1)
    token = np.take_along_axis(places.reshape(batch, -1), order, axis=1)
    return found, slot, token


def _finish(
    one: _Search,
    row: int,
    step: int,
    ends: NDArray[np.float64],
    grown: NDArray[np.float64],
    attention: Array,
    tie_tolerance: float,
    settings: BeamConfig,
    text_of: TextOf,
) -> None:
    """Take in the hypotheses that end here: those whose end is likelier than the worst way on that is kept."""
    edge, next_best = grown[settings.beam - 1], grown[settings.beam]
    with np.errstate(invalid="ignore"):  # slots that are not in use are at -inf
        one.near_tie |= bool(edge - next_best < tie_tolerance) or bool((np.abs(ends - edge) < tie_tolerance).any())
    for slot in np.flatnonzero((ends >= edge) & np.isfinite(ends)):
        total = float(ends[slot])
        _add(one, int(slot), one.ids(int(slot)), total, step, attention, tie_tolerance, settings, text_of, ended=True)


def _stop_at_limit(
    one: _Search,
    step: int,
    grown: NDArray[np.float64],
    slots: NDArray[np.intp],
    chosen: Ids,
    attention: Array,
    settings: BeamConfig,
    text_of: TextOf,
) -> None:
    """At the limit, what goes on is taken as it is, where too little has ended by itself."""
    if step < one.limit or len(one.finished) >= settings.n_best:
        return
    for total, slot, token in zip(grown[: settings.beam], slots, chosen, strict=False):
        if np.isfinite(total):
            ids = [*one.ids(int(slot)), int(token)]
            _add(one, int(slot), ids, float(total), step, attention, 0.0, settings, text_of, ended=False)


def _add(
    one: _Search,
    slot: int,
    ids: list[int],
    total: float,
    step: int,
    attention: Array,
    tie_tolerance: float,
    settings: BeamConfig,
    text_of: TextOf,
    *,
    ended: bool,
) -> None:
    score = normalised(total, step, settings.length_penalty)
    text = text_of(ids)
    known = one.finished.get(text)
    one.near_tie |= known is not None and abs(known.score - score) < tie_tolerance
    if known is None or (known.ended, known.score) < (ended, score):
        one.finished[text] = Hypothesis(ids, text, total, score, one.rows(slot, attention), ended)


def _over(one: _Search, step: int, grown: NDArray[np.float64], tie_tolerance: float, settings: BeamConfig) -> bool:
    """Whether nothing better is to be expected for a source."""
    if step >= one.limit or not np.isfinite(grown[0]):
        return True
    if len(one.finished) < settings.beam:
        return False
    worst = sorted((h.score for h in one.finished.values()), reverse=True)[settings.n_best - 1]
    best = normalised(float(grown[0]), step, settings.length_penalty)
    one.near_tie |= abs(best - worst) < tie_tolerance
    return best <= worst


def _ranked(one: _Search, tie_tolerance: float, settings: BeamConfig) -> Found:
    ranked = sorted(one.finished.values(), key=lambda h: (not h.ended, -h.score))
    for better, worse in pairwise(ranked[: settings.n_best + 1]):
        one.near_tie |= better.ended == worse.ended and better.score - worse.score < tie_tolerance
    return Found(ranked[: settings.n_best], one.near_tie)
