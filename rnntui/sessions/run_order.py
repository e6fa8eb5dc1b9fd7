"""Order, filter and content of the run list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from rnntui.runs.listing import SORT_KEYS, filter_runs
from rnntui.sessions.overlaid_runs import Overlay
from rnntui.sessions.run_watcher import WatchedRun

RunOrder = Literal["by age", "by name", "by score", "by state"]

RUN_ORDERS: dict[RunOrder, str] = {
    "by age": "age", "by name": "name", "by score": "score", "by state": "state",
}  # fmt: skip
"""Orders of the list, with their key in `SORT_KEYS`: the newest, the best and the running runs come first."""


@dataclass(frozen=True)
class RunListing:
    """Content of the run list.

    Args:
        runs: the runs from top to bottom: those that match the filter, in the order chosen.
        names: the name of each run by path, different for runs of equal names.
        overlays: the runs that are in the charts, by path.
        activities: what is being done to a run, by path; shown instead of its state.
        notes: lines above the runs.
        order: the order chosen.
    """

    runs: Sequence[WatchedRun] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    overlays: Mapping[str, Overlay] = field(default_factory=dict)
    activities: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()
    order: RunOrder = "by age"


def next_order(order: RunOrder) -> RunOrder:
    """Return the order after this one, the first after the last."""
    orders = list(RUN_ORDERS)
    return orders[(orders.index(order) + 1) % len(orders)]


def runs_in_order(runs: Sequence[WatchedRun], order: RunOrder) -> list[WatchedRun]:
    """Sort runs that are given newest first.

    That order decides between equal runs; it never changes, so that no run moves while a user looks at the list.
    """
    return sorted(runs, key=lambda run: SORT_KEYS[RUN_ORDERS[order]](run.summary))


def matching(runs: Sequence[WatchedRun], words: str) -> list[WatchedRun]:
    """Return the runs that match every word, as `filter_runs` does."""
    paths = {summary.path for summary in filter_runs([run.summary for run in runs], words)}
    return [run for run in runs if run.path in paths]
