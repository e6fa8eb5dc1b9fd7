"""Run picker: a dialog that asks for one of the trained runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len
from textual.app import App

from rnntui.runs.listing import RunSummary, list_runs
from rnntui.text.control_chars import one_line, truncate
from rnntui.tui.screens.dialogs import PickScreen

if TYPE_CHECKING:
    from rnntui.sessions.model_cache import ModelCache

_MAX_NAME = 26  # cells, beside the other columns
NONE_YET = "There is no trained run of this kind yet; train one in the Train tab (F3)"


@dataclass(frozen=True)
class RunQuestion:
    """A question for a run.

    Args:
        text: the question, above the runs.
        is_offered: returns True for the id of a kind whose runs are offered.
        current: the name of the run to highlight at first.
        none_yet: the reason if there is nothing to choose from.
    """

    text: str
    is_offered: Callable[[str], bool]
    current: str
    none_yet: str


def pick_run(
    app: App[Any],
    models: ModelCache[Any],
    current: str,
    done: Callable[[str | None], None],
    warn: Callable[[str], None],
) -> None:
    """Ask for a model of the kind of a cache; see `ask_for_run`. `current` is the name of the present one."""
    kind = models.kind
    none_yet = f"{NONE_YET} or with rnntui {kind.command}."
    question = RunQuestion("Choose a model", lambda kind_id: kind_id == kind.id, current, none_yet)
    ask_for_run(app, models.checkpoints, question, done, warn)


def ask_for_run(
    app: App[Any],
    checkpoints: Path,
    question: RunQuestion,
    done: Callable[[str | None], None],
    warn: Callable[[str], None],
) -> None:
    """Ask for a run that has weights. The dialog is there at once, so that what is typed next goes to it.

    Args:
        app: where the dialog is opened.
        checkpoints: the folder of the runs.
        question: the question.
        done: called with the path of the run, or with None if the dialog was cancelled or there is no such run.
        warn: called with the reason if there is nothing to choose from.
    """
    paths: list[str] = []
    dialog = PickScreen(question.text, None, searchable=True)

    async def fill() -> None:
        try:
            all_runs = await asyncio.to_thread(list_runs, checkpoints)
        except OSError as error:
            problem, all_runs = f"cannot list the runs: {error}", []
        else:
            problem = question.none_yet
        runs = [
            run
            for run in all_runs
            if question.is_offered(run.kind) and (Path(run.path) / "model.safetensors").is_file()
        ]
        if not dialog.is_current:
            return
        if not runs:
            dialog.dismiss(None)
            warn(problem)
            return
        paths.extend(run.path for run in runs)
        highlighted = next((index for index, run in enumerate(runs) if run.name == question.current), 0)
        dialog.set_choices(run_labels(runs), highlighted, [run.name for run in runs])

    app.push_screen(dialog, lambda index: done(paths[index] if index is not None else None))
    app.run_worker(fill())


def run_labels(runs: Sequence[RunSummary]) -> list[str]:
    """Return a line for each run, in columns: name, cut to what the dialog has room for, cell, size, metric, state.

    The metric is one that runs of a kind have in common: losses of runs with different tokenizers cannot be compared.
    """
    names = [truncate(one_line(run.name), _MAX_NAME, cell_len) for run in runs]
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
