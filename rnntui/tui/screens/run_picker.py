"""Asking for one of the trained runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from textual.app import App

from rnntui.formatting import number
from rnntui.kinds.model_kind import ModelKind
from rnntui.runs.listing import list_runs
from rnntui.tui.screens.dialogs import PickScreen


async def pick_run(
    app: App[Any], checkpoints: Path, kind: ModelKind, current: str, tell: Callable[[str], None]
) -> str | None:
    """Let a person choose a run of a kind that has weights, `current` at first; gives its path.

    Where there is nothing to choose from, it says so by `tell`, and gives None.
    """
    try:
        found = await asyncio.to_thread(list_runs, checkpoints)
    except OSError as error:
        tell(f"cannot list the runs: {error}")
        return None
    runs = [run for run in found if run.kind == kind.id and (Path(run.path) / "model.safetensors").is_file()]
    if not runs:
        tell(f"There is no trained run of this kind; rnntui {kind.command} makes one.")
        return None
    names = [
        f"{run.name:<20} {run.cell} {run.size:<7} loss {number(run.validation_loss) or '?':<7} "
        f"{run.state}{', shipped' if run.shipped else ''}"
        for run in runs
    ]
    at = next((at for at, run in enumerate(runs) if run.name == current), 0)
    chosen = await app.push_screen_wait(PickScreen("Which model?", names, at))
    return None if chosen is None else runs[chosen].path
