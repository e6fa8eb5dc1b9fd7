"""Clipping: the gradient norms of a training, and how often they were cut down to the limit.

A gradient longer than `--clip-grad-norm` is scaled down to that length before the step (Pascanu, Mikolov and Bengio
2013, section 3.2), which is the remedy for gradients that explode.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnntui.charts.line_chart import LineChart, line
from rnntui.charts.metrics_history import MetricsHistory
from rnntui.charts.smooth import smooth
from rnntui.charts.styled_text import Row
from rnntui.charts.svg import render_svg
from rnntui.errors import RunError
from rnntui.formatting import format_percent
from rnntui.inspection.inspection import Cancelled, InspectionRequest
from rnntui.runs.folder import RunFolder

_SMOOTHING = 0.9
_OFTEN, _SELDOM = 0.5, 0.05  # shares of clipped steps

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RunClipping:
    """The gradient norms of one run.

    Args:
        name: name of the run.
        limit: the limit, `clip_grad_norm`.
        steps: steps at which a norm was logged, `(N,)`.
        norms: the norms before clipping, `(N,)`.
        clipped: share of the steps that were clipped.
        is_exact: True if all steps were counted; False if only those whose norm was logged.
    """

    name: str
    limit: float
    steps: Floats
    norms: Floats
    clipped: float
    is_exact: bool

    @classmethod
    def of(cls, run: RunFolder) -> RunClipping:
        """Read the norms of a run. Raises `RunError` if it has none."""
        history = MetricsHistory(run.metrics_file, max_rows=sys.maxsize)  # of all rows, for averages and quantiles
        history.read_all()
        norms, shares = history.series("gradient_norm"), history.series("clipped_share")
        is_finite = np.isfinite(norms.values) & np.isfinite(norms.axes["step"])
        if not is_finite.any():
            raise RunError(f"run {run.name} has no gradient norms in {run.metrics_file}", hint="train it first")
        limit = run.read_config().training.clip_grad_norm
        steps, values = norms.axes["step"][is_finite], norms.values[is_finite]
        if len(shares.values):
            # A row's share is of the steps since the row before.
            counts = np.diff(shares.axes["step"], prepend=0.0).clip(min=1.0)
            return cls(run.name, limit, steps, values, float(np.average(shares.values, weights=counts)), True)
        return cls(run.name, limit, steps, values, float((values > limit).mean()), False)

    @property
    def sentence(self) -> str:
        """How often the run clipped, and how long its gradients were."""
        steps = "steps" if self.is_exact else f"{len(self.norms):,} steps whose norm was logged"
        share = f"{format_percent(self.clipped)} of the {steps} were" if self.clipped else f"none of the {steps} was"
        low, middle, high = np.quantile(self.norms, (0.0, 0.5, 1.0))
        remark = ""
        if self.clipped > _OFTEN:
            remark = " Most steps had the same length, whatever the gradient: a higher limit would let it matter."
        elif 0 < self.clipped < _SELDOM:
            remark = " Clipping caught only the outliers, which is what it is for."
        elif not self.clipped:
            remark = " The limit made no difference here."
        return (
            f"{self.name}: {share} clipped, to a norm of {self.limit:g}. Before clipping, norms go from {low:.2g} to "
            f"{high:.2g}; half of them are above {middle:.2g}.{remark}"
        )

    def to_json(self) -> dict[str, Any]:
        """Return all numbers."""
        return {
            "run": self.name,
            "clip_grad_norm": self.limit,
            "clipped_share": self.clipped,
            "all_steps_counted": self.is_exact,
            "step": self.steps.tolist(),
            "gradient_norm": self.norms.tolist(),
        }


@dataclass(frozen=True, eq=False)
class Clipping:
    """The gradient norms of one or several runs, with the limits at which they were clipped."""

    runs: tuple[RunClipping, ...]

    @property
    def chart(self) -> LineChart:
        """The chart of the norms, smoothed, and of the limits."""
        curves = [
            line(run.name, run.steps, smooth(run.norms, _SMOOTHING), index, f"{format_percent(run.clipped)} clipped")
            for index, run in enumerate(self.runs)
        ]
        first, last = min(run.steps[0] for run in self.runs), max(run.steps[-1] for run in self.runs)
        for index, limit in enumerate(dict.fromkeys(run.limit for run in self.runs)):
            curves.append(line("limit", (first, last), (limit, limit), len(self.runs) + index, f"{limit:g}"))
        return LineChart("Gradient norm in training, before clipping", "step", "", curves, log=True)

    def rows(self, width: int) -> list[Row]:
        """Return the chart as rows."""
        return self.chart.rows(width)

    def svg(self) -> str:
        """Return the chart as an SVG document."""
        return render_svg([self.chart.drawing])

    def summary(self) -> list[str]:
        """Return how often each run was clipped."""
        return [
            *(run.sentence for run in self.runs),
            "The norm is the length of the gradient of all weights together, and a step follows it. Where it is far "
            "longer than usual, it has exploded: a single step could undo the training, so it is cut to the limit.",
        ]

    def to_json(self) -> dict[str, Any]:
        """Return the numbers of every run."""
        return {"runs": [run.to_json() for run in self.runs]}


def clipping(runs: Sequence[RunFolder]) -> Clipping:
    """Return the gradient norms of runs of any kind. Raises `RunError` for a run without metrics."""
    return Clipping(tuple(RunClipping.of(run) for run in runs))


def inspect_clipping(request: InspectionRequest, cancelled: Cancelled) -> Clipping:
    """Compute the view of the Inspect tab."""
    return clipping(request.runs)
