"""Runs in the charts of the Train tab, and whether their losses can be compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rnntui.charts.metrics_history import BestCheck, LoggedSample, MetricsHistory
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
class DashboardData:
    """The runs in the charts, the highlighted run and its samples. Data of equal `version` look the same."""

    runs: list[ChartedRun]
    current: WatchedRun | None
    samples: Sequence[LoggedSample]
    version: object


def loss_note(runs: Sequence[ChartedRun]) -> str:
    """Return a warning if runs have losses per token of different tokenizers; empty if their losses compare.

    Tokens of different vocabularies carry different amounts of text. Character vocabularies differ little in that.
    """
    configs = [run.run.config for run in runs if run.run.config is not None]
    tokens = {
        ("char",)
        if config.tokenizer.type == "char"
        else (config.tokenizer.type, config.tokenizer.vocab_size, config.corpus.fingerprint)
        for config in configs
    }
    return "tokenizers differ: compare bits per character, not losses per token" if len(tokens) > 1 else ""
