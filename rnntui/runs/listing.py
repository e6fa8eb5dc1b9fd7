"""Summaries of runs, for tables and lists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rnntui.errors import RunError
from rnntui.kinds.metrics import BITS_PER_CHARACTER, Metric
from rnntui.kinds.registry import KINDS
from rnntui.runs.folder import RunFolder
from rnntui.runs.lookup import runs_in, shipped_runs


@dataclass(frozen=True)
class RunSummary:
    """Summary of a run; metrics are those of the best weights, None where they are not measured.

    Args:
        name: name of the run.
        kind: id of its kind; empty for a broken run.
        cell: `lstm`, `gru`, `rnn tanh` or `rnn relu`.
        size: layers × hidden units.
        tokens: tokens read in training.
        validation_loss: nats a token.
        bits_per_character: from the same evaluation.
        updated: seconds since 1970.
        state: a run state, or "broken".
        shipped: True for a model that comes with rnntui.
        path: the run's folder.
        metrics: the other metrics of its kind, by key.
        selected_by: key of the metric that selects its best weights; empty for the validation loss.
        problem: error message of a broken run.
    """

    name: str
    kind: str = ""
    cell: str = ""
    size: str = ""
    tokens: int = 0
    validation_loss: float | None = None
    bits_per_character: float | None = None
    updated: float = 0.0
    state: str = "broken"
    shipped: bool = False
    path: str = ""
    metrics: dict[str, float] = field(default_factory=dict)
    selected_by: str = ""
    problem: str = ""

    @property
    def primary(self) -> tuple[Metric, float] | None:
        """The metric by which the run is judged, with its value; None where it is not measured.

        That is the metric that selects its weights, else the primary metric of its kind, else bits per character.
        """
        kind = KINDS.get(self.kind)
        if kind is not None:
            selecting = [metric for metric in kind.metrics if metric.key == self.selected_by]
            for metric in (*selecting, kind.primary_metric):
                if metric.key in self.metrics:
                    return metric, self.metrics[metric.key]
        return None if self.bits_per_character is None else (BITS_PER_CHARACTER, self.bits_per_character)

    def to_json(self) -> dict[str, Any]:
        """Return the object that `rnntui runs --json` writes, with a key for each metric of each kind."""
        values = asdict(self)
        del values["metrics"]
        return values | {metric.key: self.metrics.get(metric.key) for kind in KINDS.values() for metric in kind.metrics}


def primary_metrics(summaries: Sequence[RunSummary]) -> list[Metric]:
    """Return the metrics by which any of the runs is judged, except bits per character, which all runs have."""
    primary = {summary.primary[0].key for summary in summaries if summary.primary is not None}
    metrics = dict.fromkeys(metric for kind in KINDS.values() for metric in kind.metrics)
    return [metric for metric in metrics if metric.key in primary]


def list_runs(folder: Path) -> list[RunSummary]:
    """Return the runs of a folder and the shipped ones, the newest first."""
    shipped = {run.path.resolve() for run in shipped_runs()}
    runs = {run.path.resolve(): run for run in shipped_runs() + runs_in(folder)}
    summaries = [summarize_run(run, path in shipped) for path, run in runs.items()]
    return sorted(summaries, key=lambda summary: -summary.updated)


def summarize_run(run: RunFolder, shipped: bool = False) -> RunSummary:
    """Return the summary of a run; one that cannot be read has the state "broken" and a problem."""
    try:
        config, status = run.read_config(), run.read_status()
    except RunError as error:
        return RunSummary(run.name, shipped=shipped, path=str(run.path), problem=str(error))
    model, kind = config.model, KINDS.get(config.kind)
    return RunSummary(
        name=run.name,
        kind=config.kind,
        cell=model.cell if model.cell != "rnn" else f"rnn {model.nonlinearity}",
        size=f"{model.layers}×{model.hidden}",
        tokens=status.tokens,
        validation_loss=status.validation_loss,
        bits_per_character=status.bits_per_character,
        updated=status.updated or config.created,
        state=status.state,
        shipped=shipped,
        path=str(run.path),
        selected_by=next(iter(config.training.selection_order), ""),
        metrics={m.key: status.results[m.key] for m in (kind.metrics if kind else ()) if m.key in status.results},
    )
