"""Atomic creation of run folders of any kind, and lookup of the run to resume."""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from rnntui import __version__
from rnntui.errors import CorpusError, RunError, UsageError
from rnntui.kinds.model_kind import ModelKind
from rnntui.kinds.registry import KINDS, title_of
from rnntui.runs.folder import RunFolder
from rnntui.runs.lookup import kind_id_of, runs_in

_STAGING_PREFIX = ".making-"
_MAX_NAME_BYTES = 100
_FORBIDDEN = set('/\\:*?"<>|\0')


@dataclass(frozen=True)
class TrainingText:
    """The text that a resumed run must have been trained on.

    Args:
        name: default name of a run on it.
        sources: the files as the user named them.
        fingerprint: computes the hash of the text, which reads all of it.
    """

    name: str
    sources: tuple[str, ...]
    fingerprint: Callable[[], str]


def find_resumable_run(kind: ModelKind, text: TrainingText | None, name: str | None, checkpoints: Path) -> RunFolder:
    """Return the run of a kind to resume: the one named, or the newest on this text, or the newest of all.

    Raises `UsageError` or `RunError` if there is none, `CorpusError` if it was not trained on this text.

    Args:
        kind: the kind of run.
        text: the text that was given; None if none was.
        name: the name that was given; None if none was.
        checkpoints: the folder of the user's runs.
    """
    if name is not None:
        runs = [run for run in runs_in(checkpoints) if run.name == name]
        if not runs:
            raise UsageError(f"no run {name!r} to resume in {checkpoints}", hint="see rnntui runs")
        other_id = kind_id_of(runs[0])
        if other_id is not None and other_id in KINDS and other_id != kind.id:
            command = f"rnntui {KINDS[other_id].command} --resume --name {name}"
            raise UsageError(f"run {name} is a {title_of(other_id)}", hint=f"resume it with: {command}")
        for file in (runs[0].training_ids, runs[0].validation_ids):
            if not file.is_file():
                raise RunError(f"run {name} cannot be resumed: {file} is missing", hint="start a new run")
    else:
        runs = [
            run for run in runs_in(checkpoints) if run.training_ids.is_file() and kind_id_of(run) in (kind.id, None)
        ]
    if name is None and text is not None:
        runs = [run for run in runs if run.read_config().corpus.name == text.name]
        if not runs:
            raise UsageError(f"no run on {text.name} to resume in {checkpoints}", hint="start one without --resume")
    if not runs:
        raise RunError(f"no run to resume in {checkpoints}", hint="start one without --resume")
    run = max(runs, key=lambda run: run.read_config().created)
    if text is not None and text.fingerprint() != run.read_config().corpus.fingerprint:
        raise CorpusError(
            f"{', '.join(text.sources)} is not the text that run {run.name} was trained on",
            hint=f"resume with --name {run.name} and no corpus to use its own copy of the text, or start a new run",
        )
    return run


def check_name(name: str, checkpoints: Path) -> None:
    """Raise `UsageError` if a name is invalid for a run or taken."""
    invalid = not name.strip() or name[0] in ".-" or _FORBIDDEN & set(name) or not name.isprintable()
    if invalid or len(name.encode()) > _MAX_NAME_BYTES:
        raise UsageError(
            f"--name {name[:40]!r} is not a valid name; it names a folder, has {_MAX_NAME_BYTES} bytes at most, "
            f"begins with neither . nor - and contains no /",
            setting="name",
        )
    if (checkpoints / name).exists():
        raise UsageError(
            f"run {name} exists in {checkpoints}", setting="name",
            hint="resume it with --resume, or choose another --name",
        )  # fmt: skip


@contextlib.contextmanager
def staging_folder(checkpoints: Path) -> Iterator[Path]:
    """Yield a hidden folder beside the runs to create one in; it is removed on an exception, else see `publish_run`.

    Raises `RunError` if `checkpoints` cannot be written to.
    """
    is_new = not checkpoints.exists()
    try:
        checkpoints.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(checkpoints)
        folder = Path(tempfile.mkdtemp(prefix=f"{_STAGING_PREFIX}{os.getpid()}-", dir=checkpoints))
    except OSError as error:
        raise RunError(
            f"cannot write to {checkpoints}: {error.strerror}", hint="name another folder with --checkpoints"
        ) from error
    folder.chmod(0o777 & ~_umask())  # mkdtemp makes a folder that only its owner can read
    try:
        yield folder
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        if is_new:
            with contextlib.suppress(OSError):  # another process may have put a run there meanwhile
                checkpoints.rmdir()
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _remove_abandoned(checkpoints: Path) -> None:
    """Remove the staging folders of killed processes."""
    for folder in checkpoints.glob(f"{_STAGING_PREFIX}*"):
        pid = folder.name.removeprefix(_STAGING_PREFIX).split("-")[0]
        if pid.isdigit() and not _is_alive(int(pid)):
            shutil.rmtree(folder, ignore_errors=True)


def _is_alive(pid: int) -> bool:
    if os.name != "posix":
        return True  # unknown: signal 0 would end the process there
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def publish_run(folder: Path, checkpoints: Path, name: str | None, default_name: str) -> Path:
    """Rename a staged run to `name`, or to `default_name`, numbered if that is taken; return its path.

    Raises `UsageError` if `name` has been taken meanwhile.
    """
    attempt = 1
    while True:
        target = checkpoints / (name or (default_name if attempt == 1 else f"{default_name}-{attempt}"))
        if not target.exists():
            try:
                # Renaming onto a folder that another process has just made fails, unless that is empty.
                folder.rename(target)
            except OSError:
                if not target.exists():
                    raise
            else:
                return target
        if name is not None:
            raise UsageError(f"run {name} exists in {checkpoints}", setting="name", hint="choose another --name")
        attempt += 1


def library_versions() -> dict[str, str]:
    """Return the versions of the libraries that make a run."""
    return {
        "rnntui": __version__,
        "python": platform.python_version(),
        "torch": version("torch"),
        "numpy": version("numpy"),
    }
