"""Run picker: a dialog that asks for one of the trained runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from textual.app import App

from rnntui.formatting import format_loss
from rnntui.kinds.model_kind import ModelKind
from rnntui.runs.listing import list_runs
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
        warn(f"There is no trained run of this kind; rnntui {kind.command} makes one.")
        return None
    labels = [
        f"{run.name:<20} {run.cell} {run.size:<7} loss {format_loss(run.validation_loss) or '?':<7} "
        f"{run.state}{', shipped' if run.shipped else ''}"
        for run in runs
    ]
    current_index = next((index for index, run in enumerate(runs) if run.name == current), 0)
    chosen_index = await app.push_screen_wait(PickScreen("Which model?", labels, current_index))
    return None if chosen_index is None else runs[chosen_index].path
