"""Making a run folder that appears whole or not at all, and finding one to go on with, whatever its kind."""

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
from rnntui.runs.folder import RunFolder
from rnntui.runs.lookup import COMMANDS, kind_of, runs_in

_MAKING = ".making-"
_LONGEST_NAME = 100
_FORBIDDEN = set('/\\:*?"<>|\0')


@dataclass(frozen=True)
class Text:
    """What a run is to go on with: its name, the files as the user named them, and a hash, taken when it is needed."""

    name: str
    shown: tuple[str, ...]
    fingerprint: Callable[[], str]


def find_resumable_run(kind: str, text: Text | None, name: str | None, checkpoints: Path) -> RunFolder:
    """The run of a kind that `--resume` means: the one named, or the newest on this text, or the newest of all.

    Raises `UsageError` or `RunError` if there is none, or if the text is not the one it was trained on.
    """
    if name is not None:
        runs = [run for run in runs_in(checkpoints) if run.name == name]
        if not runs:
            raise UsageError(f"no run {name!r} to resume in {checkpoints}; see rnntui runs")
        other = kind_of(runs[0])
        if other != kind and other in COMMANDS:
            raise UsageError(
                f"run {name} is a {other}; resume it with: rnntui {COMMANDS[other]} --resume --name {name}"
            )
        for file in (runs[0].training_ids, runs[0].validation_ids):
            if not file.is_file():
                raise RunError(f"run {name} cannot be resumed: {file} is missing; start a new run")
    else:
        runs = [run for run in runs_in(checkpoints) if run.training_ids.is_file() and kind_of(run) in (kind, None)]
    if name is None and text is not None:
        runs = [run for run in runs if run.read_config().corpus.get("name") == text.name]
        if not runs:
            raise UsageError(f"no run on {text.name} to resume in {checkpoints}; start one without --resume")
    if not runs:
        raise RunError(f"no run to resume in {checkpoints}; start one without --resume")
    run = max(runs, key=lambda run: run.read_config().created)
    if text is not None and text.fingerprint() != run.read_config().corpus.get("fingerprint"):
        raise CorpusError(
            f"{', '.join(text.shown)} is not the text that run {run.name} was trained on; "
            f"resume with --name {run.name} and no corpus to go on with the text it keeps, or start a new run"
        )
    return run


def check_name(name: str, checkpoints: Path) -> None:
    """Raises `UsageError` if a name cannot be a run's, or is one already."""
    wrong = not name.strip() or name[0] in ".-" or _FORBIDDEN & set(name) or not name.isprintable()
    if wrong or len(name.encode()) > _LONGEST_NAME:
        raise UsageError(
            f"--name {name[:40]!r} cannot be a run's name; it is a folder's, of {_LONGEST_NAME} bytes at most, "
            f"that begins with neither . nor - and has no /"
        )
    if (checkpoints / name).exists():
        raise UsageError(f"run {name} exists in {checkpoints}; go on with it by --resume, or choose another --name")


@contextlib.contextmanager
def staging_folder(checkpoints: Path) -> Iterator[Path]:
    """A hidden folder beside the runs to make one in; gone afterwards unless it was moved into place."""
    new = not checkpoints.exists()
    try:
        checkpoints.mkdir(parents=True, exist_ok=True)
        _sweep(checkpoints)
        folder = Path(tempfile.mkdtemp(prefix=f"{_MAKING}{os.getpid()}-", dir=checkpoints))
    except OSError as error:
        raise RunError(f"cannot write to {checkpoints}: {error.strerror}; name another with --checkpoints") from error
    folder.chmod(0o777 & ~_umask())  # mkdtemp's folders are its owner's alone
    try:
        yield folder
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        if new:
            with contextlib.suppress(OSError):  # others may have put a run there meanwhile
                checkpoints.rmdir()
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _sweep(checkpoints: Path) -> None:
    """Remove what a process killed while making a run has left."""
    for folder in checkpoints.glob(f"{_MAKING}*"):
        process = folder.name.removeprefix(_MAKING).split("-")[0]
        if process.isdigit() and not _alive(int(process)):
            shutil.rmtree(folder, ignore_errors=True)


def _alive(process: int) -> bool:
    if os.name != "posix":
        return True  # there a signal 0 would end the process; leave the folder
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def publish_run(folder: Path, checkpoints: Path, name: str | None, base: str) -> Path:
    """Give a run that is made its name, `base` with a number if that is taken; gives where it then is."""
    number = 1
    while True:
        target = checkpoints / (name or (base if number == 1 else f"{base}-{number}"))
        if not target.exists():
            try:
                # Renaming onto a folder that another process just made fails, unless that is empty.
                folder.rename(target)
            except OSError:
                if not target.exists():
                    raise
            else:
                return target
        if name is not None:
            raise UsageError(f"run {name} exists in {checkpoints}; choose another --name")
        number += 1


def versions() -> dict[str, str]:
    """The libraries that make a run, with their versions."""
    return {
        "rnntui": __version__,
        "python": platform.python_version(),
        "torch": version("torch"),
        "numpy": version("numpy"),
    }
