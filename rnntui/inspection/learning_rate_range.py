"""Learning rate range: the curve of a range test, and the peak learning rate that it suggests."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnntui.charts.line_chart import LineChart, line
from rnntui.charts.styled_text import Row
from rnntui.charts.svg import render_svg

Floats = NDArray[np.float64]

_HALF_WINDOW = 3  # steps on either side that a loss is averaged with: centred, so that the curve is not shifted
_MIN_FALL = 0.05  # nats that the loss falls at least, for a suggestion
_SHARE_OF_LOWEST = 0.2  # of the rate with the lowest loss; by the measurements of docs/choosing.md


@dataclass(frozen=True, eq=False)
class LearningRateRange:
    """Losses over rising learning rates.

    Args:
        name: the corpus, for the title.
        rates: `(N,)`, ascending.
        losses: `(N,)`, the loss after a step with each rate, in nats a token; the last may be NaN.
        first_loss: the loss before the first step.
        present_rate: the learning rate of the settings.
    """

    name: str
    rates: Floats
    losses: Floats
    first_loss: float
    present_rate: float

    @cached_property
    def smoothed(self) -> Floats:
        """The losses averaged over neighbouring steps, `(N,)`; NaN where none is finite."""
        padded = np.pad(np.where(np.isfinite(self.losses), self.losses, np.nan), _HALF_WINDOW, constant_values=np.nan)
        windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * _HALF_WINDOW + 1)
        counts = np.isfinite(windows).sum(axis=1)
        sums = np.nansum(windows, axis=1)
        means: Floats = np.divide(sums, counts, out=np.full(len(sums), np.nan), where=counts > 0)
        return means

    @property
    def lowest(self) -> int:
        """The index of the lowest smoothed loss."""
        return int(np.nanargmin(self.smoothed)) if np.isfinite(self.smoothed).any() else 0

    @property
    def steepest(self) -> int:
        """The index, up to the lowest loss, at which the smoothed loss falls most from one rate to the next."""
        falls = -np.diff(self.smoothed[: self.lowest + 1])
        return int(np.argmax(falls)) if len(falls) else 0

    @property
    def suggestion(self) -> float | None:
        """A peak learning rate, with two digits; None where the loss hardly falls."""
        if not len(self.rates) or not self.first_loss - self.smoothed[self.lowest] >= _MIN_FALL:
            return None
        return float(f"{_SHARE_OF_LOWEST * self.rates[self.lowest]:.1e}")

    def rows(self, width: int) -> list[Row]:
        return self._chart.rows(width)

    def svg(self) -> str:
        return render_svg([self._chart.drawing])

    def summary(self) -> list[str]:
        if not len(self.rates):
            return ["The loss is not finite after the first step: no learning rate was tried."]
        lowest, smoothed = self.lowest, self.smoothed
        fall = (
            f"From {self.first_loss:.2f} nats a token, the loss falls fastest at a learning rate of "
            f"{self.rates[self.steepest]:.1e} and is lowest at {self.rates[lowest]:.1e}, with {smoothed[lowest]:.2f}"
        )
        if lowest == len(self.rates) - 1:
            fall += "; it does not rise up to the highest rate"
        elif len(self.rates) > lowest + 1:
            last = self.losses[-1]
            end = f"{last:.2f}" if np.isfinite(last) else "not finite any more"
            fall += f"; at {self.rates[-1]:.1e} it is {end}"
        if self.suggestion is None:
            return [
                f"{fall}.",
                f"It falls by less than {_MIN_FALL} nats, so the test says nothing about the learning rate; keep "
                f"{self.present_rate:g}.",
            ]
        ratio = self.present_rate / self.suggestion
        present = f"The learning rate of these settings, {self.present_rate:g}, is "
        if 1 / 3 <= ratio <= 3:
            present += "in the same range: there is little to gain by changing it."
        else:
            factor = max(ratio, 1 / ratio)
            present += f"{factor:.0f} times {'higher' if ratio > 1 else 'lower'}."
        return [
            f"{fall}.",
            f"Suggested: {self.suggestion:g}, a fifth of the rate with the lowest loss. The test raises the rate at "
            f"every step and stays only a moment at each; a training stays near its peak for thousands of steps, and "
            f"what just held for one step would not hold then.",
            present,
        ]

    def to_json(self) -> dict[str, Any]:
        finite = [round(loss, 5) if np.isfinite(loss) else None for loss in self.losses.tolist()]
        smoothed = [round(loss, 5) if np.isfinite(loss) else None for loss in self.smoothed.tolist()]
        return {
            "corpus": self.name,
            "learning_rates": [float(f"{rate:.4g}") for rate in self.rates.tolist()],
            "losses": finite,
            "smoothed_losses": smoothed,
            "first_loss": round(self.first_loss, 5),
            "steepest": float(f"{self.rates[self.steepest]:.4g}") if len(self.rates) else None,
            "lowest": float(f"{self.rates[self.lowest]:.4g}") if len(self.rates) else None,
            "suggestion": self.suggestion,
            "present": self.present_rate,
        }

    @property
    def _chart(self) -> LineChart:
        title = f"Learning rate range test on {self.name}"
        # Losses far above the first one would flatten the rest of the curve.
        is_shown = ~(self.losses > 1.2 * self.first_loss)
        raw = line("loss after a step", self.rates, np.where(is_shown, self.losses, np.nan), 1)
        smoothed = line("averaged", self.rates, np.where(is_shown, self.smoothed, np.nan), 0)
        return LineChart(title, "learning rate", "nats a token", [raw, smoothed], log_x=True)
