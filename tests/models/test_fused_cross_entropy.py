"""Fused output layer and cross entropy, against the two computed separately."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import cross_entropy, linear

from rnntui.models import fused_cross_entropy as module
from rnntui.models.fused_cross_entropy import fused_linear_cross_entropy


def separate(vectors, weight, bias, targets, smoothing):
    return cross_entropy(linear(vectors, weight, bias), targets, label_smoothing=smoothing)


def parameters(count: int, size: int, width: int) -> tuple[torch.Tensor, ...]:
    torch.manual_seed(count)
    shapes = ((count, width), (size, width), (size,))
    return tuple(torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in shapes)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("chunk_logits", [1, 14, 10**6], ids=["a row", "some rows", "all rows"])
def test_loss_and_gradients_equal_those_of_separate_layer_and_loss(
    smoothing: float, chunk_logits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_CHUNK_LOGITS", chunk_logits)
    inputs = parameters(11, 7, 5)
    targets = torch.arange(11) % 7
    fused, expected = (loss(*inputs, targets, smoothing) for loss in (fused_linear_cross_entropy, separate))
    torch.testing.assert_close(fused, expected)
    fused_grads, expected_grads = (torch.autograd.grad(3 * loss, inputs) for loss in (fused, expected))
    torch.testing.assert_close(fused_grads, expected_grads)


def test_certain_and_impossible_tokens_keep_the_loss_finite() -> None:
    weight = torch.tensor([[1e4], [-1e4]], requires_grad=True)
    vectors = torch.ones(2, 1, requires_grad=True)
    loss = fused_linear_cross_entropy(vectors, weight, torch.zeros(2, requires_grad=True), torch.tensor([0, 1]), 0.0)
    assert loss.item() == pytest.approx(1e4)
    loss.backward()
    assert weight.grad is not None and weight.grad.flatten().tolist() == pytest.approx([0.5, -0.5])


def test_vectors_of_lower_precision_get_gradients_of_their_own_type() -> None:
    _, weight, bias = (tensor.detach().float().requires_grad_() for tensor in parameters(11, 7, 5))
    vectors = torch.randn(11, 5).bfloat16().requires_grad_()
    targets = torch.arange(11) % 7
    loss = fused_linear_cross_entropy(vectors, weight, bias, targets, 0.1)
    expected = separate(vectors.detach().float(), weight, bias, targets, 0.1)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, expected, rtol=2e-2, atol=2e-2)
    loss.backward()
    assert vectors.grad is not None and vectors.grad.dtype == torch.bfloat16
    assert weight.grad is not None and weight.grad.dtype == torch.float32
