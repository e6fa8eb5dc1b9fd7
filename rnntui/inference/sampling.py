"""Sampling of the next token: pure functions on logits `(..., V)`, none of which changes its argument.

Every function treats each row of V logits on its own, with the same operations as if it were alone, so a row's result
does not depend, bit for bit, on the rows beside it. A function that rules a token out sets its logit to -inf.
`next_distributions` applies them in this order: repetition penalty, banned tokens, temperature, top-k, top-p, min-p.

To add a sampler:
1. Write its function here: logits `(..., V)` and its parameter in, a new array of logits out, with the paper in the
   docstring, and at least one token of each row left possible.
2. Add its parameter to `SamplingConfig` in `rnntui/config_generation.py`, with help, bounds, and a default that turns
   it off. The flag of `rnntui sample` and the key in saved transcripts are made from that field.
3. Call it in `next_distributions`: after the temperature if it depends on probabilities as the user sees them, before
   if it changes logits for another reason (as the repetition penalty does).
4. Give it a slider: a row in `_SCALES` of `rnntui/tui/chat/sliders.py`.
5. Test it in `tests/inference/test_sampling.py`: the function against its definition, and its place in the order
   (`by_definition` there is an independent implementation of it).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rnntui.config_generation import SamplingConfig
from rnntui.inference.cells import Array

TokenIds = Sequence[int] | NDArray[np.intp]
Ids = NDArray[np.int64]

_LN2 = float(np.log(2.0))


class UniformGenerator(Protocol):
    """A random number generator, such as `random.Random`."""

    def random(self) -> float:
        """Return the next number, uniform in [0, 1), with at most 53 random bits."""
        ...


def apply_repetition_penalty(logits: Array, recent: Sequence[int], penalty: float) -> Array:
    """Make recent tokens less likely, or more likely if `penalty` < 1; `logits` is one row `(V,)`.

    Positive logits are divided by the penalty, negative ones multiplied (Keskar et al. 2019, "CTRL", section 4.1). A
    token that occurs several times is penalized once.
    """
    distinct = np.array(sorted(set(recent)), dtype=np.int64)
    penalized = logits.copy()
    values = penalized[distinct]
    penalized[distinct] = np.where(values > 0, values / penalty, values * penalty)
    return penalized


def ban_tokens(logits: Array, tokens: TokenIds) -> Array:
    """Rule out the given token ids `(N,)`."""
    allowed = logits.copy()
    allowed[..., np.asarray(tokens, dtype=np.intp)] = -np.inf
    return allowed


def apply_temperature(logits: Array, temperature: float) -> Array:
    """Divide by the temperature (Ackley, Hinton and Sejnowski 1985); 0 leaves only the most probable token."""
    if temperature > 0:
        # The maximum is subtracted first, so that a tiny temperature does not overflow.
        with np.errstate(over="ignore"):
            scaled: Array = (logits - logits.max(axis=-1, keepdims=True)) / np.float32(max(temperature, 1e-30))
        return scaled
    greedy = np.full_like(logits, -np.inf)
    np.put_along_axis(greedy, logits.argmax(axis=-1, keepdims=True), 0.0, axis=-1)
    return greedy


def top_k(logits: Array, k: int) -> Array:
    """Keep the k most probable tokens (Fan et al. 2018, section 5.1). Of equal ones the lower ids stay; 0 keeps all."""
    size = logits.shape[-1]
    if not 0 < k < size:
        return logits
    smallest = np.partition(logits, size - k, axis=-1)[..., size - k, None]  # (..., 1), the k-th largest logit
    above, equal = logits > smallest, logits == smallest
    free = k - above.sum(axis=-1, keepdims=True)  # (..., 1), places for tokens that equal the k-th
    return _keep_only(logits, above | (equal & (equal.cumsum(axis=-1) <= free)))


def top_p(logits: Array, p: float) -> Array:
    """Keep the fewest tokens whose probabilities add up to p (Holtzman et al. 2020, section 3.1).

    At least one token stays; p = 1 keeps all.
    """
    if p >= 1:
        return logits
    order = np.argsort(-logits, axis=-1, kind="stable")
    probabilities = np.take_along_axis(softmax(logits), order, axis=-1)
    in_nucleus = np.cumsum(probabilities, axis=-1) - probabilities < p
    in_nucleus[..., 0] = True
    is_kept = np.empty_like(in_nucleus)
    np.put_along_axis(is_kept, order, in_nucleus, axis=-1)
    return _keep_only(logits, is_kept)


def min_p(logits: Array, p: float) -> Array:
    """Keep tokens at least p times as probable as the most probable one (Nguyen et al. 2024, section 3)."""
    if p <= 0:
        return logits
    return _keep_only(logits, logits >= logits.max(axis=-1, keepdims=True) + np.log(p))


def softmax(logits: Array) -> Array:
    """Return the probabilities `(..., V)`, which add up to 1 in each row."""
    probabilities: Array = np.exp(logits - logits.max(axis=-1, keepdims=True))
    probabilities /= probabilities.sum(axis=-1, keepdims=True)
    return probabilities


def surprisal_bits(logits: Array, tokens: Ids) -> NDArray[np.float64]:
    """Return the surprisal in bits of `tokens (B,)`, -log2 p, under the model's own `logits (B, V)`."""
    maxima = logits.max(axis=-1)
    totals = np.exp(logits - maxima[:, None]).sum(axis=-1)
    chosen = logits[np.arange(len(tokens)), tokens]
    bits: NDArray[np.float64] = (maxima.astype(np.float64) - chosen) / _LN2 + np.log2(totals.astype(np.float64))
    return bits


def next_distributions(
    logits: Array, config: SamplingConfig, recent: Sequence[Sequence[int]], banned: TokenIds = ()
) -> Array:
    """Return the probabilities `(B, V)` of the next token of B texts under the sampling settings.

    Args:
        logits: `(B, V)`, as the model gave them.
        config: the settings; `repetition_window` says how many recent tokens the penalty applies to.
        recent: for each text the ids of its tokens so far, oldest first.
        banned: ids that are never drawn.
    """
    if config.repetition_penalty != 1 and config.repetition_window and any(recent):
        window = config.repetition_window
        logits = np.stack(
            [
                apply_repetition_penalty(row, ids[-window:], config.repetition_penalty)
                for row, ids in zip(logits, recent, strict=True)
            ]
        )
    if len(banned):
        logits = ban_tokens(logits, banned)
    logits = apply_temperature(logits, config.temperature)
    return softmax(min_p(top_p(top_k(logits, config.top_k), config.top_p), config.min_p))


def sample(probabilities: Array, generators: Sequence[UniformGenerator]) -> Ids:
    """Draw a token id for each row of probabilities `(B, V)`, and return the ids `(B,)`.

    Every draw takes exactly one number from its row's generator.
    """
    # In float64, a number of 53 bits below 1 times the total is below the total, so the token drawn is the first whose
    # cumulative probability is above the product: there is one, and its own probability is not 0.
    cumulative = probabilities.cumsum(axis=-1, dtype=np.float64)
    if len(generators) == 1:
        # A binary search is faster than a comparison with every token.
        drawn = generators[0].random() * cumulative[0, -1]
        return np.array([cumulative[0].searchsorted(drawn, side="right")])
    numbers = np.array([generator.random() for generator in generators])
    tokens: Ids = (cumulative <= (numbers * cumulative[:, -1])[:, None]).sum(axis=-1)
    return tokens


def _keep_only(logits: Array, is_kept: NDArray[np.bool_]) -> Array:
    masked: Array = np.where(is_kept, logits, np.float32(-np.inf))
    return masked
