"""Order and filter of the run list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from rnntui.runs.listing import SORT_KEYS, filter_runs
from rnntui.sessions.run_watcher import WatchedRun

RunOrder = Literal["by age", "by name", "by score", "by state"]

RUN_ORDERS: dict[RunOrder, str] = {
    "by age": "age", "by name": "name", "by score": "score", "by state": "state",
}  # fmt: skip
"""Orders of the list, with their key in `SORT_KEYS`: the newest, the best and the running runs come first."""


def next_order(order: RunOrder) -> RunOrder:
    """Return the order after this one, the first after the last."""
    orders = list(RUN_ORDERS)
    return orders[(orders.index(order) + 1) % len(orders)]


def in_order(runs: Sequence[WatchedRun], order: RunOrder) -> list[WatchedRun]:
    """Sort runs that are given newest first.

    That order decides between equal runs; it never changes, so that no run moves while a user looks at the list.
    """
    return sorted(runs, key=lambda run: SORT_KEYS[RUN_ORDERS[order]](run.summary))


def matching(runs: Sequence[WatchedRun], words: str) -> list[WatchedRun]:
    """Return the runs that match every word, as `filter_runs` does."""
    paths = {summary.path for summary in filter_runs([run.summary for run in runs], words)}
    return [run for run in runs if run.path in paths]
