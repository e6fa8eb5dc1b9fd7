"""Resume file: everything that a run needs to continue exactly, in one file that is replaced atomically.

Weights, their average, AdamW's moments, the momentum of outer steps, random states, the position in the data, the
carried hidden state, the plan and the best loss so far belong together: one file cannot mix two steps, whenever the
process dies.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from rnntui.atomic_files import parse_json
from rnntui.errors import RunError, UsageError
from rnntui.models.weight_arrays import load_into, weights_of
from rnntui.runs.format_1 import RENAMED_PROGRESS, rename_keys
from rnntui.runs.weights_file import load_arrays, save_arrays
from rnntui.training.adamw import AdamW
from rnntui.training.outer_step import OuterStep
from rnntui.training.progress import TrainingProgress
from rnntui.training.task import Task
from rnntui.training.weight_average import WeightAverage

_MOMENTS = ("exp_avg", "exp_avg_sq", "step")


def save_state(
    path: Path,
    task: Task,
    optimizer: AdamW,
    average: WeightAverage | None,
    outer_step: OuterStep | None,
    progress: TrainingProgress,
) -> None:
    """Write the state of a training to one file.

    Args:
        path: The file to replace.
        task: Its weights and its position are saved.
        optimizer: Its AdamW moments are saved.
        average: Saved if there is one.
        outer_step: Its momentum is saved if there is one.
        progress: Saved as JSON in the metadata.
    """
    arrays: dict[str, NDArray[Any]] = {}
    arrays |= {f"model.{name}": array for name, array in weights_of(task.model).items()}
    for name, parameter in task.model.named_parameters():
        moments = optimizer.state.get(parameter, {})
        arrays |= {f"optimizer.{name}.{key}": moments[key].cpu().numpy() for key in _MOMENTS if key in moments}
    if average is not None:
        arrays |= {f"average.{name}": array for name, array in average.arrays().items()}
    if outer_step is not None:
        arrays |= {f"outer.{name}": array for name, array in outer_step.arrays().items()}
    arrays |= {f"task.{name}": array for name, array in task.position().items()}
    arrays["random.cpu"] = torch.get_rng_state().numpy()
    if task.hardware.device.type == "cuda":
        arrays["random.cuda"] = torch.cuda.get_rng_state().numpy()
    save_arrays(path, arrays, {"progress": json.dumps(asdict(progress))})


def load_state(
    path: Path, task: Task, optimizer: AdamW, average: WeightAverage | None, outer_step: OuterStep | None
) -> TrainingProgress:
    """Restore task, optimizer, average, momentum of outer steps and random generators, and return the progress.

    Args:
        path: The file to read.
        task: Its weights and its position are replaced.
        optimizer: Its AdamW moments are replaced.
        average: Replaced if there is one.
        outer_step: Its momentum is replaced if there is one.

    Raises `RunError` if the file is broken or of another model.
    """
    arrays, metadata = load_arrays(path)
    device = task.hardware.device
    try:
        for name, array in arrays.items():
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                raise ValueError(f"{name} holds values that are not finite")
        load_into(task.model, _with_prefix(arrays, "model."))
        for name, parameter in task.model.named_parameters():
            moments = _with_prefix(arrays, f"optimizer.{name}.")
            if moments:
                for key in _MOMENTS:
                    if moments[key].dtype != np.float32:
                        raise ValueError(f"{key} of {name} holds {moments[key].dtype}")
                for key in _MOMENTS[:2]:
                    if moments[key].shape != tuple(parameter.shape):
                        raise ValueError(f"{key} of {name} has shape {moments[key].shape}")
                # Fused AdamW holds all three on the device of the weights.
                optimizer.state[parameter] = {key: torch.from_numpy(moments[key].copy()).to(device) for key in _MOMENTS}
        if average is not None:
            average.restore(_with_prefix(arrays, "average."))
        if outer_step is not None:
            outer_step.restore(_with_prefix(arrays, "outer."))
        task.restore(_with_prefix(arrays, "task."))
        torch.set_rng_state(torch.from_numpy(arrays["random.cpu"].copy()))
        if device.type == "cuda" and "random.cuda" in arrays:
            torch.cuda.set_rng_state(torch.from_numpy(arrays["random.cuda"].copy()))
        values: dict[str, Any] = rename_keys(parse_json(metadata["progress"]), RENAMED_PROGRESS)
        if "evaluated_step" not in values and values["plan"]["every"]:  # of a version that evaluated at multiples
            values["evaluated_step"] = values["step"] - values["step"] % values["plan"]["every"]
        values.pop("best_score", None)  # of a version that selected by one number
        return TrainingProgress.from_json(values)
    except (KeyError, IndexError, ValueError, TypeError, AttributeError, RuntimeError, UsageError) as error:
        raise RunError(
            f"{path} does not match its run: {str(error)[:200]}", hint="the run cannot be resumed"
        ) from error


def _with_prefix(arrays: dict[str, NDArray[np.generic]], prefix: str) -> dict[str, Any]:
    """Return the arrays whose name begins with a prefix, without it."""
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
