"""How much of an evaluation's data can be read within a limited time, measured by reading a little of it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from rnntui.training.process_group import ProcessGroup

LOSS_SHARE, TRANSLATION_SHARE = "loss", "translation"
"""Keys of `Task.evaluation_shares`: the data whose loss is computed, and the pairs that are translated."""
_RESERVE = 0.8  # of the time that a final evaluation is planned by; the rest is for a machine that slows down
_FIRST_SHARE = 1 / 256
_GROWTH = 4  # of the share from one measurement to the next
_LEAST_MARGINAL_COST = 1 / 2  # of the mean cost: a first measurement may have been slow by chance
_MEASURING = 1 / 3  # fraction of the time that measuring may take


def affordable_share(read: Callable[[float], float], seconds: float, group: ProcessGroup) -> float:
    """Return the share of the data, above 0 and at most 1, that an evaluation reads in about so many seconds.

    Little data is read in small batches, at a higher cost for each token, so ever larger shares are measured as time
    permits, and the last two of them give the cost of more. The smallest share is returned however little time
    there is.

    Args:
        read: Evaluates about a share of the data, and returns the share that it has read, which may be larger.
        seconds: The time; infinite for all data, without measuring.
        group: The processes that evaluate together: all call this, and get the same share.
    """
    if seconds == math.inf:
        return 1.0

    def measure(share: float) -> tuple[float, float, float]:
        """Return the share that was read, the seconds that it took, and the seconds that there are in all."""
        began = time.perf_counter()
        share = read(share)
        measured, limits = zip(*group.collect((time.perf_counter() - began, seconds)), strict=True)
        return share, max(1e-9, *measured), min(limits)

    share, spent, limit = measure(_FIRST_SHARE)
    if spent > _MEASURING * limit:
        return share
    before: tuple[float, float] | None = None  # share and seconds of the last measurement
    while True:
        share, elapsed, limit = measure(share)  # also the first share again: its first reading has set up kernels
        spent += elapsed
        cost = elapsed / share
        if before is not None and share > before[0]:
            marginal_cost = (elapsed - before[1]) / (share - before[0])
            cost = min(cost, max(marginal_cost, _LEAST_MARGINAL_COST * cost))
        affordable = share + (limit - elapsed) / cost
        next_seconds = elapsed + (_GROWTH - 1) * share * cost
        if share >= 1 or affordable >= 1 or spent + next_seconds > _MEASURING * limit:
            return float(min(1.0, max(share, affordable)))
        before, share = (share, elapsed), min(1.0, _GROWTH * share)


def fitting(share: float) -> float:
    """Return a smaller share for a final evaluation, which must not run late: all data if most of it fits.

    The clock then ends it with what it has read.
    """
    return 1.0 if share >= _RESERVE else _RESERVE * share
