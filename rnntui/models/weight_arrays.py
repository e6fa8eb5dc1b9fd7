"""Conversion between a torch module's weights and numpy arrays by name."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from rnntui.errors import RunError
from rnntui.runs.folder import RunFolder
from rnntui.runs.weights_file import load_weights


def weights_of(model: nn.Module) -> dict[str, NDArray[np.float32]]:
    """Return copies of the weights by name, in float32 as they are stored on disk; shared ones once."""
    return {name: p.detach().to("cpu", torch.float32).numpy().copy() for name, p in model.named_parameters()}


def load_into(model: nn.Module, weights: Mapping[str, NDArray[np.float32]]) -> None:
    """Copy weights into a model of the same configuration.

    Raises `KeyError` where one is missing, `ValueError` where one has another shape.
    """
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            weight = weights[name]
            if weight.shape != tuple(parameter.shape):
                raise ValueError(f"{name} has shape {weight.shape}, the model {tuple(parameter.shape)}")
            parameter.copy_(torch.from_numpy(weight))


def load_best_weights(model: nn.Module, run: RunFolder) -> None:
    """Load a run's best weights into a model. Raises `RunError` if they are not this model's."""
    try:
        load_into(model, load_weights(run.weights_file))
    except (KeyError, ValueError) as error:
        raise RunError(f"{run.weights_file} does not belong to {run.config_file}: {error}") from error
