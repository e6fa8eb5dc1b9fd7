"""Runs in the charts of the Train tab, and whether their losses can be compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rnntui.charts.confusion import ConfusionMatrix
from rnntui.charts.metrics_history import BestCheck, LoggedConfusion, LoggedSample, MetricsHistory
from rnntui.kinds.labelled_corpus_info import LabelledCorpusInfo
from rnntui.kinds.registry import kind_or_default
from rnntui.sessions.run_watcher import WatchedRun


@dataclass(frozen=True)
class ChartedRun:
    """A run in the charts.

    Args:
        run: the run.
        name: the name under which it is listed.
        history: its metrics.
        colour: index of its colour; None where no runs are overlaid, and each of its metrics has a colour.
        best: the evaluation that selected its weights, which charts mark.
    """

    run: WatchedRun
    name: str
    history: MetricsHistory
    colour: int | None
    best: BestCheck | None = None


@dataclass(frozen=True)
class LoggedConfusions:
    """The confusion matrices that a classifier has logged.

    Args:
        run: the name under which the run is listed.
        labels: its labels, by id.
        evaluations: the matrices of its evaluations; at least one.
        final: the matrix of its best weights, once it is finished.
        best_step: the step of the evaluation that selected the weights so far.
    """

    run: str
    labels: tuple[str, ...]
    evaluations: Sequence[LoggedConfusion]
    final: LoggedConfusion | None = None
    best_step: float | None = None

    def at(self, step: float | None) -> LoggedConfusion:
        """Return the matrix of the evaluation nearest to a step; for None, the final one, else the newest."""
        if step is None:
            return self.final or self.evaluations[-1]
        return min(self.evaluations, key=lambda confusion: abs(confusion.step - step))

    def neighbour(self, step: float | None, by: int) -> float | None:
        """Return the step of the evaluation `by` places after the one at a step; None beyond the last one."""
        steps = [confusion.step for confusion in self.evaluations]
        place = len(steps) if step is None and self.final else steps.index(self.at(step).step)
        place = max(0, place + by)
        return steps[place] if place < len(steps) else None

    def matrix(self, confusion: LoggedConfusion) -> ConfusionMatrix:
        """Return a matrix with its labels; with numbers, should it not be of as many."""
        count = len(confusion.counts)
        labels = self.labels if len(self.labels) == count else tuple(str(index + 1) for index in range(count))
        return ConfusionMatrix(labels, confusion.counts)

    def title(self, step: float | None, is_short: bool = False) -> str:
        """Return the title of the matrix at a step: which evaluation it is of, and its accuracy."""
        confusion = self.at(step)
        is_best = confusion.step == self.best_step
        of = "best weights" if step is None and self.final else f"step {confusion.step:,}{' ★' if is_best else ''}"
        accuracy = f"{100 * self.matrix(confusion).accuracy:.1f}%"
        return f"Confusion · {of} · {accuracy}" if is_short else f"Confusion matrix · {of} · accuracy {accuracy}"


@dataclass(frozen=True)
class DashboardData:
    """The runs in the charts, the highlighted run and what it has logged. Data of equal `version` look the same.

    `confusions` is None for a run that has logged no confusion matrix.
    """

    runs: list[ChartedRun]
    current: WatchedRun | None
    samples: Sequence[LoggedSample]
    version: object
    confusions: LoggedConfusions | None = None


def logged_confusions(run: WatchedRun, name: str, history: MetricsHistory) -> LoggedConfusions | None:
    """Return the confusion matrices of a run, copied; None if it has logged none."""
    if not history.confusions or run.config is None:
        return None
    labels = run.config.corpus.labels if isinstance(run.config.corpus, LabelledCorpusInfo) else ()
    best = history.best_check(run.config.training.selection_order)
    return LoggedConfusions(
        name, labels, tuple(history.confusions), history.final_confusion, best.step if best is not None else None
    )


def loss_note(runs: Sequence[ChartedRun]) -> str:
    """Return a warning if runs have losses per token of different tokenizers; empty if their losses compare.

    Tokens of different vocabularies carry different amounts of text. Character vocabularies differ little in that.
    """
    configs = [run.run.config for run in runs if run.run.config is not None]
    if len({kind_or_default(config.kind).loss_unit for config in configs}) > 1:
        return "losses of different kinds of model do not compare"
    tokens = {
        ("char",)
        if config.tokenizer.type == "char"
        else (config.tokenizer.type, config.tokenizer.vocab_size, config.corpus.fingerprint)
        for config in configs
    }
    return "tokenizers differ: compare bits per character, not losses per token" if len(tokens) > 1 else ""
