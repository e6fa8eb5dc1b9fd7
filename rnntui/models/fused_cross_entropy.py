"""The output layer and its loss in one: large vocabularies cost less time, and far less memory."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

_ENTRIES = 2**21  # logits at a time: 8 MB, which stay in a processor's cache from the first pass over them to the last


class FusedLinearCrossEntropy(torch.autograd.Function):
    """Mean cross entropy with label smoothing of an affine output layer (Szegedy et al. 2016, section 7).

    Logits are made for some of the rows at a time, turned into their own gradient in place, and dropped: of the
    `(N, V)` numbers no more than a part is ever held. The gradients are thereby taken already in the forward pass,
    and the backward one only scales them.
    """

    @staticmethod
    def forward(ctx: Any, vectors: Tensor, weight: Tensor, bias: Tensor, expected: Tensor, smoothing: float) -> Tensor:
        """The loss of `vectors (N, E)` through `weight (V, E)` and `bias (V,)`, where `expected (N,)` is right.

        Products are taken in the type of the vectors, the softmax and all sums in that of the weight.
        """
        count, size = len(vectors), len(weight)
        rows = max(1, _ENTRIES // size)
        with torch.autocast(vectors.device.type, enabled=False):
            low = weight.to(vectors.dtype)
            to_weight, to_bias = torch.zeros_like(weight), torch.zeros_like(bias)
            to_vectors = torch.empty_like(vectors)
            total = torch.zeros((), dtype=weight.dtype, device=weight.device)
            for first in range(0, count, rows):
                some, right = vectors[first : first + rows], expected[first : first + rows, None]
                logits = (some @ low.T).to(weight.dtype).add_(bias)  # (R, V)
                most = logits.amax(1, keepdim=True)
                wanted = (1 - smoothing) * logits.gather(1, right) + smoothing * logits.mean(1, keepdim=True)
                sums = logits.sub_(most).exp_().sum(1, keepdim=True)
                total += (sums.log() + most - wanted).sum()
                # The gradient of the logits: what the model believes, less what it should.
                error = logits.mul_(1 / sums).sub_(smoothing / size)
                error.scatter_add_(1, right, torch.full_like(wanted, smoothing - 1)).mul_(1 / count)
                to_bias += error.sum(0)
                error = error.to(vectors.dtype)
                to_vectors[first : first + rows] = error @ low
                if some.dtype == weight.dtype:
                    to_weight.addmm_(error.T, some)
                else:
                    to_weight += error.T @ some
        ctx.save_for_backward(to_vectors, to_weight, to_bias)
        return total / count

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        to_vectors, to_weight, to_bias = ctx.saved_tensors
        [gradient] = gradients
        return gradient.to(to_vectors.dtype) * to_vectors, gradient * to_weight, gradient * to_bias, None, None


def fused_linear_cross_entropy(
    vectors: Tensor, weight: Tensor, bias: Tensor, expected: Tensor, smoothing: float
) -> Tensor:
    """The mean loss in nats, a scalar; as `cross_entropy(linear(vectors, weight, bias), expected, smoothing)`."""
    loss: Tensor = FusedLinearCrossEntropy.apply(vectors, weight, bias, expected, smoothing)  # type: ignore[no-untyped-call]
    return loss
