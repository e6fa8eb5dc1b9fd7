"""The loss by context length as a chart, sentences, SVG and JSON."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnntui.charts.line_chart import LineChart, line
from rnntui.charts.styled_text import Row
from rnntui.charts.svg import render_svg
from rnntui.formatting import format_percent

Floats = NDArray[np.float64]

SMALL_GAIN = 0.01
"""A gain in nats that is hardly worth more context."""
_MIN_PLACES = 20  # of a class; a mean of fewer says nothing
_ALL = "all"
_MIN_BLOCKS, _MIN_BLOCK = 16, 8  # blocks of a standard error, and their places, where there are few stretches


def standard_errors(values: Floats, stretch: int) -> Floats:
    """Return the standard errors of the means of values `(N, P)` that are alike where they are neighbours: `(N,)`.

    They come from the means of blocks: those of neighbours that stand in one stretch are no independent ones, however
    many they are ("batch means": Law and Kelton, Simulation Modeling and Analysis, section 9.5.3). A block is a
    stretch, or a part of one where there are too few of them.

    Args:
        values: in the order of the text, one stretch behind the other.
        stretch: values of a stretch, a divisor of P.
    """
    block, count = stretch, values.shape[1]
    while block % 2 == 0 and block > _MIN_BLOCK and count // block < _MIN_BLOCKS:
        block //= 2
    means = values.reshape(len(values), -1, block).mean(axis=2)
    errors: Floats = means.std(axis=1, ddof=1) / np.sqrt(means.shape[1])
    return errors


@dataclass(frozen=True, eq=False)
class ContextLoss:
    """Losses of the same places with different lengths of context.

    Args:
        name: name of the run.
        lengths: the lengths, ascending, `(N,)`.
        losses: nats of each place, `(N, P)`.
        class_names: names of the classes of tokens.
        classes: index of each place's class, `(P,)`.
        unit: what a token is: characters, tokens or words.
        origin: where the text comes from.
        stretch: places that stand next to each other in the text, one stretch behind the other; P is a multiple.
    """

    name: str
    lengths: NDArray[np.int64]
    losses: Floats
    class_names: tuple[str, ...]
    classes: NDArray[np.int64]
    unit: str
    origin: str
    stretch: int = 1

    def rows(self, width: int) -> list[Row]:
        """Return the chart as rows."""
        return self.chart.rows(width)

    def svg(self) -> str:
        """Return the chart as an SVG document."""
        return render_svg([self.chart.drawing])

    @property
    def chart(self) -> LineChart:
        """The chart: the mean of all places, and of each class that has enough of them."""
        curves = [
            line(name, self.lengths, curve, index, f"{curve[-1]:.2f}")
            for index, (name, _, curve) in enumerate(self._curves())
        ]
        return LineChart(f"Loss of {self.name} by {self.unit} of context, in nats", self.unit, "", curves, log_x=True)

    def summary(self) -> list[str]:
        """Return how far back the model looks, in numbers."""
        mean, last = self.losses.mean(axis=1), int(self.lengths[-1])
        marks = dict.fromkeys((0, len(mean) // 2, len(mean) - 1))
        values = ", ".join(f"{mean[index]:.2f} with {self.lengths[index]}" for index in marks)
        return [
            f"The model predicts each of {self.losses.shape[1]:,} places of {self.origin} with the last n {self.unit} "
            f"alone: its state is reset n {self.unit} before. Where the line is flat, it makes nothing of what is "
            "farther back.",
            f"Loss in nats: {values} {self.unit}. {self._enough(mean)}{self._noise}",
            *(
                f"{name[:1].upper()}{name[1:]} ({format_percent(share)} of the text): {curve[0]:.2f} with 1, "
                f"{curve[-1]:.2f} with {last}{self._half_gain(curve)}."
                for name, share, curve in list(self._curves())[1:]
            ),
            *self._farthest(),
        ]

    def to_json(self) -> dict[str, Any]:
        """Return the mean losses and their standard errors."""
        places = self.losses.shape[1]
        return {
            "run": self.name,
            "unit": self.unit,
            "text": self.origin,
            "places": places,
            "context": self.lengths.tolist(),
            "loss": self.losses.mean(axis=1).tolist(),
            "standard_error_of_gain": self._gain_errors.tolist(),
            "enough": self.enough(self.losses.mean(axis=1)),
            "classes": [
                {"name": name, "places": round(share * places), "loss": curve.tolist(), "enough": self.enough(curve)}
                for name, share, curve in list(self._curves())[1:]
            ],
        }

    def enough(self, curve: Floats) -> int | None:
        """Return the shortest length from which on more context gains less than `SMALL_GAIN`; None for the longest.

        `curve (N,)` are mean losses.
        """
        index = int(np.argmax(curve - curve[-1] < SMALL_GAIN))
        return int(self.lengths[index]) if index < len(curve) - 1 else None

    def _curves(self) -> Iterator[tuple[str, float, Floats]]:
        """Yield the name, the share of the places and the mean losses `(N,)` of all places, and of each class."""
        yield _ALL, 1.0, self.losses.mean(axis=1)
        for index, name in enumerate(self.class_names):
            is_in_class = self.classes == index
            if is_in_class.sum() >= _MIN_PLACES:
                yield name, float(is_in_class.mean()), self.losses[:, is_in_class].mean(axis=1)

    def _enough(self, mean: Floats) -> str:
        enough = self.enough(mean)
        if mean[0] - mean[-1] < SMALL_GAIN:
            return f"More than one of the {self.unit} gains nothing."
        if enough is not None:
            return f"Beyond {enough} {self.unit}, more context gains less than {SMALL_GAIN:g}."
        if len(mean) < 2:
            return ""
        before, last = self.lengths[-2:]
        return f"Even from {before} to {last} {self.unit} it gains {mean[-2] - mean[-1]:.3f}: it may look farther back."

    @property
    def _gain_errors(self) -> Floats:
        """Standard errors of the differences between each length's loss and that of the longest, `(N,)`."""
        return standard_errors(self.losses - self.losses[-1], self.stretch)

    @property
    def _noise(self) -> str:
        """The accuracy of the gain from the last doubling."""
        return f" (Gains near the end are known to ±{2 * self._gain_errors[-2]:.3f}.)" if len(self.lengths) > 1 else ""

    def _half_gain(self, curve: Floats) -> str:
        """Return the shortest length that has half of the gain from the shortest to the longest, in words."""
        if curve[0] - curve[-1] < SMALL_GAIN:
            return ", which is no gain"
        half = self.lengths[np.argmax(curve <= (curve[0] + curve[-1]) / 2)]
        return f"; half of the gain is there with {half}"

    def _farthest(self) -> list[str]:
        """Return which class gains most from the farther half of the context."""
        middle = len(self.lengths) // 2
        gains = {name: curve[middle] - curve[-1] for name, _, curve in list(self._curves())[1:]}
        if not gains or max(gains.values()) < SMALL_GAIN:
            return []
        name = max(gains, key=lambda key: gains[key])
        span = f"from {self.lengths[middle]} to {self.lengths[-1]}"
        return [f"Far context helps {name} most: {gains[name]:.2f} nats {span} {self.unit}."]
