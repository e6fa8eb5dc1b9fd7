"""`checksums.json`: checksums of the files of a run that never change, by which they are checked before they are used.

These are settings, vocabularies, known words and token ids. Small ones have a copy in the resume folder, as has
`checksums.json` itself, from which a damaged one can be repaired.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from rnntui.atomic_files import atomic_write
from rnntui.errors import RunError
from rnntui.runs.folder import (
    CHECKSUM,
    COPY_PREFIX,
    RunFolder,
    json_checksum,
    name_before_damage,
    tokenizer_files,
    without_checksum,
)
from rnntui.runs.run_config import RunConfig
from rnntui.runs.run_files import foreign_files
from rnntui.runs.weights_file import stored_checksum
from rnntui.untrusted_files import open_regular, read_json

_BLOCK = 1 << 20  # bytes read at a time
_OWN_CHECKSUM = ".safetensors"
_FILES, _ARRAYS = "files", "arrays"
"""Sections of `checksums.json`; older versions have written the first one alone, and read no other."""

_FOLDERS = ("", "resume", "source", "target")
"""Folders of a run with files that never change; "" is its own."""

_CHANGING = {
    "status.json", "metrics.jsonl", "note.txt", "lock", "job.txt", "checksums.json", f"{COPY_PREFIX}checksums.json",
}  # fmt: skip
REPAIR_HINT = "rnntui verify --repair saves what can be saved"


def write_checksums(run: RunFolder) -> None:
    """Write `checksums.json`, over the files that are in the folder of a new run and will not change, and copies.

    Of n-grams it has the checksum of their arrays, which is also that of a file that another library writes. A run
    without a resume folder gets no copies.
    """
    if run.resume_folder.is_dir():
        for path in copied_files(run):
            atomic_write(copy_of(run, path), path.read_bytes())
    write_checksums_alone(run)
    if run.resume_folder.is_dir():
        atomic_write(copy_of(run, run.checksums_file), run.checksums_file.read_bytes())


def write_checksums_alone(run: RunFolder) -> None:
    """Write `checksums.json` over the files as they are now, and no copies.

    Files that the user has put beside them are left out: they may change.
    """
    paths = {path.relative_to(run.path).as_posix(): path for path in fixed_files(run)}
    values = {_FILES: {name: hash_of(paths[name]) for name in sorted(paths.keys() - foreign_files(run))}}
    if run.ngrams_file.exists() and (checksum := stored_checksum(run.ngrams_file)) is not None:
        values[_ARRAYS] = {run.ngrams_file.name: checksum}
    text = json.dumps(values | {CHECKSUM: json_checksum(values)}, indent=2)
    atomic_write(run.checksums_file, f"{text}\n".encode())


def read_checked_config(run: RunFolder, with_data: bool = False) -> RunConfig:
    """Return the config of a run to use, once it and the vocabularies are known to be as they were written.

    Files of versions that wrote no checksums are taken as they are.

    Args:
        run: the run.
        with_data: check all files of the run that never change, its token ids among them.

    Raises `RunError` naming the file that is damaged, or that tells nothing of the others; also as
    `RunFolder.read_config` does.
    """
    if with_data:  # a damaged copy of what is whole itself can wait for a repair
        paths = [path for path in fixed_files(run) if not path.name.startswith(COPY_PREFIX)]
    else:
        paths = [run.config_file, run.known_words_file, *tokenizer_files(run)]
    try:
        recorded = read_checksums(run.checksums_file)
    except (OSError, ValueError) as error:
        is_missing = isinstance(error, FileNotFoundError)
        if is_missing and not copy_of(run, run.checksums_file).exists():  # of a version that wrote neither
            return run.read_config()
        raise RunError(
            f"{run.checksums_file} is {'missing' if is_missing else 'damaged'}, so nothing tells whether the other "
            "files are as they were written",
            hint="rnntui verify --repair restores it",
        ) from error
    for path in paths:
        name = path.relative_to(run.path).as_posix()
        try:
            is_damaged = name in recorded and hash_of(path) != recorded[name]
        except OSError:  # whoever reads it says why it cannot be read
            continue
        if is_damaged:
            raise RunError(f"{path} is damaged: its contents are not those that were written", hint=REPAIR_HINT)
    return run.read_config()


def are_unchanged(run: RunFolder, paths: Sequence[Path]) -> bool:
    """Return True if files of a run that never change are as they were written; False where that is not known."""
    try:
        recorded = read_checksums(run.checksums_file)
        return all(hash_of(path) == recorded.get(path.relative_to(run.path).as_posix()) for path in paths)
    except (OSError, ValueError):
        return False


def recorded_arrays_checksum(run: RunFolder, path: Path) -> str | None:
    """Return the checksum of the arrays that a file of a run was created with; None where that is not known."""
    try:
        return read_checksums(run.checksums_file, _ARRAYS).get(path.relative_to(run.path).as_posix())
    except (OSError, ValueError):
        return None


def read_checksums(path: Path, section: str = _FILES) -> dict[str, str]:
    """Return the checksums of a file by name. Raises `OSError` or `ValueError` if it is missing or damaged.

    So is one that names files elsewhere than in a run: a repair would write them, and a run may come from anywhere.
    """
    values = read_json(path)
    checksums = values.get(section, {} if section == _ARRAYS else None) if isinstance(values, dict) else None
    if not isinstance(checksums, dict) or values.get(CHECKSUM) != json_checksum(without_checksum(values)):
        raise ValueError("its contents are not those that were written")
    folders = [Path(folder) for folder in _FOLDERS]
    if not all(Path(name).parent in folders and Path(name).name not in ("", "..") for name in checksums):
        raise ValueError("it names files that are not in the run")
    return {name: str(checksum) for name, checksum in checksums.items()}


def fixed_files(run: RunFolder) -> list[Path]:
    """Return the files of a run that never change and hold no checksum of their own."""
    folders = [run.path / folder for folder in _FOLDERS]
    files = [path for folder in folders if folder.is_dir() for path in folder.iterdir()]
    return [
        path
        for path in files
        if path.is_file()
        and path.name not in _CHANGING
        and path.suffix not in (_OWN_CHECKSUM, ".partial")
        and path.name == name_before_damage(path.name)
    ]


def copied_files(run: RunFolder) -> list[Path]:
    """Return the small files of a run without which it cannot be used, of which the resume folder has copies."""
    paths = (run.config_file, run.known_words_file, *tokenizer_files(run))
    return [path for path in paths if path.is_file()]


def copy_of(run: RunFolder, path: Path) -> Path:
    """Return the path of the copy of a file of a run, which need not exist."""
    return run.resume_folder / (COPY_PREFIX + "-".join(path.relative_to(run.path).parts))


def hash_of(path: Path) -> str:
    """Return the SHA-256 of a file, as hexadecimal digits. Raises `OSError` if it cannot be read."""
    digest = hashlib.sha256()
    with open_regular(path) as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
