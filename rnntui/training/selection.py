"""Selection of the best weights: which of two evaluations is better, and what early stopping watches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from rnntui.kinds.metrics import Metric
from rnntui.kinds.registry import all_metrics

_ROUNDING = 1e-9  # BLEU is an exp of logs


class SelectionRule(NamedTuple):
    """Compares evaluations by one metric, where it ties by the next, and last by the loss.

    A metric that is the same for all evaluations, be it 0, 100 or another value, so leaves the choice to the next. The
    order is fixed, and a comparison needs the two evaluations alone: no later one can contradict an earlier one, and a
    resumed run decides as one that never stopped.

    Args:
        metrics: The metrics in order; none for the loss alone.
    """

    metrics: tuple[Metric, ...] = ()

    @classmethod
    def of(cls, keys: Sequence[str]) -> SelectionRule:
        """Return the rule of metrics by key, such as `TrainerConfig.selection_order`."""
        return cls(tuple(all_metrics()[key] for key in keys))

    def compare(self, scores: Mapping[str, float], best: Mapping[str, float]) -> int:
        """Return 1 if scores are better than the best ones, -1 if they are worse, 0 on a tie of all metrics.

        A metric that one of them lacks, as that of a run of an older version may, counts as a tie.
        """
        for metric in self.metrics:
            if difference := _difference(metric, scores, best):
                return 1 if difference > 0 else -1
        return 0

    def is_watched_tie(self, scores: Mapping[str, float], best: Mapping[str, float]) -> bool:
        """Return True if the first metric does not tell the two apart."""
        return not self.metrics or not _difference(self.metrics[0], scores, best)

    def is_perfect(self, scores: Mapping[str, float]) -> bool:
        """Return True if there are metrics and none of them can rise any more."""
        return bool(self.metrics) and all(_is_perfect(metric, scores.get(metric.key)) for metric in self.metrics)

    def stop_reason(self, best: Mapping[str, float]) -> str:
        """Return in words why training ended early, given the best scores."""
        watched = next((metric for metric in self.metrics if metric.key in best), None)
        if watched is None:
            return "the validation loss stopped falling"
        value = best[watched.key]
        stayed = f"{watched.label} stayed at {watched.text(value)}"
        if _is_perfect(watched, value):
            return stayed
        if watched.higher_is_better and value <= watched.noise:
            return f"{stayed}, and the validation loss stopped falling"
        return f"{watched.label} stopped {'rising' if watched.higher_is_better else 'falling'}"


def _is_perfect(metric: Metric, value: float | None) -> bool:
    if value is None or metric.perfect is None:
        return False
    return metric.rank(value) >= metric.rank(metric.perfect) - _ROUNDING


def _difference(metric: Metric, scores: Mapping[str, float], best: Mapping[str, float]) -> float:
    if metric.key not in scores or metric.key not in best:
        return 0.0
    return metric.rank(scores[metric.key]) - metric.rank(best[metric.key])
