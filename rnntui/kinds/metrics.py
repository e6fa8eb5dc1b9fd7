"""Metrics: keys in `metrics.jsonl`, labels, and the style of charts and lists."""

from __future__ import annotations

from typing import NamedTuple

LOSS_CHART = "Loss"
CHECKED_LOSS = "validation_loss"
"""Key of the metric that every evaluation logs."""


class Metric(NamedTuple):
    """A metric that a run logs.

    Args:
        key: its key in `metrics.jsonl` and in `status.json`'s results.
        title: title of a chart that shows it alone.
        label: its name next to others, as in a legend, a table or a progress line.
        chart: id of its chart; metrics with the same id share one.
        log_scale: True if its y axis may be logarithmic.
        noisy: True if its curve is smoothed.
        marked: True if only evaluations measure it, so that its points are marked where there is room.
        unit: unit of the y axis, if neither title nor label names it.
        decimals: decimal places in messages and tables.
        short: unit after the value in narrow columns.
        short_decimals: decimal places in narrow columns.
        higher_is_better: True if higher values are better, False if lower ones are, None if neither.
        perfect: the value that no model can improve on, if there is one.
        noise: values up to this one say nothing about a model, where higher is better: luck produces them too.
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
    higher_is_better: bool | None = None
    perfect: float | None = None
    noise: float = 0.0

    def text(self, value: float | None) -> str:
        """Return the value as lists and messages show it; empty for None."""
        return "" if value is None else f"{value:.{self.decimals}f}"

    def rank(self, value: float) -> float:
        """Return a number that is higher for a better value, and equal for values that are all noise."""
        return max(value, self.noise) if self.higher_is_better else -value


BITS_PER_CHARACTER = Metric(
    "bits_per_character", "Bits per character", "bits per character", "bits_per_character", marked=True, short="bits",
    higher_is_better=False,
)  # fmt: skip

ORIGIN_LOSS = Metric(
    "origin_loss", "Loss on the earlier data", "earlier data", LOSS_CHART, marked=True, higher_is_better=False
)
"""Validation loss on the data of the run that a run was trained on from: a rise is forgetting."""

LOSSES = (
    Metric("train_loss", "Training loss", "training", LOSS_CHART, noisy=True, higher_is_better=False),
    Metric(CHECKED_LOSS, "Validation loss", "validation", LOSS_CHART, marked=True, higher_is_better=False),
    ORIGIN_LOSS,
)
"""The losses; their unit is the `loss_unit` of the kind of model."""

OPTIMIZATION = (
    Metric("learning_rate", "Learning rate", "learning rate", "learning_rate"),
    Metric("gradient_norm", "Gradient norm", "gradient norm", "gradient_norm", noisy=True),
    Metric("clipped_share", "Share of clipped steps", "clipped steps", "clipped_share", log_scale=False, noisy=True),
    Metric("tokens_per_second", "Tokens per second", "tokens/s", "tokens_per_second", log_scale=False, noisy=True),
    Metric("threads", "CPU threads", "CPU threads", "threads", log_scale=False, decimals=0, short_decimals=0),
)
