"""Summaries of runs, for tables and lists."""

from __future__ import annotations

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
    problem: str = ""

    @property
    def primary(self) -> tuple[Metric, float] | None:
        """The metric by which runs of its kind are compared, with its value; None where it is not measured.

        Falls back to bits per character for a run without its kind's metric.
        """
        kind = KINDS.get(self.kind)
        if kind is not None and kind.primary_metric.key in self.metrics:
            return kind.primary_metric, self.metrics[kind.primary_metric.key]
        return None if self.bits_per_character is None else (BITS_PER_CHARACTER, self.bits_per_character)

    def to_json(self) -> dict[str, Any]:
        """Return the object that `rnntui runs --json` writes, with a key for the primary metric of each kind."""
        values = asdict(self)
        del values["metrics"]
        return values | {metric.key: self.metrics.get(metric.key) for metric in primary_metrics()}


def primary_metrics() -> list[Metric]:
    """Return the primary metrics of the kinds, except bits per character, which all kinds have."""
    metrics = [kind.primary_metric for kind in KINDS.values()]
    return [metric for metric in dict.fromkeys(metrics) if metric is not BITS_PER_CHARACTER]


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
        metrics={m.key: status.results[m.key] for m in (kind.metrics if kind else ()) if m.key in status.results},
    )
