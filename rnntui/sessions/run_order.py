"""Order and filter of the run list."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, get_args

from rnntui.kinds.registry import KINDS, title_of
from rnntui.sessions.run_facts import state_text
from rnntui.sessions.run_watcher import WatchedRun

RunOrder = Literal["newest first", "by name", "best first", "by state"]
RUN_ORDERS: tuple[RunOrder, ...] = get_args(RunOrder)

_STATES = ("running", "stopped", "failed", "broken", "done")  # those that may need attention come first


def next_order(order: RunOrder) -> RunOrder:
    """Return the order after this one, the first after the last."""
    return RUN_ORDERS[(RUN_ORDERS.index(order) + 1) % len(RUN_ORDERS)]


def in_order(runs: Sequence[WatchedRun], order: RunOrder) -> list[WatchedRun]:
    """Sort runs. `runs` are given newest first, which decides between runs that are equal otherwise.

    The best of each kind come first by the kind's primary metric: values of different kinds cannot be compared.
    """
    match order:
        case "newest first":
            return list(runs)
        case "by name":
            return sorted(runs, key=lambda run: (run.name.casefold(), run.name))
        case "by state":
            return sorted(runs, key=lambda run: (run.summary.shipped, _STATES.index(run.state)))
    kinds = list(KINDS)

    def rank(run: WatchedRun) -> tuple[float, ...]:
        kind = kinds.index(run.summary.kind) if run.summary.kind in kinds else len(kinds)
        if run.summary.primary is None:
            return (kind, math.inf, 0.0)
        metric, value = run.summary.primary
        keys = [metric.key for metric in KINDS[run.summary.kind].metrics] if kind < len(kinds) else []
        return (kind, keys.index(metric.key) if metric.key in keys else len(keys), -metric.rank(value))

    return sorted(runs, key=rank)


def matching(runs: Sequence[WatchedRun], words: str) -> list[WatchedRun]:
    """Return the runs in whose name, kind, model, state and note every word occurs, whatever the case."""
    parts = words.casefold().split()
    return [run for run in runs if all(part in _searched_text(run) for part in parts)] if parts else list(runs)


def _searched_text(run: WatchedRun) -> str:
    summary = run.summary
    kind = KINDS[summary.kind].abbreviation if summary.kind in KINDS else ""
    shipped = "shipped" if summary.shipped else ""
    texts = (run.name, kind, title_of(summary.kind), summary.cell, summary.size, state_text(run), run.state, shipped)
    return " ".join(texts).casefold()
