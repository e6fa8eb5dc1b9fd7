"""Sampling of the next token: pure functions on a logits vector `(V,)`, none of which changes its argument.

A function that rules a token out sets its logit to -inf. `next_distribution` applies them in this order: repetition
penalty, banned tokens, temperature, top-k, top-p, min-p.

To add a sampler:
1. Write its function here: logits `(V,)` and its parameter in, a new array of logits out, with the paper in the
   docstring, and at least one token left possible.
2. Add its parameter to `SamplingConfig` in `rnntui/config.py`, with help, bounds, and a default that turns it off. The
   flag of `rnntui sample` and the key in saved transcripts are made from that field.
3. Call it in `next_distribution`: after the temperature if it depends on probabilities as the user sees them, before
   if it changes logits for another reason (as the repetition penalty does).
4. Give it a slider: a row in `_SCALES` of `rnntui/tui/chat/sliders.py`.
5. Test it in `tests/inference/test_sampling.py`: the function against its definition, and its place in the order
   (`by_definition` there is an independent implementation of `next_distribution`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rnntui.config_generation import SamplingConfig
from rnntui.inference.cells import Array

TokenIds = Sequence[int] | NDArray[np.intp]

_LN2 = float(np.log(2.0))


class UniformGenerator(Protocol):
    """A random number generator, such as `random.Random`."""

    def random(self) -> float:
        """Return the next number, uniform in [0, 1)."""
        ...


def apply_repetition_penalty(logits: Array, recent: Sequence[int], penalty: float) -> Array:
    """Make recent tokens less likely, or more likely if `penalty` < 1.

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
    allowed[np.asarray(tokens, dtype=np.intp)] = -np.inf
    return allowed


def apply_temperature(logits: Array, temperature: float) -> Array:
    """Divide by the temperature (Ackley, Hinton and Sejnowski 1985); 0 leaves only the most probable token."""
    if temperature > 0:
        # The maximum is subtracted first, so that a tiny temperature does not overflow.
        with np.errstate(over="ignore"):
            scaled: Array = (logits - logits.max()) / np.float32(max(temperature, 1e-30))
        return scaled
    greedy = np.full_like(logits, -np.inf)
    greedy[int(logits.argmax())] = 0.0
    return greedy


def top_k(logits: Array, k: int) -> Array:
    """Keep the k most probable tokens (Fan et al. 2018, section 5.1). Of equal ones the lower ids stay; 0 keeps all."""
    if not 0 < k < len(logits):
        return logits
    return _keep_only(logits, np.argsort(-logits, kind="stable")[:k])


def top_p(logits: Array, p: float) -> Array:
    """Keep the fewest tokens whose probabilities add up to p (Holtzman et al. 2020, section 3.1).

    At least one token stays; p = 1 keeps all.
    """
    if p >= 1:
        return logits
    order = np.argsort(-logits, kind="stable")
    probabilities = softmax(logits)[order]
    cumulative_before = np.cumsum(probabilities) - probabilities
    nucleus = order[cumulative_before < p]
    return _keep_only(logits, nucleus if len(nucleus) else order[:1])


def min_p(logits: Array, p: float) -> Array:
    """Keep tokens at least p times as probable as the most probable one (Nguyen et al. 2024, section 3)."""
    if p <= 0:
        return logits
    return np.where(logits >= logits.max() + np.log(p), logits, np.float32(-np.inf))


def softmax(logits: Array) -> Array:
    """Return the probabilities `(V,)`, which add up to 1."""
    probabilities: Array = np.exp(logits - logits.max())
    probabilities /= probabilities.sum()
    return probabilities


def surprisal_bits(logits: Array, token: int) -> float:
    """Return the surprisal of a token in bits, -log2 p, under the model's own logits."""
    top = float(logits.max())
    total = float(np.exp(logits - top).sum())
    return (top - float(logits[token])) / _LN2 + float(np.log2(total))


def next_distribution(
    logits: Array, config: SamplingConfig, recent: Sequence[int] = (), banned: TokenIds = ()
) -> Array:
    """Return the probabilities `(V,)` of the next token under the sampling settings.

    Args:
        logits: `(V,)`, as the model gave them.
        config: the settings; `repetition_window` says how many recent tokens the penalty applies to.
        recent: ids of the tokens so far, oldest first.
        banned: ids that are never drawn.
    """
    if config.repetition_penalty != 1 and config.repetition_window and recent:
        logits = apply_repetition_penalty(logits, recent[-config.repetition_window :], config.repetition_penalty)
    if len(banned):
        logits = ban_tokens(logits, banned)
    logits = apply_temperature(logits, config.temperature)
    return softmax(min_p(top_p(top_k(logits, config.top_k), config.top_p), config.min_p))


def sample(probabilities: Array, generator: UniformGenerator) -> int:
    """Draw a token id from probabilities `(V,)`. Every draw takes exactly one number from the generator."""
    cumulative = np.cumsum(probabilities, dtype=np.float64)
    index = int(np.searchsorted(cumulative, generator.random() * cumulative[-1], side="right"))
    # The product can round up to the total; then the last token with any probability is drawn.
    return min(index, int(np.flatnonzero(probabilities)[-1]))


def _keep_only(logits: Array, tokens: NDArray[np.intp]) -> Array:
    masked = np.full_like(logits, -np.inf)
    masked[tokens] = logits[tokens]
    return masked
