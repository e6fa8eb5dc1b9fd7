"""Finding runs: the folders they lie in, the shipped ones, and the one that a user means by a name."""

from __future__ import annotations

import os
from pathlib import Path

from rnntui.atomic_files import parse_json
from rnntui.errors import RunError, UsageError
from rnntui.kinds.language_model import LANGUAGE_MODEL
from rnntui.kinds.model_kind import ModelKind
from rnntui.kinds.registry import KINDS, title_of
from rnntui.runs.folder import RunFolder

CHECKPOINTS_VARIABLE = "RNNTUI_CHECKPOINTS"
SHIPPED = ("shakespeare", "chat", "en-es")
_PACKAGE = Path(__file__).resolve().parent.parent
_LISTED = 8  # runs named in a message at most


def checkpoints_folder(path: str | None, *, must_exist: bool = False) -> Path:
    """The folder of the user's runs: `--checkpoints`, else the variable `RNNTUI_CHECKPOINTS`, else `./checkpoints`.

    Raises `UsageError` if `path` is no folder and `must_exist`.
    """
    folder = Path(path or os.environ.get(CHECKPOINTS_VARIABLE) or "checkpoints")
    if path and must_exist and not folder.is_dir():
        raise UsageError(f"--checkpoints {path}: there is no such folder")
    return folder


def shipped_folder() -> Path:
    """The folder of the models that come with rnntui: in the package, or in the tree of an editable install."""
    packaged = _PACKAGE / "shipped"
    return packaged if packaged.is_dir() else _PACKAGE.parent / "checkpoints"


def shipped_runs() -> list[RunFolder]:
    """The models that come with rnntui, in the order of `SHIPPED`; in a tree, the user's own runs lie beside them."""
    shipped = [run for run in runs_in(shipped_folder()) if run.name in SHIPPED]
    return sorted(shipped, key=lambda run: SHIPPED.index(run.name))


def runs_in(folder: Path) -> list[RunFolder]:
    """Every run in a folder, by name; hidden folders are passed over, as staging folders are."""
    if not folder.is_dir():
        return []
    runs = [RunFolder(path) for path in folder.iterdir() if not path.name.startswith(".")]
    return sorted((run for run in runs if run.config_file.is_file()), key=lambda run: run.name)


def find_run(name: str | None, checkpoints: Path, kind: ModelKind | None = LANGUAGE_MODEL) -> RunFolder:
    """The run that a user means: by name or path, or without a name the newest of a kind, else the shipped one.

    Only runs that have weights count. None for `kind` takes any. Raises `UsageError` for a name that no run has,
    `RunError` if there is no run.
    """
    if name is not None:
        return named_run(name, checkpoints)
    shipped = [run for run in shipped_runs() if run.weights_file.is_file()]
    shipped_paths = {run.path.resolve() for run in shipped}
    own = [run for run in runs_in(checkpoints) if run.weights_file.is_file()]
    own = [run for run in own if run.path.resolve() not in shipped_paths]
    own, shipped = ([run for run in runs if _may_be(run, kind)] for runs in (own, shipped))
    if own:
        return max(own, key=lambda run: run.weights_file.stat().st_mtime)
    if not shipped:
        wanted = kind or LANGUAGE_MODEL
        command = f"rnntui {wanted.command} {wanted.example}"
        raise RunError(f"no trained run in {checkpoints}", hint=f"make one with: {command}")
    return shipped[0]


def kind_of(run: RunFolder) -> str | None:
    """The id of a run's kind, read quickly; None where its `config.json` is broken."""
    try:
        values = parse_json(run.config_file.read_bytes())
        return str(values["kind"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def require_kind(run: RunFolder, kind: str, wanted: ModelKind) -> None:
    """Raises `UsageError` if a run of this kind is not of the kind wanted, telling what it is good for."""
    if kind != wanted.id:
        page = KINDS.get(kind)
        hint = f"{page.use.verb}: rnntui {page.use.command} --run {run.name}" if page else ""
        raise UsageError(f"run {run.name} is a {title_of(kind)}, and no {wanted.title}", hint=hint)


def _may_be(run: RunFolder, kind: ModelKind | None) -> bool:
    # A broken one is not passed over: whoever reads it says what is wrong.
    return kind is None or kind_of(run) in (kind.id, None)


def named_run(name: str, checkpoints: Path) -> RunFolder:
    """The run of that name, the user's before the shipped one, or the run folder at that path.

    Raises `UsageError` listing the runs there are.
    """
    shipped = {run.name: run.path for run in shipped_runs()}
    for folder in (checkpoints / name, shipped.get(name), Path(name)):
        if folder is not None and _is_run(folder):
            return RunFolder(folder)
    names = list(dict.fromkeys([run.name for run in runs_in(checkpoints)] + list(shipped)))
    rest = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    listed = f"there are {', '.join(names[:_LISTED])}{rest}" if names else "there is none yet"
    raise UsageError(f"no run {name!r} in {checkpoints}", hint=listed)


def _is_run(folder: Path) -> bool:
    try:
        return (folder / "config.json").is_file()
    except (OSError, ValueError):  # a name too long for the system, or with a zero byte in it
        return False
