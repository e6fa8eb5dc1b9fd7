"""Smoothing: a debiased exponential moving average."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray


def smooth(values: NDArray[np.float64], weight: float, previous: float = 0.0, count: int = 0) -> NDArray[np.float64]:
    """Return the debiased exponential moving average `(N,)` of `values` `(N,)`.

    The bias is corrected as for the moments of Adam (Kingma & Ba 2015, section 3), and as TensorBoard does it:
    `m = weight * m + (1 - weight) * value`, divided by `1 - weight ** count`. A value that is not finite is skipped,
    and its average is NaN.

    Args:
        values: the values.
        weight: weight of the average so far at each value.
        previous: the average of values before these.
        count: the number of values before these.

    Raises `ValueError` unless 0 <= weight < 1.
    """
    if not 0 <= weight < 1:
        raise ValueError(f"a weight of {weight} is not in 0..1")
    finite = np.isfinite(values)
    if weight == 0 or not finite.any():
        return np.where(finite, values, np.nan)
    all_finite = bool(finite.all())
    finite_values = values if all_finite else values[finite]
    average = _decayed_sums((1 - weight) * finite_values, weight)
    # Once the bias is below the precision of a float, there is nothing to correct.
    early = min(len(finite_values), int(-40 / math.log(weight)) + 1)
    decays = np.arange(1, early + 1) * math.log(weight)
    if count:
        average[:early] += previous * -math.expm1(count * math.log(weight)) * np.exp(decays)
        decays += count * math.log(weight)
    # `expm1` keeps the digits that `1 - weight ** count` would lose for a weight close to one.
    average[:early] /= -np.expm1(decays)
    if all_finite:
        return average
    smoothed = np.full(len(values), np.nan)
    smoothed[finite] = average
    return smoothed


def _decayed_sums(values: NDArray[np.float64], weight: float) -> NDArray[np.float64]:
    """Return `s[i] = weight * s[i - 1] + values[i]`, `(N,)`, in about √N operations on arrays instead of N on numbers.

    The values are split into about √N windows, stored side by side, so that one operation advances all of them by a
    value. The sum carried over from earlier windows is added at the end. Unlike with `cumsum`, nothing is divided by a
    vanishing power.
    """
    count = len(values)
    length = math.isqrt(max(1, count // 4))
    windows = -(-count // length)
    sums = np.zeros((length, windows))  # a row holds one value of every window, so that rows are contiguous
    full = count // length
    sums[:, :full] = values[: full * length].reshape(full, length).T
    sums[: count - full * length, full:] = values[full * length :, None]
    scratch = np.empty(windows)
    for i in range(1, length):
        np.multiply(sums[i - 1], weight, out=scratch)
        sums[i] += scratch
    carries, carry, window_decay = [], 0.0, weight**length
    for end in sums[-1].tolist():
        carries.append(carry)
        carry = end + window_decay * carry
    scratch[:] = carries
    for i in range(length):
        scratch *= weight
        sums[i] += scratch
    return sums.T.reshape(-1)[:count]
