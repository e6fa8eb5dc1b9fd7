"""The run that a command uses, and notes on it for people at a terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from rnntui.cli.terminal import print_note

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rnntui.kinds.model_kind import ModelKind
    from rnntui.runs.folder import RunFolder


def choose_run(name: str | None, checkpoints: str | None, kind: ModelKind | None) -> RunFolder:
    """Return the run with a name or path, else the newest one of a kind, else the shipped one.

    If stderr is a terminal, a line there names a run that was not named by the user, or whose name a shipped model has
    too. Scripts get no such line. Raises as `checkpoints_folder` and `find_run` do.

    Args:
        name: the name or path that `--run` has, if any.
        checkpoints: the folder that `--checkpoints` names, if any.
        kind: the kind of run; None allows any.
    """
    return choose_run_in(existing_checkpoints_folder(checkpoints), name, kind)


def choose_run_in(folder: Path, name: str | None, kind: ModelKind | None) -> RunFolder:
    """Return a run as `choose_run` does; `folder` is the folder of the user's runs."""
    from rnntui.runs.lookup import choice_note, find_run

    run = find_run(name, folder, kind)
    note = choice_note(run, name, folder) if sys.stderr.isatty() else ""
    if note:
        print_note(note)
    return run


def choose_runs(names: Sequence[str], checkpoints: str | None, kind: ModelKind | None) -> list[RunFolder]:
    """Return a run for each name, or the one that `choose_run` returns without a name."""
    folder = existing_checkpoints_folder(checkpoints)
    return [choose_run_in(folder, name, kind) for name in names or (None,)]


def existing_checkpoints_folder(checkpoints: str | None) -> Path:
    """Return the folder of the user's runs; a note says so if the environment variable names one that is missing.

    Raises `UsageError` if `checkpoints` names one that is missing.
    """
    from rnntui.runs.lookup import checkpoints_folder, checkpoints_problem

    folder = checkpoints_folder(checkpoints, must_exist=True)
    problem = checkpoints_problem(checkpoints)
    if problem:
        print_note(problem)
    return folder
