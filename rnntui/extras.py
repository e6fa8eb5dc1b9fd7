"""Optional libraries, by the extra of the package that installs them, and the error where they are missing."""

from __future__ import annotations

import importlib.util

from rnntui.errors import MissingExtraError

EXTRAS = {
    "train": ("torch", "sacrebleu", "psutil", "lxml"),
    "documents": ("inscriptis", "mammoth", "lxml"),
    "fast": ("onnxruntime",),
    "png": ("resvg_py",),
    "serve": ("starlette", "uvicorn", "textual_serve"),
    "tune": ("optuna",),
}
"""Modules that each extra installs; `optional-dependencies` in `pyproject.toml` has the same extras."""

_ADVICE = {"train": " (for a small CPU build, install torch first: pytorch.org/get-started)"}


def missing_modules(extra: str) -> list[str]:
    """Return the modules of an extra that are not installed; none is imported."""
    return [name for name in EXTRAS[extra] if importlib.util.find_spec(name) is None]


def require_extra(extra: str, task: str) -> None:
    """Raise `MissingExtraError` unless the libraries of an extra are installed; `task` says what needs them."""
    missing = missing_modules(extra)
    if missing:
        raise missing_extra(extra, f"{task} needs {' and '.join(missing)}, not installed here")


def missing_extra(extra: str, problem: str) -> MissingExtraError:
    """Return the error for a missing extra: what needs it, and the command that installs it."""
    return MissingExtraError(problem, hint=f"pip install {requirement(extra)}{_ADVICE.get(extra, '')}")


def requirement(extra: str) -> str:
    """Return what `pip install` installs an extra by, quoted for a shell."""
    return f"'rnntui[{extra}]'"
