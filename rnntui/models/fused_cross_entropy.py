"""Output layer and cross entropy fused: for large vocabularies this takes less time and far less memory."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

_CHUNK_LOGITS = 2**21  # logits computed at a time: 8 MB, which stay in a CPU's cache through all passes over them


class FusedLinearCrossEntropy(torch.autograd.Function):
    """Mean cross entropy with label smoothing of an affine output layer (Szegedy et al. 2016, section 7).

    Logits are computed for a chunk of rows at a time, turned into their own gradient in place, and dropped, so that
    the `(N, V)` logits are never held all at once. The gradients are thus computed in the forward pass already; the
    backward pass only scales them.
    """

    @staticmethod
    def forward(ctx: Any, vectors: Tensor, weight: Tensor, bias: Tensor, targets: Tensor, smoothing: float) -> Tensor:
        """Return the loss; see `fused_linear_cross_entropy`."""
        count, vocab_size = len(vectors), len(weight)
        chunk_rows = max(1, _CHUNK_LOGITS // vocab_size)
        with torch.autocast(vectors.device.type, enabled=False):
            cast_weight = weight.to(vectors.dtype)
            weight_grad, bias_grad = torch.zeros_like(weight), torch.zeros_like(bias)
            vectors_grad = torch.empty_like(vectors)
            total = torch.zeros((), dtype=weight.dtype, device=weight.device)
            for start in range(0, count, chunk_rows):
                chunk = vectors[start : start + chunk_rows]  # (R, E)
                chunk_targets = targets[start : start + chunk_rows, None]  # (R, 1)
                logits = (chunk @ cast_weight.T).to(weight.dtype).add_(bias)  # (R, V)
                maxima = logits.amax(1, keepdim=True)  # (R, 1)
                target_logits = logits.gather(1, chunk_targets)
                expected_logits = (1 - smoothing) * target_logits + smoothing * logits.mean(1, keepdim=True)
                sums = logits.sub_(maxima).exp_().sum(1, keepdim=True)
                total += (sums.log() + maxima - expected_logits).sum()
                # The gradient of the logits: the softmax, less the smoothed target distribution.
                logits_grad = logits.mul_(1 / sums).sub_(smoothing / vocab_size)
                logits_grad.scatter_add_(1, chunk_targets, torch.full_like(target_logits, smoothing - 1))
                logits_grad.mul_(1 / count)
                bias_grad += logits_grad.sum(0)
                logits_grad = logits_grad.to(vectors.dtype)
                vectors_grad[start : start + chunk_rows] = logits_grad @ cast_weight
                if chunk.dtype == weight.dtype:
                    weight_grad.addmm_(logits_grad.T, chunk)
                else:
                    weight_grad += logits_grad.T @ chunk
        ctx.save_for_backward(vectors_grad, weight_grad, bias_grad)
        return total / count

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of vectors, weight and bias, scaled by the gradient of the loss."""
        vectors_grad, weight_grad, bias_grad = ctx.saved_tensors
        [loss_grad] = gradients
        return (
            loss_grad.to(vectors_grad.dtype) * vectors_grad,
            loss_grad * weight_grad,
            loss_grad * bias_grad,
            None,
            None,
        )


def fused_linear_cross_entropy(
    vectors: Tensor, weight: Tensor, bias: Tensor, targets: Tensor, smoothing: float
) -> Tensor:
    """Return the mean loss in nats, a scalar: `cross_entropy(linear(vectors, weight, bias), targets, smoothing)`.

    Matrix products are computed in the dtype of the vectors, the softmax and all sums in that of the weight.

    Args:
        vectors: inputs of the output layer `(N, E)`.
        weight: `(V, E)`.
        bias: `(V,)`.
        targets: ids of the correct tokens `(N,)`.
        smoothing: the share of the target distribution that is spread evenly over the vocabulary.
    """
    loss: Tensor = FusedLinearCrossEntropy.apply(vectors, weight, bias, targets, smoothing)  # type: ignore[no-untyped-call]
    return loss
