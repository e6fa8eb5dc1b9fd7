"""Run picker: a dialog that asks for one of the trained runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rich.cells import cell_len
from textual.app import App

from rnntui.kinds.model_kind import ModelKind
from rnntui.runs.listing import RunSummary, list_runs
from rnntui.text.control_chars import one_line
from rnntui.tui.screens.dialogs import PickScreen


async def pick_run(
    app: App[Any], checkpoints: Path, kind: ModelKind, current: str, warn: Callable[[str], None]
) -> str | None:
    """Ask for a run that has weights, and return its path; None if it was cancelled or there is no such run.

    Args:
        app: where the dialog is opened.
        checkpoints: the folder of the runs.
        kind: the kind of the runs to offer.
        current: the name of the run to highlight at first.
        warn: called with the reason if there is nothing to choose from.
    """
    try:
        all_runs = await asyncio.to_thread(list_runs, checkpoints)
    except OSError as error:
        warn(f"cannot list the runs: {error}")
        return None
    runs = [run for run in all_runs if run.kind == kind.id and (Path(run.path) / "model.safetensors").is_file()]
    if not runs:
        warn(
            f"There is no trained run of this kind yet; train one in the Train tab (F3) or with rnntui {kind.command}."
        )
        return None
    labels = run_labels(runs)
    current_index = next((index for index, run in enumerate(runs) if run.name == current), 0)
    chosen_index = await app.push_screen_wait(PickScreen("Choose a model", labels, current_index, searchable=True))
    return None if chosen_index is None else runs[chosen_index].path


def run_labels(runs: Sequence[RunSummary]) -> list[str]:
    """Return a line for each run, in columns: name, cell, size, metric, state.

    The metric is one that runs of a kind have in common: losses of runs with different tokenizers cannot be compared.
    """
    names = [one_line(run.name) for run in runs]
    width = max(map(cell_len, names), default=0)
    labels = []
    for run, name in zip(runs, names, strict=True):
        metric, value = run.primary or (None, 0.0)
        score = f"{value:.{metric.short_decimals}f} {metric.short}" if metric else ""
        labels.append(
            f"{name}{' ' * (width - cell_len(name))}  {run.cell} {run.size:<7} {score:<11} {run.state}"
            f"{', shipped' if run.shipped else ''}"
        )
    return labels
