"""From metric keys to charts: which chart shows which metrics, in what order, under what heading."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from rnntui.kinds.metrics import LOSSES, Metric
from rnntui.kinds.registry import all_metrics, kind_or_default
from rnntui.text.control_chars import one_line

Axis = Literal["step", "seconds", "tokens"]
AXES: tuple[Axis, ...] = ("step", "seconds", "tokens")
AXIS_TITLES: dict[Axis, str] = {"step": "step", "seconds": "time", "tokens": "tokens"}

LOSS_KEYS = tuple(metric.key for metric in LOSSES)
_COMMON_LOSS_UNIT = "nats"
DEFAULT_SMOOTHING = 0.9
"""Weight of the moving average over noisy metrics, unless the user chooses another."""


def metric_of(key: str) -> Metric:
    """The metric of a key; an unknown key makes a metric of that name."""
    known = all_metrics()
    if key in known:
        return known[key]
    name = one_line(key).replace("_", " ")
    return Metric(key, name[:1].upper() + name[1:], name, key, marked=True)


@dataclass(frozen=True)
class ChartHeading:
    """The heading of a chart: its title, the unit of the y axis, and the names of its runs."""

    title: str
    unit: str = ""
    runs: tuple[str, ...] = ()

    @property
    def short(self) -> str:
        """The title and the unit, for a place that names the runs itself."""
        return self.title + (f", {self.unit}" if self.unit else "")

    @property
    def full(self) -> str:
        """The title, the run if there is but one (a legend names several), and the unit."""
        return replace(self, title=self.title_of_run).short

    @property
    def title_of_run(self) -> str:
        """The title, and the run if there is but one."""
        return f"{self.title} of {self.runs[0]}" if len(self.runs) == 1 else self.title


def chart_heading(
    title: str, keys: Sequence[str], runs: Sequence[str] = (), kinds: Collection[str | None] = ()
) -> ChartHeading:
    """Return the heading of a chart of some metrics, with their unit if they have the same one.

    Args:
        title: the title of the chart.
        keys: the metrics.
        runs: the names of the runs.
        kinds: the ids of the runs' kinds, which tell the unit of losses; it is neutral if theirs differ.
    """
    loss_units = {kind_or_default(kind).loss_unit for kind in kinds}
    loss_unit = loss_units.pop() if len(loss_units) == 1 else _COMMON_LOSS_UNIT
    units = {loss_unit if key in LOSS_KEYS else metric_of(key).unit for key in keys}
    return ChartHeading(title, units.pop() if len(units) == 1 else "", tuple(runs))


def in_order(keys: list[str]) -> list[str]:
    """Known keys in the order of the table of metrics, then the others as they came."""
    known = all_metrics()
    return [key for key in known if key in keys] + [key for key in keys if key not in known]


def charts_of(keys: list[str]) -> list[tuple[str, list[str]]]:
    """Group keys into charts: each chart's title and its keys, in the order of `keys`."""
    charts: dict[str, list[str]] = {}
    for key in keys:
        charts.setdefault(metric_of(key).chart, []).append(key)
    return [(metric_of(grouped[0]).title if len(grouped) == 1 else chart, grouped) for chart, grouped in charts.items()]
