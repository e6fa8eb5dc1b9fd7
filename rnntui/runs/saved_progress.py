"""Progress that a resume file records, read from its header alone: no weights, no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rnntui.atomic_files import parse_json
from rnntui.config import Budget
from rnntui.errors import UsageError

_MAX_HEADER = 1 << 22  # bytes, since the file is untrusted; a header takes some kilobytes


@dataclass(frozen=True)
class SavedProgress:
    """Part of a run's progress that neither `config.json` nor `status.json` has.

    Args:
        budget: budget of the whole run; that of `config.json` unless the run was resumed with another.
        best_step: step of the best weights so far.
        is_over: True if patience has ended the steps; the final evaluation may still be due.
    """

    budget: Budget
    best_step: int
    is_over: bool


def read_saved_progress(path: Path) -> SavedProgress | None:
    """Return the progress in a resume file; None if there is no file, or none that can be read."""
    try:
        with path.open("rb") as file:
            # A safetensors file begins with the length of its JSON header in 8 bytes, little-endian.
            length = int.from_bytes(file.read(8), "little")
            header = parse_json(file.read(length)) if length <= _MAX_HEADER else {}
        values: dict[str, Any] = parse_json(header["__metadata__"]["progress"])
        step = values["best_step"]
        if type(step) is not int or step < 0:
            raise ValueError(f"best_step is {step!r}")
        return SavedProgress(Budget(**values["budget"]), step, bool(values["reason"]))
    except (OSError, ValueError, KeyError, TypeError, UsageError):
        return None
