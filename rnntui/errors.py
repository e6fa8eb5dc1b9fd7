"""Errors that a user can cause, and exit codes; the command line turns them into one line on stderr.

An error carries its parts as data: the problem, the setting that it is about, and a hint at what to do. A form can thus
show the problem beside the right field without reading the message.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Collection
from pathlib import Path

INTERRUPTED_EXIT_CODE = 130
"""Exit code of a command that was interrupted, as shells give to a process that SIGINT ended."""


class RnntuiError(Exception):
    """An error whose text is a whole message: the problem, where it is, and what to do.

    Args:
        problem: the message without the hint.
        setting: name of the option that the problem is about, as in `learning_rate`; empty if it is about none.
        hint: what to do about it; appended to the message behind a semicolon.
    """

    exit_code = 1

    def __init__(self, problem: str, *, setting: str = "", hint: str = "") -> None:
        super().__init__(f"{problem}; {hint}" if hint else problem)
        self.problem, self.setting, self.hint = problem, setting, hint


class UsageError(RnntuiError):
    """The command or a setting is wrong; nothing was tried."""

    exit_code = 2


class MissingExtraError(UsageError):
    """Optional libraries that a command needs are not installed."""


class UnconfirmedError(UsageError):
    """Something would be overwritten or created that the user may not expect; asked again, the same line does it."""


class CorpusError(RnntuiError):
    """A corpus cannot be read, is not text, or is too small."""


class TokenizerError(RnntuiError):
    """A tokenizer cannot be trained, or its file cannot be read."""


class RunError(RnntuiError):
    """A run folder is missing, broken, incomplete or in use."""


class TrainingError(RnntuiError):
    """Training cannot go on: the loss diverged, or the hardware lacks what was asked for."""


class CancelledError(Exception):
    """Raised by a computation that was cancelled because nobody waits for its result any more."""


_FORBIDDEN = {errno.EACCES, errno.EPERM}
_NO_FOLDER = {errno.ENOENT, errno.ENOTDIR}
_HINTS = {
    errno.EACCES: "check its permissions",
    errno.EPERM: "check its permissions",
    errno.EROFS: "choose a place that can be written to",
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some of your disk quota",
    errno.ENOENT: "check the name and its folder",
    errno.ENOTDIR: "check the name and its folder",
    errno.EISDIR: "name a file",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.ELOOP: "check the links that it leads through",
    errno.EMFILE: "allow more open files (ulimit -n)",
    errno.ENFILE: "close other programs",
    errno.EIO: "check its disk",
    errno.ESTALE: "check the connection to its disk",
}


def os_error_hint(error: OSError, default: str = "") -> str:
    """Return what to do about an error of the operating system; `default` where its number does not tell."""
    return _HINTS.get(error.errno or 0, default)


def did_you_mean(word: str, known: Collection[str], limit: int = 1, dashes: str = "") -> str:
    """Return a hint that names what a mistyped word may mean, as in `did you mean a or b?`; empty if nothing is near.

    Names that begin with the word come first, then similar ones, `limit` of them at most.

    Args:
        word: the word as typed, without dashes.
        known: the names, without dashes, which would make all of them similar.
        limit: number of names at most.
        dashes: put before each name in the hint.
    """
    from difflib import get_close_matches

    if word in known:
        return f"did you mean {dashes}{word}?"
    begun = sorted(name for name in known if word and name.startswith(word))
    similar = [*dict.fromkeys([*begun, *get_close_matches(word, known, n=limit)])][:limit]
    *others, last = [dashes + name for name in similar] or [""]
    return f"did you mean {', '.join(others)}{' or ' if others else ''}{last}?" if last else ""


def read_error(name: str | Path, error: OSError, *, flag: str = "") -> RnntuiError:
    """Return the error for a file that a user named and that cannot be read, with what to do about it.

    A wrong name is a `UsageError`; a file that is there, but cannot be read, a `CorpusError`.

    Args:
        name: the file as the user named it.
        error: what opening or reading it raised.
        flag: the option that named it, as in `--config`; empty if it was an argument.
    """
    setting, option = flag.removeprefix("--").replace("-", "_"), f"{flag}: " if flag else ""
    if error.errno in _NO_FOLDER:
        return UsageError(f"{option}{name}: no such file", setting=setting, hint="check the name and its folder")
    if error.errno == errno.EISDIR:
        return UsageError(f"{option}{name}: it is a folder", setting=setting, hint="name a file")
    hint = "allow reading it" if error.errno in _FORBIDDEN else os_error_hint(error)
    hint = f"{hint}, or name another file" if hint else "name another file"
    return CorpusError(f"{option}cannot read {name}: {error.strerror or error}", setting=setting, hint=hint)


def write_error(path: Path, error: OSError, error_class: type[RnntuiError] = RnntuiError) -> RnntuiError:
    """Return the error for a file or folder that cannot be written, with what to do about it."""
    reason, hint = error.strerror or str(error), os_error_hint(error)
    if error.errno in _NO_FOLDER:
        target = Path(os.path.realpath(path)) if path.is_symlink() else path  # a loop of links too, unlike resolve
        reason, hint = f"there is no folder {target.parent}", "create it, or choose another place"
    elif error.errno == errno.EISDIR:
        reason = "it is a folder"
    elif error.errno in _FORBIDDEN:
        hint = "allow writing there, or choose another place"
    elif error.errno not in (errno.EROFS, errno.ENAMETOOLONG):
        hint = f"{hint}, or choose another place" if hint else "choose another place"
    return error_class(f"cannot write {path}: {reason}", hint=hint)
