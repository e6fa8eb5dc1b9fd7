"""Lookup of runs: the checkpoints folder, the shipped runs, runs by name, path or kind."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

from rnntui.errors import RunError, UsageError, os_error_hint
from rnntui.kinds.model_kind import ModelKind
from rnntui.kinds.registry import KINDS, kind_or_default, title_of
from rnntui.runs.folder import RunFolder
from rnntui.settings import shown_value
from rnntui.untrusted_files import read_json

CHECKPOINTS_VARIABLE = "RNNTUI_CHECKPOINTS"
SHIPPED = ("shakespeare", "chat", "en-es", "authors")
_PACKAGE = Path(__file__).resolve().parent.parent
_MAX_LISTED = 8  # runs listed in a message


def checkpoints_folder(path: str | None, *, must_exist: bool = False) -> Path:
    """Return the folder of the user's runs: `path`, else the variable `RNNTUI_CHECKPOINTS`, else `./checkpoints`.

    Raises `UsageError` if `path` is a file, and with `must_exist` if it does not exist.
    """
    folder = Path(path or os.environ.get(CHECKPOINTS_VARIABLE) or "checkpoints")
    if path:
        _check_can_be_looked_at(folder)
    if path and not folder.is_dir() and (must_exist or folder.exists()):
        problem = "is a file, not a folder" if folder.exists() else "there is no such folder"
        raise UsageError(f"--checkpoints {path}: {problem}", hint="name the folder that holds the runs")
    return folder


def _check_can_be_looked_at(folder: Path) -> None:
    """Raise `UsageError` where the system cannot say whether there is such a folder."""
    try:
        folder.exists()
    except OSError as error:  # too long a name
        raise UsageError(
            f"--checkpoints {shown_value(str(folder))}: {error.strerror or error}", hint=os_error_hint(error)
        ) from error


def checkpoints_problem(path: str | None) -> str:
    """Return the problem with the folder that `RNNTUI_CHECKPOINTS` names; empty if there is none or it does not count.

    It is no error: the next training may create the folder. The null device stands for no runs. `path` is the folder
    that `--checkpoints` names.
    """
    folder = os.environ.get(CHECKPOINTS_VARIABLE)
    if path or not folder or folder == os.devnull or Path(folder).is_dir():
        return ""
    reason = "is not a folder" if Path(folder).exists() else "does not exist"
    return f"{CHECKPOINTS_VARIABLE} names {folder}, which {reason}: only shipped models can be found"


def shipped_folder() -> Path:
    """Return the folder of the shipped models: in the package, or in the source tree of an editable install."""
    packaged = _PACKAGE / "shipped"
    return packaged if packaged.is_dir() else _PACKAGE.parent / "checkpoints"


def shipped_runs() -> list[RunFolder]:
    """Return the shipped models in the order of `SHIPPED`; in a source tree, the user's own runs lie beside them."""
    shipped = [run for run in runs_in(shipped_folder()) if run.name in SHIPPED]
    return sorted(shipped, key=lambda run: SHIPPED.index(run.name))


def shipped_names() -> set[str]:
    """Return the names of the shipped models."""
    return {run.name for run in shipped_runs()}


def runs_in(folder: Path) -> list[RunFolder]:
    """Return every run in a folder, sorted by name; hidden folders such as staging folders are skipped."""
    if not folder.is_dir():
        return []
    runs = [RunFolder(path) for path in folder.iterdir() if not path.name.startswith(".")]
    return sorted((run for run in runs if run.config_file.is_file()), key=lambda run: run.name)


def run_with_weights(name: str | None, fingerprint: str | None, folder: Path) -> RunFolder | None:
    """Return the run of a folder, or the shipped one, that has a name and the fingerprint of its weights; None without.

    The name is compared and never becomes part of a path: it may come from anywhere. Raises `OSError` if the folder
    cannot be read.
    """
    from rnntui.runs.fingerprint import run_fingerprint

    for run in (*runs_in(folder), *shipped_runs()):
        if run.name == name:
            with contextlib.suppress(RunError):  # it has no weights, or they cannot be read
                if run_fingerprint(run) == fingerprint:
                    return run
    return None


def runs_without_settings(folder: Path) -> list[RunFolder]:
    """Return the folders that were runs, as their checksums tell, but whose settings are gone; sorted by name."""
    if not folder.is_dir():
        return []
    runs = [RunFolder(path) for path in folder.iterdir() if not path.name.startswith(".")]
    lost = [run for run in runs if run.checksums_file.is_file() and not run.config_file.is_file()]
    return sorted(lost, key=lambda run: run.name)


def named_or_lost_run(name: str, checkpoints: Path) -> RunFolder:
    """Return the run with a name or path, also one of `runs_without_settings`. Raises `UsageError` if there is none."""
    lost = runs_without_settings(checkpoints)
    return next((run for run in lost if run.name == name), None) or named_run(name, checkpoints)


def is_shipped(run: RunFolder) -> bool:
    """Return True for a shipped model, by whatever path it was reached."""
    path = run.path.resolve()
    return any(path == shipped.path.resolve() for shipped in shipped_runs())


def find_run(name: str | None, checkpoints: Path, kind: ModelKind | None) -> RunFolder:
    """Return the run with a name or path; for None the newest trained run of a kind, else the shipped one.

    The newest run is the user's with the newest weights. Runs that never got past step 0, whose weights are random, and
    broken runs are passed over if there is another. `kind` None allows any kind.

    Raises `UsageError` for an unknown name, `RunError` if there is no run.
    """
    if name is not None:
        return named_run(name, checkpoints)
    shipped = [run for run in shipped_runs() if run.weights_file.is_file()]
    shipped_paths = {run.path.resolve() for run in shipped}
    own = {run: mtime for run in runs_in(checkpoints) if (mtime := _weights_time(run)) is not None}
    broken: list[RunFolder] = []
    untrained: list[RunFolder] = []
    for run in sorted(own, key=lambda run: -own[run]):
        if run.path.resolve() in shipped_paths or not _may_be(run, kind):
            continue
        if not _is_readable(run):
            broken.append(run)
        elif _is_untrained(run):
            untrained.append(run)
        else:
            return run
    # A broken run comes before a shipped model: reading it reports what is wrong.
    candidates = [*broken, *(run for run in shipped if _may_be(run, kind)), *untrained]
    if not candidates:
        command = (kind or kind_or_default(None)).first_command
        raise RunError(f"no trained run in {checkpoints}", hint=f"train one with: {command}")
    return candidates[0]


def _weights_time(run: RunFolder) -> int | None:
    """Return the modification time of a run's weights; None if there are none."""
    try:
        return run.weights_file.stat().st_mtime_ns
    except OSError:
        return None


def _is_readable(run: RunFolder) -> bool:
    try:
        run.read_config()
    except RunError:
        return False
    return True


def _is_untrained(run: RunFolder) -> bool:
    """Return True for a run that has done no step; its weights are those of the evaluation before training."""
    try:
        return bool(read_json(run.status_file)["step"] == 0)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def kind_id_of(run: RunFolder) -> str | None:
    """Return the id of a run's kind without reading all of its config; None if its `config.json` is broken."""
    try:
        values = read_json(run.config_file)
        return str(values["kind"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def require_kind(run: RunFolder, kind_id: str, required: ModelKind) -> None:
    """Raise `UsageError` if a run of the kind `kind_id` is not of the kind required; the hint says how to use it."""
    if kind_id != required.id:
        kind = KINDS.get(kind_id)
        hint = f"{kind.use.phrase}: rnntui {kind.use.command} --run {run.name}" if kind else ""
        raise UsageError(f"run {run.name} is a {title_of(kind_id)}, not a {required.title}", hint=hint)


def _may_be(run: RunFolder, kind: ModelKind | None) -> bool:
    # A broken run is not skipped: reading it then reports what is wrong.
    return kind is None or kind_id_of(run) in (kind.id, None)


def named_run(name: str, checkpoints: Path) -> RunFolder:
    """Return the run of that name, the user's before a shipped one, or the run folder at that path.

    Raises `UsageError` with a hint that lists the runs if there is none.
    """
    shipped = {run.name: run.path for run in shipped_runs()}
    for folder in (checkpoints / name, shipped.get(name), Path(name)):
        if folder is not None and _is_run(folder):
            has_name = folder.name not in ("", "..")  # as the folder `.` has not
            return RunFolder(folder if has_name else folder.resolve())
    names = list(dict.fromkeys([run.name for run in runs_in(checkpoints)] + list(shipped)))
    rest = f" and {len(names) - _MAX_LISTED} more" if len(names) > _MAX_LISTED else ""
    listed = f"there are {', '.join(names[:_MAX_LISTED])}{rest}" if names else "there are no runs yet"
    raise UsageError(f"no run {shown_value(name)} in {checkpoints}", hint=listed)


def choice_note(run: RunFolder, name: str | None, checkpoints: Path) -> str:
    """Return a line that names the chosen run; empty if the user named it and the name is unambiguous.

    Args:
        run: the run that `find_run` returned.
        name: the name that it was given.
        checkpoints: the folder of the user's runs.
    """
    shipped = is_shipped(run)
    if name is None:
        return f"run {run.name} ({'shipped' if shipped else 'the newest'})"
    if name not in shipped_names():
        return ""
    if not shipped:
        return f"run {name} is your own, in {run.path.parent}; it hides the shipped model of that name"
    own = [other for other in runs_in(checkpoints) if _is_numbered(other.name, name)]
    newest = max(own, key=lambda other: _weights_time(other) or 0, default=None)
    return f"run {name} is the shipped model; your own is {newest.name}" if newest else ""


def shipped_name_note(name: str, default_name: str) -> str:
    """Return a note on a new run whose name, or default name, is that of a shipped model; empty for others."""
    if name in shipped_names():
        return f"run {name} hides the shipped model of that name: --run {name} now means your own"
    if default_name in shipped_names() and _is_numbered(name, default_name):
        return f"{default_name} is a shipped model; this run is named {name} (--name chooses another name)"
    return ""


def _is_numbered(name: str, default_name: str) -> bool:
    """Return True for the name of a run whose default name was taken when it was created."""
    return re.fullmatch(rf"{re.escape(default_name)}-[0-9]+", name) is not None


def _is_run(folder: Path) -> bool:
    try:
        return (folder / "config.json").is_file()
    except (OSError, ValueError):  # a name too long for the system, or with a zero byte in it
        return False
