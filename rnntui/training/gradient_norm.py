"""Gradient clipping whose result does not depend on the number of threads."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.linalg import vector_norm

# From 32,768 elements on, torch splits a reduction to a single number among its threads, and rounding depends on how
# many there are. Fewer are summed by one thread; so is each row of a matrix.
_SERIAL = 16_384


def clip_gradients(parameters: Iterable[nn.Parameter], max_norm: float) -> Tensor:
    """Scale all gradients down to a total norm of `max_norm` if it is larger (Pascanu et al. 2013, section 3.2).

    Return the norm before that, a scalar tensor.
    """
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    norm = gradient_norm(gradients)
    factor = torch.clamp(max_norm / (norm + 1e-6), max=1.0)
    torch._foreach_mul_(gradients, factor)
    return norm


def gradient_norm(gradients: list[Tensor]) -> Tensor:
    """Return the norm of all gradients together, bit for bit the same on any number of threads."""
    small = [gradient for gradient in gradients if gradient.numel() <= _SERIAL]
    norms = list(torch._foreach_norm(small)) if small else []
    norms += [_norm(gradient) for gradient in gradients if gradient.numel() > _SERIAL]
    return _norm(torch.stack(norms))


def _norm(tensor: Tensor) -> Tensor:
    """Return the norm of all elements, by norms of parts that one thread can sum."""
    parts = tensor
    while parts.numel() > _SERIAL:
        parts = vector_norm(parts.flatten(1), dim=1) if parts.dim() > 1 else torch.stack(_norms_of_parts(parts))
    norm: Tensor = vector_norm(parts)
    return norm


def _norms_of_parts(vector: Tensor) -> list[Tensor]:
    return [vector_norm(part) for part in torch.split(vector, _SERIAL)]
