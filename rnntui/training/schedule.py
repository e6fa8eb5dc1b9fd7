"""The learning rate over a run: a linear warm-up, then half a cosine down to zero (Loshchilov and Hutter 2017)."""

from __future__ import annotations

import math


def learning_rate(step: int, steps: int | None, peak: float, warmup: int) -> float:
    """The rate for step `step` of `steps`, counted from 0.

    The warm-up takes at most a fifth of the run. While a time budget has not yet settled how many steps there are
    (`steps` None), the run is still at its start.
    """
    climb = warmup if steps is None else min(warmup, steps // 5)
    rising = min(1.0, (step + 1) / (climb + 1))
    falling = 1.0 if steps is None else 0.5 * (1.0 + math.cos(math.pi * min(1.0, step / steps)))
    return peak * rising * falling
