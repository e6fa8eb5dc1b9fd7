"""Where runs lie, which there are, and which one is meant."""

from __future__ import annotations

import os
from pathlib import Path

from rnntui.errors import RunError, UsageError
from rnntui.runs.folder import RunFolder

VARIABLE = "RNNTUI_CHECKPOINTS"
_PACKAGE = Path(__file__).resolve().parent.parent


def checkpoints_folder(given: str | None) -> Path:
    """The folder of the user's runs: `--checkpoints`, else the variable `RNNTUI_CHECKPOINTS`, else `./checkpoints`."""
    return Path(given or os.environ.get(VARIABLE) or "checkpoints")


def shipped_folder() -> Path:
    """The models that come with rnntui: in the package, or in the tree that an editable install points to."""
    packaged = _PACKAGE / "shipped"
    return packaged if packaged.is_dir() else _PACKAGE.parent / "checkpoints"


def runs_in(folder: Path) -> list[RunFolder]:
    """Every run in a folder, by name; hidden folders, as a run in the making is one, are passed over."""
    if not folder.is_dir():
        return []
    found = [RunFolder(path) for path in folder.iterdir() if not path.name.startswith(".")]
    return sorted((run for run in found if run.config_file.is_file()), key=lambda run: run.name)


def find_run(name: str | None, checkpoints: Path) -> RunFolder:
    """The run a user means: by name or by path, or without either the newest, or else the shipped one.

    Only runs that have weights count. Raises `UsageError` for a name that no run has, `RunError` if there is none.
    """
    if name is None:
        usable = [run for run in runs_in(checkpoints) if run.weights_file.is_file()]
        usable = usable or [run for run in runs_in(shipped_folder()) if run.weights_file.is_file()]
        if not usable:
            raise RunError(f"no trained run in {checkpoints}; make one with: rnntui train corpus.txt")
        return max(usable, key=_written)
    return named_run(name, checkpoints)


def named_run(name: str, checkpoints: Path) -> RunFolder:
    """The run of that name, the user's before the shipped one, or the run folder at that path.

    Raises `UsageError` listing the runs there are.
    """
    for folder in (checkpoints / name, shipped_folder() / name, Path(name)):
        if _is_run(folder):
            return RunFolder(folder)
    known = dict.fromkeys(run.name for run in runs_in(checkpoints) + runs_in(shipped_folder()))
    there = f"there are {', '.join(known)}" if known else "there is none yet"
    raise UsageError(f"no run {name!r} in {checkpoints}; {there}")


def _is_run(folder: Path) -> bool:
    try:
        return (folder / "config.json").is_file()
    except (OSError, ValueError):  # a name too long for the system, or with a zero byte in it
        return False


def _written(run: RunFolder) -> float:
    return run.weights_file.stat().st_mtime
