"""Saving all that a run needs to go on exactly, in one file that is replaced whole.

Weights, AdamW's moments, random states, the place in the text, the carried state, the plan and the best loss so far
belong together; one file cannot hold some of one step and some of another, whenever the process dies.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from rnntui.config import Budget
from rnntui.errors import RunError
from rnntui.models.weight_arrays import load_into, weights_of
from rnntui.runs.format_1 import RENAMED_PROGRESS, rename_keys
from rnntui.runs.weights_file import load_arrays, save_arrays
from rnntui.training.plan import Plan
from rnntui.training.task import Task

_MOMENTS = ("exp_avg", "exp_avg_sq", "step")


@dataclass
class Progress:
    """How far a run has come.

    `seconds` is time spent training in all processes; `stale_checks` counts checks since the best one; `loss_sum` and
    `loss_count` are of the training losses since the last row of the metrics; `smoothed_loss` shows divergence.
    `best_score` is what decided on the best weights, lower being better; the other `best_`s are theirs. `reason` says
    why training is over, empty while it is not; the final evaluation may then still be due.
    """

    step: int = 0
    tokens: int = 0
    seconds: float = 0.0
    best_score: float | None = None
    best_loss: float | None = None
    best_bits: float | None = None
    best_metrics: dict[str, float] = field(default_factory=dict)
    best_step: int = 0
    stale_checks: int = 0
    loss_sum: float = 0.0
    loss_count: int = 0
    smoothed_loss: float | None = None
    reason: str = ""
    plan: Plan = field(default_factory=Plan)
    budget: Budget = field(default_factory=Budget)


def save_state(path: Path, task: Task, optimizer: torch.optim.Optimizer, progress: Progress) -> None:
    """Write the whole state to one file."""
    arrays: dict[str, NDArray[Any]] = {}
    arrays |= {f"model.{name}": array for name, array in weights_of(task.model).items()}
    for name, parameter in task.model.named_parameters():
        kept = optimizer.state.get(parameter, {})
        arrays |= {f"optimizer.{name}.{key}": kept[key].cpu().numpy() for key in _MOMENTS if key in kept}
    arrays |= {f"task.{name}": array for name, array in task.position().items()}
    arrays["random.cpu"] = torch.get_rng_state().numpy()
    if task.hardware.device.type == "cuda":
        arrays["random.cuda"] = torch.cuda.get_rng_state().numpy()
    save_arrays(path, arrays, {"progress": json.dumps(asdict(progress))})


def load_state(path: Path, task: Task, optimizer: torch.optim.Optimizer) -> Progress:
    """Put task, optimizer and random generators back where they were. Raises `RunError` if the file is broken."""
    arrays, metadata = load_arrays(path)
    device = task.hardware.device
    try:
        for name, array in arrays.items():
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                raise ValueError(f"{name} holds values that are not finite")
        load_into(task.model, _below(arrays, "model."))
        for name, parameter in task.model.named_parameters():
            kept = _below(arrays, f"optimizer.{name}.")
            if kept:
                # AdamW, fused, keeps all three where the weights are.
                optimizer.state[parameter] = {key: torch.from_numpy(kept[key].copy()).to(device) for key in _MOMENTS}
        task.restore(_below(arrays, "task."))
        torch.set_rng_state(torch.from_numpy(arrays["random.cpu"].copy()))
        if device.type == "cuda" and "random.cuda" in arrays:
            torch.cuda.set_rng_state(torch.from_numpy(arrays["random.cuda"].copy()))
        values: dict[str, Any] = rename_keys(json.loads(metadata["progress"]), RENAMED_PROGRESS)
        values |= {"plan": Plan(**values["plan"]), "budget": Budget(**values["budget"])}
        return Progress(**values)
    except (KeyError, ValueError, TypeError, RuntimeError) as error:
        raise RunError(f"{path} does not fit its run: {error}; the run cannot be resumed") from error


def _below(arrays: dict[str, NDArray[np.generic]], prefix: str) -> dict[str, Any]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
