"""The output layer and its loss in one: the numbers of the two apart."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import cross_entropy, linear

from rnntui.models import fused_cross_entropy as module
from rnntui.models.fused_cross_entropy import fused_linear_cross_entropy


def apart(vectors, weight, bias, expected, smoothing):
    return cross_entropy(linear(vectors, weight, bias), expected, label_smoothing=smoothing)


def parameters(count: int, size: int, width: int) -> tuple[torch.Tensor, ...]:
    torch.manual_seed(count)
    shapes = ((count, width), (size, width), (size,))
    return tuple(torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in shapes)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("at_a_time", [1, 14, 10**6], ids=["a row", "some rows", "all rows"])
def test_loss_and_gradients_are_those_of_the_layer_and_the_loss_apart(
    smoothing: float, at_a_time: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_CHUNK_LOGITS", at_a_time)
    given = parameters(11, 7, 5)
    expected = torch.arange(11) % 7
    found, wanted = (loss(*given, expected, smoothing) for loss in (fused_linear_cross_entropy, apart))
    torch.testing.assert_close(found, wanted)
    for ours, theirs in zip(torch.autograd.grad(3 * found, given), torch.autograd.grad(3 * wanted, given), strict=True):
        torch.testing.assert_close(ours, theirs)


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
    expected = torch.arange(11) % 7
    found = fused_linear_cross_entropy(vectors, weight, bias, expected, 0.1)
    wanted = apart(vectors.detach().float(), weight, bias, expected, 0.1)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, wanted, rtol=2e-2, atol=2e-2)
    found.backward()
    assert vectors.grad is not None and vectors.grad.dtype == torch.bfloat16
    assert weight.grad is not None and weight.grad.dtype == torch.float32
