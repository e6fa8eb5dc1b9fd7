"""The runs there are, at a glance."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rnntui.errors import RunError
from rnntui.runs.folder import RunFolder
from rnntui.runs.lookup import runs_in, shipped_runs


@dataclass(frozen=True)
class RunSummary:
    """A run at a glance; losses in nats a token, `bleu` in 0..100. `problem` says what is wrong with a broken one.

    The figures are those of the best weights; what a kind of run does not measure is None.
    """

    name: str
    kind: str
    cell: str
    size: str
    tokens: int
    validation_loss: float | None
    bits_per_character: float | None
    bleu: float | None
    updated: float
    state: str
    shipped: bool
    path: str
    problem: str = ""


def list_runs(folder: Path) -> list[RunSummary]:
    """The runs of a folder and the shipped ones, the newest first."""
    shipped = {run.path.resolve() for run in shipped_runs()}
    found = {run.path.resolve(): run for run in shipped_runs() + runs_in(folder)}
    rows = [summary(run, path in shipped) for path, run in found.items()]
    return sorted(rows, key=lambda row: -row.updated)


def summary(run: RunFolder, shipped: bool = False) -> RunSummary:
    """A run at a glance; one that is broken has the state "broken"."""
    try:
        config, status = run.read_config(), run.read_status()
    except RunError as error:
        return RunSummary(run.name, "", "", "", 0, None, None, None, 0.0, "broken", shipped, str(run.path), str(error))
    model = config.model
    return RunSummary(
        name=run.name,
        kind=config.kind,
        cell=model.cell if model.cell != "rnn" else f"rnn {model.nonlinearity}",
        size=f"{model.layers}×{model.hidden}",
        tokens=status.tokens,
        validation_loss=status.validation_loss,
        bits_per_character=status.bits_per_character,
        bleu=status.results.get("bleu"),
        updated=status.updated or config.created,
        state=status.state,
        shipped=shipped,
        path=str(run.path),
    )
