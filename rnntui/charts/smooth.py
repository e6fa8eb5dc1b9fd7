"""Smoothing: an exponential moving average that does not lean towards zero at its start."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray


def smooth(values: NDArray[np.float64], weight: float) -> NDArray[np.float64]:
    """The debiased exponential moving average of `values` `(N,)`; `weight` in 0..1, exclusive of 1, is kept each step.

    As the moments of Adam are corrected (Kingma & Ba 2015, section 3), and as TensorBoard does it:
    `m = weight * m + (1 - weight) * value`, divided by `1 - weight ** count`. A value that is not finite is passed
    over, and NaN stands in its place.

    Raises `ValueError` for another weight.
    """
    if not 0 <= weight < 1:
        raise ValueError(f"a weight of {weight} is not in 0..1")
    finite = np.isfinite(values)
    if weight == 0 or not finite.any():
        return np.where(finite, values, np.nan)
    whole = bool(finite.all())
    kept = values if whole else values[finite]
    average = _decayed_sums((1 - weight) * kept, weight)
    # Once the weight of nothing is below a float's precision, there is nothing to correct.
    early = min(len(kept), int(-40 / math.log(weight)) + 1)
    # `expm1` keeps what `1 - weight ** count` would lose where the weight is close to one.
    average[:early] /= -np.expm1(np.arange(1, early + 1) * math.log(weight))
    if whole:
        return average
    smoothed = np.full(len(values), np.nan)
    smoothed[finite] = average
    return smoothed


def _decayed_sums(values: NDArray[np.float64], weight: float) -> NDArray[np.float64]:
    """`s[i] = weight * s[i - 1] + values[i]`, in about √N operations on arrays instead of N on numbers.

    The values are cut into about √N windows that lie side by side: one operation advances them all by a value. What a
    window inherits from those before it is added after; nothing is ever divided by a vanishing power, as with `cumsum`.
    """
    count = len(values)
    length = math.isqrt(max(1, count // 4))
    windows = -(-count // length)
    sums = np.zeros((length, windows))  # a row holds a value of every window: rows are then contiguous
    whole = count // length
    sums[:, :whole] = values[: whole * length].reshape(whole, length).T
    sums[: count - whole * length, whole:] = values[whole * length :, None]
    carried = np.empty(windows)
    for i in range(1, length):
        np.multiply(sums[i - 1], weight, out=carried)
        sums[i] += carried
    inherited, so_far, whole_window = [], 0.0, weight**length
    for end in sums[-1].tolist():
        inherited.append(so_far)
        so_far = end + whole_window * so_far
    carried[:] = inherited
    for i in range(length):
        carried *= weight
        sums[i] += carried
    return sums.T.reshape(-1)[:count]
