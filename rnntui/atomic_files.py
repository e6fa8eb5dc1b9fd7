"""Atomic writing of files: a reader sees the old file or the new one, never a part, after any crash.

Also parses untrusted JSON.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import json
import os
import re
import time
import zlib
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnntui.errors import RnntuiError, UsageError, write_error

if TYPE_CHECKING:
    from io import BufferedIOBase

_ABANDONED_AFTER = 600.0  # seconds without a change
_MOST_LOOKED_AT = 20_000  # files of a folder
_PARTIAL = re.compile(r"\..+\.(\d+)-([0-9a-f]{8})\.partial", re.DOTALL)

_tidied: set[Path] = set()


def atomic_write(path: Path, data: bytes | Iterable[bytes | memoryview]) -> None:
    """Replace a file by `data`, which is written beside it, synced to disk, then renamed over it.

    Data that do not fit into memory come in blocks.

    Raises `RnntuiError` naming the file if that fails, as on a full disk; the old file is then unchanged. So does a
    path that is a folder, a device or a pipe: the rename would put a file in place of /dev/null. A link is replaced by
    a file, as one in a run of someone else may lead anywhere; for a path that the user names see `write_user_file`.

    The first write into a folder removes what processes that were killed left in it; see `remove_abandoned_files`.
    """
    check_can_be_written(path, RnntuiError)
    _tidy_once(path.parent)
    partial = path.with_name(f".{path.name}.{os.getpid()}-{_host()}.partial")
    try:
        partial.unlink(missing_ok=True)
        # Only a new file: in a folder from elsewhere, one of that name may be a link that leads anywhere.
        with partial.open("xb") as file:
            file.writelines([data] if isinstance(data, bytes) else data)
            sync_file(file)
        partial.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise write_error(path, error) from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


def write_user_file(path: Path, data: bytes | Iterable[bytes | memoryview]) -> None:
    """Replace a file that the user named or owns, as `atomic_write` does.

    A link stays, and the file that it leads to is written, which may be in a repository of dotfiles or on another disk.

    Raises `RnntuiError` as `atomic_write` does, and for a link that leads to itself.
    """
    check_can_be_written(path, RnntuiError)  # whose message has the name that the user knows
    target = Path(os.path.realpath(path)) if path.is_symlink() else path
    if target.is_symlink():
        raise write_error(path, OSError(errno.ELOOP, os.strerror(errno.ELOOP)))
    atomic_write(target, data)


def check_can_be_written(path: Path, error_class: type[RnntuiError] = UsageError) -> None:
    """Raise an error if a file cannot be put there: it is not a file now, or is in no folder."""
    try:
        path.lstat()
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENOTDIR):  # too long a name, a folder that may not be entered
            raise write_error(path, error, error_class) from error
    problem = 0
    if path.is_dir():
        problem = errno.EISDIR
    elif path.exists() and not path.is_file():
        raise error_class(f"cannot write {path}: it is not a file, but a device, pipe or socket", hint="name a file")
    elif not path.parent.is_dir():
        problem = errno.ENOTDIR if path.parent.exists() else errno.ENOENT
    if problem:
        raise write_error(path, OSError(problem, os.strerror(problem)), error_class)


@contextlib.contextmanager
def atomic_folder(target: Path) -> Iterator[Path]:
    """Yield a hidden folder beside `target` to write to; it is renamed to that at the end, or removed on an exception.

    Raises `UsageError` if there is something at the target, `RnntuiError` naming it if it cannot be written.
    """
    import shutil
    import tempfile

    if os.path.lexists(target):
        raise UsageError(f"{target} exists and is not replaced", hint="name another folder")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".partial", dir=target.parent))
    except OSError as error:
        raise write_error(target, error) from error
    try:
        staging.chmod(0o777 & ~umask())  # mkdtemp makes a folder that only its owner can read
        yield staging
        staging.rename(target)
        sync_folder(target.parent)
    except OSError as error:
        raise write_error(target, error) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)  # it is gone if it was renamed


def umask() -> int:
    """Return the permission bits that new files of this process do not get."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def remove_partial_files(folder: Path) -> None:
    """Remove the partial files of killed writers from a folder; the caller must be its only writer."""
    for partial in folder.glob(".*.partial"):
        partial.unlink(missing_ok=True)


@cache
def _host() -> str:
    """Return what tells apart the machines and containers that may share a folder: process ids are those of one."""
    name = os.uname().nodename if os.name == "posix" else os.environ.get("COMPUTERNAME", "")
    with contextlib.suppress(OSError):  # Linux alone has namespaces
        name += str(Path("/proc/self/ns/pid").readlink())
    return f"{zlib.crc32(name.encode('utf-8', 'surrogateescape')):08x}"


def _tidy_once(folder: Path) -> None:
    folder = folder.absolute()
    if folder not in _tidied:
        _tidied.add(folder)
        remove_abandoned_files(folder)


def remove_abandoned_files(folder: Path) -> None:
    """Remove the partial files of killed writers from a folder that others may write to; nothing where that fails.

    Only those of `atomic_write` on this machine (and in this container) whose process has ended, and that have not
    changed for ten minutes. On systems without process ids as POSIX has them, and in folders with very many files,
    they stay.
    """
    if os.name != "posix":
        return
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in itertools.islice(entries, _MOST_LOOKED_AT):
            match = _PARTIAL.fullmatch(entry.name)
            if match is None or match[2] != _host() or is_process_alive(int(match[1])):
                continue
            with contextlib.suppress(OSError):
                if time.time() - entry.stat(follow_symlinks=False).st_mtime > _ABANDONED_AFTER:
                    Path(entry.path).unlink()


def is_process_alive(pid: int) -> bool:
    """Return False if no process of this machine has an id; True where that is not known."""
    if os.name != "posix":
        return True  # signal 0 would end the process there
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def parse_json(data: bytes | str) -> Any:
    """Return the value of a JSON text. Raises `ValueError` if it is invalid or nested too deeply."""
    try:
        return json.loads(data)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def sync_file(file: BufferedIOBase) -> None:
    """Write an open file to disk, so that it survives a power cut once it is renamed or its folder is."""
    file.flush()
    os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Sync a folder, so that a rename in it survives a power cut; does nothing where the system cannot."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
