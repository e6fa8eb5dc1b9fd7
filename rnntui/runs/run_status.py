"""`status.json`: the state and progress of a run, rewritten at every evaluation."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

from rnntui.settings import type_hints

_LIMIT = 1e18  # bound of numbers, since the file is untrusted
_COUNTS = ("step", "steps", "tokens", "seconds", "metrics_bytes")

RunState = Literal["running", "done", "stopped", "failed"]


@dataclass(frozen=True)
class RunStatus:
    """All of `status.json`.

    Args:
        state: running, done, stopped or failed.
        step: steps done.
        steps: total steps; None until a time budget has determined them.
        tokens: tokens read in training.
        seconds: time spent training.
        validation_loss: in nats a token (for a classifier, a text), of the best weights so far; once the run is done,
            from its primary evaluation.
        bits_per_character: from the same evaluation.
        results: metrics such as BLEU of the best weights so far; once the run is done, also all final losses, by name.
        message: why the run failed.
        updated: seconds since 1970.
        process: id of the process that trains it.
        metrics_bytes: bytes of `metrics.jsonl` that were there when the status was written.
        metrics_sha256: SHA-256 of these bytes, as hexadecimal digits; empty if it is not known.
    """

    state: RunState
    step: int = 0
    steps: int | None = None
    tokens: int = 0
    seconds: float = 0.0
    validation_loss: float | None = None
    bits_per_character: float | None = None
    results: dict[str, float] = field(default_factory=dict)
    message: str = ""
    updated: float = 0.0
    process: int = 0
    metrics_bytes: int = 0
    metrics_sha256: str = ""

    @classmethod
    def from_json(cls, values: object) -> RunStatus:
        """Read a status. Raises `TypeError` or `ValueError` if a field is unknown or has another type."""
        if not isinstance(values, dict):
            raise TypeError("a status is a JSON object")
        for name, hint in type_hints(cls).items():
            if name == "state":
                if values.get(name) not in get_args(RunState):
                    raise ValueError(f"unknown state {values.get(name)!r}")
            elif name == "results":
                results = values.get(name, {})
                if not isinstance(results, dict) or not all(isinstance(loss, float) for loss in results.values()):
                    raise TypeError(f"{name} is {results!r}")
            elif name in values:
                value, types = values[name], get_args(hint) or (hint,)
                has_type = isinstance(value, types) or (float in types and isinstance(value, int))
                number = value if isinstance(value, (int, float)) else 0
                is_bounded = -_LIMIT < number < _LIMIT and (number >= 0 or name not in _COUNTS)
                if isinstance(value, bool) or not has_type or not is_bounded:
                    raise TypeError(f"{name} is {str(value)[:40]}")
        return cls(**values)
