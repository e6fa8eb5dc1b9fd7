"""Errors that a user can cause, and exit codes; the command line turns them into one line on stderr.

An error carries its parts as data: the problem, the setting that it is about, and a hint at what to do. A form can thus
show the problem beside the right field without reading the message.
"""

from __future__ import annotations

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
