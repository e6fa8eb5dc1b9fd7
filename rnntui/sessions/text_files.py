"""Text files that the user opens and saves in the app, by names as typed.

Opened files are decoded, with LF as line ends, whatever program has saved them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from rnntui.errors import UnconfirmedError, UsageError
from rnntui.text.encoding import InvalidTextError, TextDecoder
from rnntui.text.legacy_encodings import likely_encoding
from rnntui.text.recognition import recognize
from rnntui.untrusted_files import read_bounded

MAX_TEXT_BYTES = 1 << 28
"""Size of a text that the app opens."""


def read_text_file(path: Path) -> str:
    """Return the text of a file in UTF-8, or in UTF-16 or UTF-32 if its first bytes say so.

    CR LF and CR become LF; a byte order mark is dropped. Raises `CorpusError` or `UsageError` if it is another encoding
    or no text, `OSError` if the file cannot be read.
    """
    data = read_bounded(path, MAX_TEXT_BYTES)
    file_type = recognize(data, "utf-8")
    encoding = file_type.encoding if file_type else ""
    if file_type and not encoding and not file_type.is_unknown:  # a zero byte among text is a character like others
        raise file_type.error(data, str(path), path, in_corpus=False)
    try:
        return TextDecoder(encoding or "utf-8", "strict", "universal").decode(data, final=True)
    except InvalidTextError as error:
        likely = "" if encoding or error.offset is None else likely_encoding(data, error.offset)
        guess = f", and probably {likely}" if likely else ""
        raise UsageError(
            f"{path} is not {(encoding or 'utf-8').upper()}: {error}{guess}", hint="save it as UTF-8"
        ) from error


def path_from(name: str) -> Path:
    """Return a typed name as a path, with `~` expanded. Raises `UsageError` if there can be no such path."""
    if "\0" in name:
        raise UsageError("a file name cannot contain the character NUL")
    try:
        return Path(name).expanduser()
    except RuntimeError as error:
        raise UsageError(f"{name}: {error}") from error


def path_to_save(
    name: str, complete: Callable[[Path], Path], in_folder: Callable[[Path], Path], confirmed: bool
) -> Path:
    """Return the path of the file to write for a typed name, whose folder exists.

    Args:
        name: as typed; may be a folder.
        complete: returns a path with the suffix that it lacks.
        in_folder: returns the path of a new file in a folder.
        confirmed: the user has agreed to overwrite the file, or to create its folder.

    Raises `UnconfirmedError` where the user has to agree, `UsageError` if the file cannot be written.
    """
    if not name.strip():
        raise UsageError("type a file name")
    try:
        path = path_from(name)
        is_folder = path.is_dir() or name.endswith("/")
        folder = path if is_folder else path.parent
        if not folder.is_dir():
            existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
            if not existing.is_dir():
                raise UsageError(f"{existing} is a file, not a folder")
            if not confirmed:
                raise UnconfirmedError(f"there is no folder {folder}", hint="Enter again creates it")
            folder.mkdir(parents=True)
        path = in_folder(folder) if is_folder else complete(path)
        if path.is_dir():
            raise UsageError(f"{path} is a folder")
        if path.exists() and not confirmed:
            raise UnconfirmedError(f"{path} exists already", hint="Enter again overwrites it")
    except (OSError, ValueError) as error:
        raise UsageError(f"{name}: {getattr(error, 'strerror', None) or error}") from error
    return path


def free_name(run: str, folder: Path, suffixes: Sequence[str] = (".txt", ".jsonl")) -> Path:
    """Return an unused path for the output of a run, such as `shakespeare-1.txt`, with the first of the suffixes."""
    stem = re.sub(r"[^\w.-]+", "-", run)
    index = 1
    while any((folder / f"{stem}-{index}{suffix}").exists() for suffix in suffixes):
        index += 1
    return folder / f"{stem}-{index}{suffixes[0]}"
