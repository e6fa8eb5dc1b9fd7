"""Metrics: the keys of `metrics.jsonl`, their names on screen, and how each is charted and listed."""

from __future__ import annotations

from typing import NamedTuple

LOSS_CHART = "Loss"
_NATS = "nats a token"


class Metric(NamedTuple):
    """One quantity that a run logs.

    Args:
        key: its key in `metrics.jsonl` and in `status.json`'s results.
        title: heading of a chart that shows it alone.
        label: its name beside others, as in a legend, a table or a progress line.
        chart: the chart that it shares with others of the same value.
        log_scale: True if a logarithmic y axis makes sense.
        noisy: True if its curve is smoothed.
        marked: True if it is measured at checks only, so that its points are marked where there is room.
        unit: unit of the y axis, where neither title nor label says so.
        decimals: digits after the point in messages and tables.
        short: unit behind the value in a narrow column.
        short_decimals: digits after the point there.
    """

    key: str
    title: str
    label: str
    chart: str
    log_scale: bool = True
    noisy: bool = False
    marked: bool = False
    unit: str = ""
    decimals: int = 4
    short: str = ""
    short_decimals: int = 3

    def text(self, value: float | None) -> str:
        """The value as lists and messages show it; empty for None."""
        return "" if value is None else f"{value:.{self.decimals}f}"


BITS_PER_CHARACTER = Metric(
    "bits_per_character", "Bits per character", "bits per character", "bits_per_character", marked=True, short="bits"
)

LOSSES = (
    Metric("train_loss", "Training loss", "training", LOSS_CHART, noisy=True, unit=_NATS),
    Metric("validation_loss", "Validation loss", "validation", LOSS_CHART, marked=True, unit=_NATS),
)

OPTIMIZATION = (
    Metric("learning_rate", "Learning rate", "learning rate", "learning_rate"),
    Metric("gradient_norm", "Gradient norm", "gradient norm", "gradient_norm", noisy=True),
    Metric("tokens_per_second", "Tokens per second", "tokens/s", "tokens_per_second", log_scale=False, noisy=True),
)
