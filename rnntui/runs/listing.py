"""Summaries of runs, for tables and lists."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from rnntui.errors import RunError
from rnntui.kinds.metrics import BITS_PER_CHARACTER, Metric
from rnntui.kinds.registry import KINDS
from rnntui.runs.folder import RunFolder
from rnntui.runs.lookup import runs_in, shipped_runs
from rnntui.runs.run_config import RunConfig
from rnntui.runs.run_status import RunStatus

_STATES = ("running", "stopped", "failed", "done", "broken")  # in the order in which they are sorted


@dataclass(frozen=True)
class RunSummary:
    """Summary of a run; metrics are those of the best weights, None where they are not measured.

    Args:
        name: name of the run.
        kind: id of its kind; empty for a broken run.
        cell: `lstm`, `gru`, `rnn tanh` or `rnn relu`.
        size: layers × hidden units.
        step: steps done.
        steps: total steps; None while a time budget has not determined them.
        tokens: tokens read in training.
        validation_loss: in nats a token; for a classifier, a text.
        bits_per_character: from the same evaluation.
        updated: seconds since 1970.
        state: a run state, or "broken".
        shipped: True for a model that comes with rnntui.
        path: the run's folder.
        note: the user's note.
        hides_shipped: True for a run of the user's with the name of a shipped model, which means the run from then on.
        metrics: the other metrics of its kind, by key.
        selected_by: key of the metric that selects its best weights; empty for the validation loss.
        problem: error message of a broken run, or of one whose status cannot be read.
    """

    name: str
    kind: str = ""
    cell: str = ""
    size: str = ""
    step: int = 0
    steps: int | None = None
    tokens: int = 0
    validation_loss: float | None = None
    bits_per_character: float | None = None
    updated: float = 0.0
    state: str = "broken"
    shipped: bool = False
    path: str = ""
    note: str = ""
    hides_shipped: bool = False
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
    """Return the metrics by which any of the runs is judged, except bits per character."""
    primary = {summary.primary[0].key for summary in summaries if summary.primary is not None}
    metrics = dict.fromkeys(metric for kind in KINDS.values() for metric in kind.metrics)
    return [metric for metric in metrics if metric.key in primary]


def list_runs(folder: Path) -> list[RunSummary]:
    """Return the runs of a folder and the shipped ones, the newest first."""
    shipped = {run.path.resolve() for run in shipped_runs()}
    runs = {run.path.resolve(): run for run in shipped_runs() + runs_in(folder)}
    return sort_runs(mark_hiding_runs([summarize_run(run, path in shipped) for path, run in runs.items()]))


def mark_hiding_runs(summaries: Sequence[RunSummary]) -> list[RunSummary]:
    """Return the summaries with `hides_shipped` set for runs of the user's that have the name of a shipped one."""
    shipped = {summary.name for summary in summaries if summary.shipped}
    return [
        replace(summary, hides_shipped=True) if summary.name in shipped and not summary.shipped else summary
        for summary in summaries
    ]


def natural_key(name: str) -> tuple[Any, ...]:
    """Return a sort key by which `run-2` comes before `run-10`, and case is ignored."""
    parts = re.split(r"([0-9]+)", name.casefold())
    return tuple((part if index % 2 == 0 else int(part[:18])) for index, part in enumerate(parts))


def _kind_index(kind: str) -> int:
    return list(KINDS).index(kind) if kind in KINDS else len(KINDS)


def _score_key(summary: RunSummary) -> tuple[Any, ...]:
    if summary.primary is None:
        return (len(KINDS) + 1, "", 0.0)
    metric, value = summary.primary
    return (_kind_index(summary.kind), metric.key, -metric.rank(value))


def _missing_last(value: float | None) -> tuple[Any, ...]:
    return (value is None, value or 0.0)


SORT_KEYS: dict[str, Callable[[RunSummary], tuple[Any, ...]]] = {
    "age": lambda summary: (),
    "name": lambda summary: natural_key(summary.name),
    "kind": lambda summary: (_kind_index(summary.kind),),
    "score": _score_key,
    "bits": lambda summary: _missing_last(summary.bits_per_character),
    "loss": lambda summary: _missing_last(summary.validation_loss),
    "tokens": lambda summary: (-summary.tokens,),
    "state": lambda summary: (_STATES.index(summary.state) if summary.state in _STATES else len(_STATES),),
}
"""Orders of runs by name; the best, the largest and the newest come first. Equal runs are sorted by age.

`score` is by the metric that each run is judged by, kind by kind: scores of different metrics cannot be compared.
"""


def sort_runs(summaries: Iterable[RunSummary], order: str = "age") -> list[RunSummary]:
    """Return the summaries in one of the orders of `SORT_KEYS`."""
    newest_first = sorted(summaries, key=lambda summary: -summary.updated)
    return sorted(newest_first, key=SORT_KEYS[order])


def filter_runs(summaries: Iterable[RunSummary], text: str = "", kind: str | None = None) -> list[RunSummary]:
    """Return the runs that match every word of a text, and are of the kind with that id if one is named.

    A word matches a part of the name, the note, the kind, the cell or the state, whatever its case. "shipped" matches
    shipped models, "own" all others.
    """
    words = text.casefold().split()
    return [
        summary
        for summary in summaries
        if kind in (None, summary.kind) and all(_matches(summary, word) for word in words)
    ]


def _matches(summary: RunSummary, word: str) -> bool:
    kind = KINDS.get(summary.kind)
    names = (kind.title, kind.abbreviation) if kind else (summary.kind,)
    owner = "shipped" if summary.shipped else "own"
    texts = (summary.name, summary.note, *names, summary.cell, summary.size, summary.state)
    return word == owner or any(word in text.casefold() for text in texts)


def summarize_run(run: RunFolder, shipped: bool = False) -> RunSummary:
    """Return the summary of a run; one whose config cannot be read has the state "broken" and a problem.

    A run whose status cannot be read is usable all the same: it is listed as stopped, with a problem.
    """
    return read_run(run, shipped)[0]


def read_run(run: RunFolder, shipped: bool) -> tuple[RunSummary, RunConfig | None, RunStatus | None]:
    """Return the summary of a run, its config and its status; None for those that cannot be read."""
    note = "" if shipped else run.read_note()
    try:
        config = run.read_config()
    except RunError as error:
        return RunSummary(run.name, shipped=shipped, path=str(run.path), note=note, problem=str(error)), None, None
    problem, known_status = "", None
    try:
        status = known_status = run.read_status()
    except RunError as error:
        status, problem = RunStatus("stopped"), str(error)
    model, kind = config.model, KINDS.get(config.kind)
    summary = RunSummary(
        name=run.name,
        kind=config.kind,
        cell=model.cell if model.cell != "rnn" else f"rnn {model.nonlinearity}",
        size=f"{model.layers}×{model.hidden}",
        step=status.step,
        steps=status.steps,
        tokens=status.tokens,
        validation_loss=status.validation_loss,
        bits_per_character=status.bits_per_character,
        updated=status.updated or config.created,
        state=status.state,
        shipped=shipped,
        path=str(run.path),
        note=note,
        problem=problem,
        selected_by=next(iter(config.training.selection_order), ""),
        metrics={m.key: status.results[m.key] for m in (kind.metrics if kind else ()) if m.key in status.results},
    )
    return summary, config, known_status
