"""Choosing the next token: pure functions on a logits vector `(V,)`, each of which leaves its argument as it was.

A token that a function rules out gets the logit -inf. `next_distribution` applies them in the order repetition
penalty, banned tokens, temperature, top-k, top-p, min-p.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from rnntui.config import SamplingConfig
from rnntui.inference.cells import Array


class UniformGenerator(Protocol):
    """A source of random numbers, such as `random.Random`."""

    def random(self) -> float:
        """The next number, evenly drawn from [0, 1)."""
        ...


def penalise_repetition(logits: Array, recent: Sequence[int], penalty: float) -> Array:
    """Make recent tokens less likely (more, if `penalty` < 1).

    Positive logits are divided by the penalty, negative ones multiplied (Keskar et al. 2019, "CTRL", section 4.1).
    """
    seen = np.array(sorted(set(recent)), dtype=np.int64)
    changed = logits.copy()
    picked = changed[seen]
    changed[seen] = np.where(picked > 0, picked / penalty, picked * penalty)
    return changed


def ban(logits: Array, tokens: Sequence[int]) -> Array:
    """Rule tokens out altogether."""
    changed = logits.copy()
    changed[list(tokens)] = -np.inf
    return changed


def apply_temperature(logits: Array, temperature: float) -> Array:
    """Divide by the temperature (Ackley, Hinton and Sejnowski 1985); 0 leaves the likeliest token alone."""
    if temperature > 0:
        # Taken off the top first: a tiny temperature must not overflow.
        with np.errstate(over="ignore"):
            scaled: Array = (logits - logits.max()) / np.float32(max(temperature, 1e-30))
        return scaled
    changed = np.full_like(logits, -np.inf)
    best = int(logits.argmax())
    changed[best] = 0.0
    return changed


def top_k(logits: Array, k: int) -> Array:
    """Keep the k likeliest tokens (Fan et al. 2018, section 5.1). Of equal ones the lower ids stay; 0 keeps all."""
    if not 0 < k < len(logits):
        return logits
    kept = np.argsort(-logits, kind="stable")[:k]
    changed = np.full_like(logits, -np.inf)
    changed[kept] = logits[kept]
    return changed


def top_p(logits: Array, p: float) -> Array:
    """Keep the likeliest tokens whose probabilities first add up to p (Holtzman et al. 2020, section 3.1).

    At least one token stays; p = 1 keeps all.
    """
    if p >= 1:
        return logits
    order = np.argsort(-logits, kind="stable")
    sorted_probabilities = softmax(logits)[order]
    before = np.cumsum(sorted_probabilities) - sorted_probabilities
    kept = order[before < p]
    kept = kept if len(kept) else order[:1]
    changed = np.full_like(logits, -np.inf)
    changed[kept] = logits[kept]
    return changed


def min_p(logits: Array, p: float) -> Array:
    """Keep tokens at least p times as likely as the likeliest (Nguyen et al. 2024, section 3)."""
    if p <= 0:
        return logits
    return np.where(logits >= logits.max() + np.log(p), logits, np.float32(-np.inf))


def softmax(logits: Array) -> Array:
    """Probabilities `(V,)` that add up to 1."""
    raised: Array = np.exp(logits - logits.max())
    raised /= raised.sum()
    return raised


def surprisal_bits(logits: Array, token: int) -> float:
    """The information of a token in bits, -log2 p, under the logits as the model gave them."""
    top = float(logits.max())
    total = float(np.exp(logits - top).sum())
    return (top - float(logits[token])) / _LN2 + float(np.log2(total))


_LN2 = float(np.log(2.0))


def next_distribution(
    logits: Array, config: SamplingConfig, recent: Sequence[int] = (), banned: Sequence[int] = ()
) -> Array:
    """Probabilities `(V,)` of the next token under the settings; `recent` are the tokens before, the last one last."""
    if config.repetition_penalty != 1 and config.repetition_window and recent:
        logits = penalise_repetition(logits, recent[-config.repetition_window :], config.repetition_penalty)
    if banned:
        logits = ban(logits, banned)
    logits = apply_temperature(logits, config.temperature)
    return softmax(min_p(top_p(top_k(logits, config.top_k), config.top_p), config.min_p))


def sample(probabilities: Array, generator: UniformGenerator) -> int:
    """Draw a token; one number is taken from the generator, whatever the distribution."""
    edges = np.cumsum(probabilities, dtype=np.float64)
    drawn = int(np.searchsorted(edges, generator.random() * edges[-1], side="right"))
    # The product can round up to the last edge; the last token with any probability is meant.
    return min(drawn, int(np.flatnonzero(probabilities)[-1]))
