"""What a user can cause and must be told in one line; the command line turns these into messages and exit codes."""


class RnntuiError(Exception):
    """An error whose text is a whole message: what went wrong, where, and what to do."""

    exit_code = 1


class UsageError(RnntuiError):
    """The command or a setting is wrong: nothing was tried."""

    exit_code = 2


class CorpusError(RnntuiError):
    """A corpus cannot be read, or is not text, or is too small."""


class TokenizerError(RnntuiError):
    """A tokenizer cannot be trained or its file cannot be read."""


class RunError(RnntuiError):
    """A run folder is missing, broken, incomplete or in use."""


class TrainingError(RnntuiError):
    """Training cannot go on: the loss diverged, or the hardware lacks what was asked for."""
