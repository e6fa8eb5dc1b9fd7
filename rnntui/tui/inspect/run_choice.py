"""The dialog that asks for a run to look into."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from textual.app import App

from rnntui.inspection.views import views_of
from rnntui.runs.listing import list_runs
from rnntui.tui.screens.dialogs import PickScreen
from rnntui.tui.screens.run_picker import run_labels


async def pick_inspected_run(
    app: App[Any], checkpoints: Path, question: str, kind_id: str | None, current: str, warn: Callable[[str], None]
) -> str | None:
    """Ask for a run that has weights and a view, and return its path; None if there is none or it was cancelled.

    Args:
        app: where the dialog is opened.
        checkpoints: the folder of the runs.
        question: text above the runs.
        kind_id: the kind of the runs to offer; None for all kinds that have a view.
        current: the name of the run to highlight at first.
        warn: called with the reason if there is nothing to choose from.
    """
    try:
        runs = await asyncio.to_thread(list_runs, checkpoints)
    except OSError as error:
        warn(f"cannot list the runs: {error}")
        return None
    is_wanted = (lambda kind: kind == kind_id) if kind_id is not None else lambda kind: bool(views_of(kind))
    runs = [run for run in runs if is_wanted(run.kind) and (Path(run.path) / "model.safetensors").is_file()]
    if not runs:
        warn("There is no trained run of this kind yet; train one in the Train tab (F3).")
        return None
    current_index = next((index for index, run in enumerate(runs) if run.name == current), 0)
    picker = PickScreen(question, run_labels(runs), current_index, searchable=True)
    index = await app.push_screen_wait(picker)
    return None if index is None else runs[index].path
