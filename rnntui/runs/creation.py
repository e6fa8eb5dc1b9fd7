"""Atomic creation of run folders of any kind, and lookup of the run to resume."""

from __future__ import annotations

import contextlib
import errno
import math
import os
import platform
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from rnntui import __version__
from rnntui.atomic_files import is_process_alive, umask
from rnntui.config import Newlines
from rnntui.errors import CorpusError, RunError, UsageError
from rnntui.formatting import few_names, few_names_with_verb
from rnntui.kinds.corpus_info import CorpusInfo
from rnntui.kinds.model_kind import ModelKind
from rnntui.kinds.registry import KINDS, title_of
from rnntui.runs.folder import RunFolder
from rnntui.runs.lookup import kind_id_of, runs_in, shipped_names
from rnntui.runs.run_config import RunConfig
from rnntui.runs.run_files import remove_run_files
from rnntui.runs.run_lock import acquire_lock, goes_with_folder, is_locked, keep_lock, lock_identity

if TYPE_CHECKING:
    from filelock import BaseFileLock

_STAGING_PREFIX = ".making-"
DELETED_PREFIX = ".deleted-"
"""Prefix of the hidden name of a run that is being deleted, followed by the id of the process."""

_KEPT_SECONDS = 24 * 3600  # of a partly encoded text
_MAX_NAME_BYTES = 100
_MAX_LISTED = 5  # runs listed in a message
_WRITE_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # that reading a corpus does not raise
_FORBIDDEN = set('/\\:*?"<>|\0')


@dataclass(frozen=True)
class TrainingText:
    """The text that a resumed run must have been trained on.

    Args:
        name: default name of a run on it.
        sources: the files as the user named them.
        fingerprints: computes the hash of the text for each treatment of line ends that changes it; it reads all of it.
        newlines: the treatment of line ends that the user chose.
        accept_change: told in a line that the text has changed since the run was created, whose own copy of it is then
            trained on; None refuses a text that has changed.
    """

    name: str
    sources: tuple[str, ...]
    fingerprints: Callable[[], Mapping[Newlines, str]]
    newlines: Newlines = "universal"
    accept_change: Callable[[str], None] | None = None


def find_resumable_run(kind: ModelKind, text: TrainingText | None, name: str | None, checkpoints: Path) -> RunFolder:
    """Return the run of a kind to resume: the one named, or the newest on this text, or the newest of all.

    A run is on this text if the fingerprints are equal, whatever the files are called. Runs that cannot be read are
    passed over unless they are named.

    Raises `UsageError` or `RunError` if there is none, `CorpusError` if it was not trained on this text, unless
    `text.accept_change` takes it.

    Args:
        kind: the kind of run.
        text: the text that was given; None if none was.
        name: the name that was given; None if none was.
        checkpoints: the folder of the user's runs.
    """
    if name is not None:
        runs = [_named_run(kind, name, checkpoints)]
        corpora = {runs[0]: runs[0].read_config().corpus}
    else:
        configs = {run: config for run in runs_in(checkpoints) if (config := _resumable_config(run, kind))}
        runs = sorted(configs, key=lambda run: -configs[run].created)
        corpora = {run: config.corpus for run, config in configs.items()}
    if text is None or not runs:
        if not runs and text is not None:
            raise UsageError(f"no run on {text.name} to resume in {checkpoints}", hint="start one without --resume")
        if not runs:
            raise RunError(f"no run to resume in {checkpoints}", hint="start one without --resume")
        return runs[0]
    fingerprints = text.fingerprints()
    on_text = [run for run in runs if corpora[run].fingerprint == fingerprints[text.newlines]]
    if on_text:
        return on_text[0]
    return _run_on_changed(text, fingerprints, {run: corpora[run] for run in runs}, name, checkpoints)


def configs_on(kind: ModelKind, files: Sequence[str], name: str | None, checkpoints: Path) -> Iterator[RunConfig]:
    """Yield the configs of the runs that `find_resumable_run` may find on files of these names, the newest first.

    They tell how the files were read; a README that was passed over may be among the files.
    """
    runs = (run for run in runs_in(checkpoints) if name in (None, run.name))
    configs = [config for run in runs if (config := _resumable_config(run, kind))]
    for config in sorted(configs, key=lambda config: -config.created):
        if config.corpus.sources and set(config.corpus.sources) <= set(files):
            yield config


def _named_run(kind: ModelKind, name: str, checkpoints: Path) -> RunFolder:
    """Return the run of that name if it is of the kind and can be resumed."""
    run = next((run for run in runs_in(checkpoints) if run.name == name), None)
    if run is None:
        raise UsageError(f"no run {name!r} to resume in {checkpoints}", hint="see rnntui runs")
    other_id = kind_id_of(run)
    if other_id is not None and other_id in KINDS and other_id != kind.id:
        command = f"rnntui {KINDS[other_id].command} --resume --name {name}"
        raise UsageError(f"run {name} is a {title_of(other_id)}", hint=f"resume it with: {command}")
    for file in (run.training_ids, run.validation_ids):
        if not file.is_file():
            raise RunError(f"run {name} cannot be resumed: {file} is missing", hint="start a new run")
    return run


def _resumable_config(run: RunFolder, kind: ModelKind) -> RunConfig | None:
    """Return the config of a run that can be resumed as one of the kind; None for any other."""
    try:
        config = run.read_config()
    except RunError:
        return None
    return config if config.kind == kind.id and run.training_ids.is_file() else None


def _run_on_changed(
    text: TrainingText,
    fingerprints: Mapping[Newlines, str],
    corpora: dict[RunFolder, CorpusInfo],
    name: str | None,
    checkpoints: Path,
) -> RunFolder:
    """Return the run whose text has changed, if that is accepted, among runs, the newest first.

    Raises `UsageError` or `CorpusError` for a text that none of them was trained on.
    """
    other: Newlines = "keep" if text.newlines == "universal" else "universal"
    alike = [run for run, corpus in corpora.items() if name is not None or corpus.name == text.name]
    if not alike:
        raise UsageError(
            f"no run on {text.name} to resume in {checkpoints}",
            hint="name the run with --name, or start one without --resume",
        )
    files = few_names(text.sources)
    for run in alike:
        if corpora[run].fingerprint == fingerprints.get(other):
            raise UsageError(
                f"run {run.name} was trained on {files} read with --newlines {other}", setting="newlines",
                hint=f"resume it with --newlines {other}",
            )  # fmt: skip
    newest, corpus = alike[0], corpora[alike[0]]
    if corpus.sources and [*map(os.path.abspath, corpus.sources)] == [*map(os.path.abspath, text.sources)]:
        problem = f"{few_names_with_verb(text.sources, 'has', 'have')} changed since run {newest.name} was created"
    else:
        sources = f", {few_names(corpus.sources)}" if corpus.sources else ""
        files_are = few_names_with_verb(text.sources, "is", "are")
        problem = f"{files_are} not the text that run {newest.name} was trained on{sources}"
    if text.accept_change is not None:
        text.accept_change(f"{problem}; training goes on with the run's own copy of its text, as it was")
        return newest
    others = ", ".join(run.name for run in alike[1 : _MAX_LISTED + 1])
    verb = "was" if len(alike) == 2 else "were"
    raise CorpusError(
        problem + (f" ({others} {verb} not trained on it either)" if others else ""),
        hint="--accept-changed-corpus goes on with the run's own copy of its text, as it was; or start a new run",
    )


def name_problem(name: str) -> str:
    """Return the rule for names of runs if a name breaks it, such as "use at most ..."; empty if it is valid."""
    invalid = not name.strip() or name[0] in ".-" or _FORBIDDEN & set(name) or not name.isprintable()
    if not invalid and len(name.encode()) <= _MAX_NAME_BYTES:
        return ""
    return (
        f"use at most {_MAX_NAME_BYTES} bytes of visible characters and spaces, without . or - at the beginning "
        f'and without / \\ : * ? " < > |'
    )


def check_name(name: str, checkpoints: Path) -> None:
    """Raise `UsageError` if a name is invalid for a run or taken."""
    problem = name_problem(name)
    if problem:
        raise UsageError(f"--name {name[:40]!r} is not a valid name of a run; {problem}", setting="name")
    if os.path.lexists(checkpoints / name):
        raise UsageError(
            f"run {name} exists in {checkpoints}", setting="name",
            hint="resume it with --resume, or choose another --name",
        )  # fmt: skip


@contextlib.contextmanager
def staging_folder(checkpoints: Path) -> Iterator[Path]:
    """Yield a hidden folder beside the runs to create one in; it is removed on an exception, else see `publish_run`.

    The folder is locked as a run in training is, and the run that it becomes to the end of the block; see
    `new_runs_locked`.

    Raises `RunError` if `checkpoints` cannot be written to, also inside the block.
    """
    is_new = not checkpoints.exists()
    if not is_new and not checkpoints.is_dir():
        raise RunError(f"{checkpoints} is a file, not a folder of runs", hint="name another with --checkpoints")
    try:
        checkpoints.mkdir(parents=True, exist_ok=True)
        remove_abandoned(checkpoints)
        folder = Path(tempfile.mkdtemp(prefix=f"{_STAGING_PREFIX}{os.getpid()}-", dir=checkpoints))
    except OSError as error:
        raise RunError(
            f"cannot write to {checkpoints}: {error.strerror}", hint="name another folder with --checkpoints"
        ) from error
    folder.chmod(0o777 & ~umask())  # mkdtemp makes a folder that only its owner can read
    lock: BaseFileLock | None = None
    try:
        lock, identity = acquire_lock(folder), lock_identity(folder)
        if not goes_with_folder(lock):
            lock.release()
            lock = None
        yield folder
    except BaseException as error:
        if lock is not None:
            lock.release()
        shutil.rmtree(folder, ignore_errors=True)  # of this process alone, under a name that nobody knew
        if is_new:
            with contextlib.suppress(OSError):  # another process may have put a run there meanwhile
                checkpoints.rmdir()
        if isinstance(error, OSError) and error.filename is None and error.errno in _WRITE_ERRORS:
            raise RunError(
                f"cannot write to {checkpoints}: {error.strerror}", hint="name another folder with --checkpoints"
            ) from error
        raise
    if lock is not None:
        keep_lock(lock, identity)


def remove_abandoned(checkpoints: Path) -> None:
    """Remove the leftovers of killed processes from a folder of runs: staging folders and half-deleted runs.

    Those in which a text is partly encoded are kept for a day, as the next run on it goes on from there. Files that do
    not belong to a run stay.
    """
    for prefix in (_STAGING_PREFIX, DELETED_PREFIX):
        for folder in abandoned_folders(checkpoints, prefix):
            if _age(RunFolder(folder).encoding_journal) > _KEPT_SECONDS:
                with contextlib.suppress(OSError):
                    remove_run_files(folder)


def take_over(staged: Path, checkpoints: Path, can_use: Callable[[RunFolder], bool]) -> bool:
    """Move what a killed process had encoded into a folder in staging; return whether there was such a folder.

    Args:
        staged: the folder.
        checkpoints: the folder of runs.
        can_use: tells whether a folder's journal is of the same text, tokenizer and split.
    """
    target = RunFolder(staged)
    for folder in map(RunFolder, abandoned_folders(checkpoints, _STAGING_PREFIX)):
        if not can_use(folder):
            continue
        try:
            # The journal is moved first: of two processes, one has it. Without its files, it counts for nothing.
            folder.encoding_journal.rename(target.encoding_journal)
            for path in [*folder.path.glob("tokenizer.*"), *folder.resume_folder.iterdir()]:
                path.rename(staged / path.relative_to(folder.path))
        except OSError:
            continue
        with contextlib.suppress(OSError):
            remove_run_files(folder.path)
        return True
    return False


def abandoned_folders(parent: Path, prefix: str) -> Iterator[Path]:
    """Yield the folders that killed processes left: their names are the prefix, the id of the process, a dash, more.

    A folder that is locked is none: its process is one of another machine or container.
    """
    for folder in parent.glob(f"{prefix}*"):
        pid = folder.name.removeprefix(prefix).split("-")[0]
        if pid.isdecimal() and not is_process_alive(int(pid)) and not is_locked(folder):
            yield folder


def _age(path: Path) -> float:
    """Return the seconds since a file was written; infinite if there is none."""
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return math.inf


def publish_run(folder: Path, checkpoints: Path, name: str | None, default_name: str) -> Path:
    """Rename a staged run to `name`, or to `default_name`, numbered if that is taken; return its path.

    A default name that a shipped model has counts as taken, so that no run hides the model unless the user names it so.

    Raises `UsageError` if `name` has been taken meanwhile.
    """
    attempt = 1 if name is not None or default_name not in shipped_names() else 2
    while True:
        target = checkpoints / (name or (default_name if attempt == 1 else f"{default_name}-{attempt}"))
        if not os.path.lexists(target):
            try:
                # Renaming onto a folder that another process has just made fails, unless that is empty.
                folder.rename(target)
            except OSError:
                if not os.path.lexists(target):
                    raise
            else:
                _lock_published(target)
                return target
        if name is not None:
            raise UsageError(f"run {name} exists in {checkpoints}", setting="name", hint="choose another --name")
        attempt += 1


def _lock_published(folder: Path) -> None:
    """Lock a run that was locked in staging where that lock does not go with the folder."""
    with contextlib.suppress(RunError):  # it is there, and its training will tell
        if not is_locked(folder):
            keep_lock(acquire_lock(folder), lock_identity(folder))


def library_versions() -> dict[str, str]:
    """Return the versions of the libraries that make a run."""
    return {
        "rnntui": __version__,
        "python": platform.python_version(),
        "torch": version("torch"),
        "numpy": version("numpy"),
    }
