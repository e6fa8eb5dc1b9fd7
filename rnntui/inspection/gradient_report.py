"""The gradient flow of one or several models as a chart, sentences, SVG and JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from rnntui.charts.curve import Curve
from rnntui.charts.line_chart import LineChart, line
from rnntui.charts.styled_text import Row
from rnntui.charts.svg import render_svg
from rnntui.config import Cell
from rnntui.config_language_model import LanguageModelConfig
from rnntui.formatting import format_percent
from rnntui.inspection.cell_equations import CELL_NAMES

Floats = NDArray[np.float64]

_REASONS: dict[Cell, str] = {
    "rnn": "at each step back, a plain RNN multiplies the gradient by its recurrent matrix and by the slope of tanh, "
    "which is below 1, so that it shrinks by a factor each time: 0.9 fifty times over is 0.5%",
    "gru": "a GRU's update gate can pass the state on unchanged, and with it the gradient",
    "lstm": "an LSTM's cell state is only multiplied by the forget gate, which can stay near 1",
}
_FLOOR = 1e-6  # share of the gradient below which nothing is drawn
_MARKS = (10, 50, 200)  # steps back of which a sentence tells what is left
_VANISHED = 0.01  # share from which on the gradient has vanished
_SHORT, _LONG = 30, 100  # steps: a gradient that vanishes sooner, and one that reaches farther
_EXPLODED = 10.0
_SIMILAR = 0.03  # difference of areas under the curves that is hardly seen


@dataclass(frozen=True, eq=False)
class GradientCurve:
    """The gradient flow of one model, over its places.

    Args:
        name: name of the run.
        cell: its cell.
        size: layers and hidden units.
        is_trained: False for weights as they are before training.
        mean: mean norm n steps back, `(N,)`; index 0 is the state that the loss is computed from.
        low: 10th percentile, `(N,)`.
        high: 90th percentile, `(N,)`.
        parts: mean norm of each layer's h (and c), `(N, L, C)`.
        loss: mean loss at the places in nats.
        places: their number.
    """

    name: str
    cell: Cell
    size: tuple[int, int]
    is_trained: bool
    mean: Floats
    low: Floats
    high: Floats
    parts: Floats
    loss: float
    places: int

    @classmethod
    def of(
        cls, name: str, config: LanguageModelConfig, squares: Floats, losses: Floats, *, is_trained: bool = True
    ) -> Self:
        """Return the curve of the squared norms `(P, N, L, C)` and losses `(P,)` of P places."""
        norms = np.sqrt(squares.sum(axis=(2, 3)))
        low, high = np.quantile(norms, (0.1, 0.9), axis=0)
        parts, size = np.sqrt(squares).mean(axis=0), (config.layers, config.hidden)
        mean = norms.mean(axis=0)
        return cls(name, config.cell, size, is_trained, mean, low, high, parts, float(losses.mean()), len(losses))

    @property
    def label(self) -> str:
        """The name in the legend."""
        return self.name if self.is_trained else f"{self.name} before training"

    @property
    def left(self) -> Floats:
        """The share of the gradient that is left n steps back, `(N - 1,)`, of that one step back: index 0 is 1."""
        shares: Floats = self.mean[1:] / self.mean[1] if self.mean[1] else np.zeros(len(self.mean) - 1)
        return shares

    def reach(self, share: float) -> float | None:
        """Return the steps back at which the share that is left falls below `share`; None if it never does."""
        left = self.left
        below = np.flatnonzero(left < share)
        if not len(below):
            return None
        after = int(below[0])
        if after == 0:
            return 1.0
        # Between two steps the gradient falls about exponentially.
        upper, lower = np.log(left[after - 1]), np.log(max(left[after], 1e-300))
        return float(after + (upper - np.log(share)) / (upper - lower))

    @property
    def area(self) -> float:
        """The share of the chart's area that is under the curve: 1 if nothing vanishes, about 0 if all does at once."""
        return 1 - float(np.log(np.maximum(self.left, _FLOOR)).mean() / np.log(_FLOOR))

    @property
    def drawn(self) -> tuple[Floats, Floats, Floats]:
        """Shares to draw: mean, low and high, `(N - 1,)`; the mean is NaN below the floor of the chart."""
        scale = self.mean[1] or 1.0
        mean, low, high = (values[1:] / scale for values in (self.mean, self.low, self.high))
        mean = np.where(mean >= _FLOOR, mean, np.nan)
        return mean, np.maximum(low, _FLOOR), np.maximum(high, _FLOOR)

    def to_json(self) -> dict[str, Any]:
        """Return all numbers."""
        layers, components = self.parts.shape[1:]
        return {
            "run": self.name,
            "trained": self.is_trained,
            "cell": self.cell,
            "layers": self.size[0],
            "hidden": self.size[1],
            "loss": self.loss,
            "half_life": self.reach(0.5),
            "hundredth": self.reach(_VANISHED),
            "left": {str(n): float(self.left[n - 1]) for n in _MARKS if n <= len(self.left)},
            "norm": self.mean.tolist(),
            "norm_p10": self.low.tolist(),
            "norm_p90": self.high.tolist(),
            "norm_by_layer": [
                {name: self.parts[:, layer, part].tolist() for part, name in enumerate("hc"[:components])}
                for layer in range(layers)
            ],
        }


@dataclass(frozen=True, eq=False)
class GradientFlow:
    """The gradient flow of one or several models, trained or not; `origin` tells where the text comes from."""

    curves: tuple[GradientCurve, ...]
    origin: str

    def rows(self, width: int) -> list[Row]:
        """Return the chart as rows; two charts if several models are shown before and after training."""
        charts = self._charts()
        rows: list[Row] = []
        for index, chart in enumerate(charts):
            rows += ([[]] if index else []) + chart.rows(width)
        return rows

    def svg(self) -> str:
        """Return the chart as an SVG document."""
        return render_svg([chart.drawing for chart in self._charts()])

    def to_json(self) -> dict[str, Any]:
        """Return the numbers of every curve."""
        curve = self.curves[0]
        return {
            "steps": len(curve.mean) - 1,
            "places": curve.places,
            "text": self.origin,
            "runs": [each.to_json() for each in self.curves],
        }

    def summary(self) -> list[str]:
        """Return what the chart shows and what it means, for someone who sees it for the first time."""
        return [
            "The gradient is how strongly the loss at one token would change with what the model remembered n tokens "
            "before. A model learns by it: where the line has fallen to almost nothing, the gradient has vanished, and "
            "nothing that stood there can be learned from.",
            *([self._comparison()] if self._comparison() else []),
            *map(_sentence, self.curves),
            *self._reasons(),
            f"Norm of the gradient with respect to the whole state ({self._states()}), relative to that one step back; "
            f"mean and range from 10% to 90% over {self.curves[0].places} places of {self.origin}.",
        ]

    def _charts(self) -> list[LineChart]:
        """Return a chart of all curves; with several models before and after training, one of each."""
        before = [curve for curve in self.curves if not curve.is_trained]
        after = [curve for curve in self.curves if curve.is_trained]
        if before and len(after) > 1:
            return [_chart(before, "before training"), _chart(after, "after training")]
        return [_chart(self.curves, "")]

    def _comparison(self) -> str:
        """Return which trained model forgets first and which last; empty if there is but one."""
        trained = [curve for curve in self.curves if curve.is_trained]
        if len(trained) < 2:
            return ""
        ranked = sorted(trained, key=lambda curve: curve.area)
        first, last = ranked[0], ranked[-1]
        if first.reach(_VANISHED) is None:
            return "None of these gradients vanishes within these steps."
        if last.area - first.area < _SIMILAR:
            return "These gradients reach about equally far back."
        return f"{_named(first)} forgets first, {_named(last)} last."

    def _reasons(self) -> list[str]:
        cells = dict.fromkeys(curve.cell for curve in self.curves)
        short = [
            _named(curve)
            for curve in self.curves
            if curve.is_trained and curve.cell != "rnn" and (reach := curve.reach(_VANISHED)) and reach < _SHORT
        ]
        learned = (
            f" Gates only do so where training has taught them to: {' and '.join(short)} had too little of it, or this "
            "text asks for no more."
        )
        return ["Why: " + "; ".join(_REASONS[cell] for cell in cells) + "." + (learned if short else "")]

    def _states(self) -> str:
        states = "h of all layers" if any(curve.size[0] > 1 for curve in self.curves) else "h"
        return f"{states}, and c of an LSTM" if any(curve.cell == "lstm" for curve in self.curves) else states


def _chart(curves: Sequence[GradientCurve], when: str) -> LineChart:
    title = ", ".join(filter(None, ("Gradient that is left n steps back", when)))
    return LineChart(title, "steps back", "", [_line(curve, index) for index, curve in enumerate(curves)], log=True)


def _line(curve: GradientCurve, colour: int) -> Curve:
    mean, low, high = curve.drawn
    half = curve.reach(0.5)
    legend = "never halves" if half is None else f"half-life {half:.0f}"
    return line(curve.label, np.arange(1, len(mean) + 1), mean, colour, legend, (low, high))


def _named(curve: GradientCurve) -> str:
    cell = CELL_NAMES[curve.cell]
    return curve.label if cell.casefold() in curve.name.casefold() else f"{curve.label} ({cell})"


def _sentence(curve: GradientCurve) -> str:
    half, vanished, steps = curve.reach(0.5), curve.reach(_VANISHED), len(curve.left)
    halves = f"half of it is left {half:.0f} steps back" if half is not None else f"it never halves in {steps} steps"
    marks = ", ".join(
        f"{n} steps back {format_percent(max(float(curve.left[n - 1]), _FLOOR / 2), _FLOOR)}"
        for n in _MARKS
        if n <= steps
    )
    if curve.left.max() > _EXPLODED:
        verdict = f"it explodes, up to {curve.left.max():,.0f} times: training needs clipping"
    elif vanished is None:
        verdict = f"it does not vanish within {steps} steps"
    elif vanished < _SHORT:
        verdict = f"it VANISHES: 99% is gone {vanished:.0f} steps back"
    elif vanished < _LONG:
        verdict = f"it fades: 99% is gone {vanished:.0f} steps back"
    else:
        verdict = f"it fades slowly: 99% is gone only {vanished:.0f} steps back"
    return f"{_named(curve)}: {halves} ({marks}); {verdict}."
