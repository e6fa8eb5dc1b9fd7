"""Conversion between a torch module's weights and numpy arrays by name."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn


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
