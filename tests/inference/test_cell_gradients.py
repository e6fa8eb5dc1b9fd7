"""The backward pass of the cells in numpy, against torch.autograd in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rnntui.inference.cell_gradients import input_gradient
from rnntui.inference.cells import CELL_CLASSES, RNNCell

CELLS = [("lstm", "tanh"), ("gru", "tanh"), ("rnn", "tanh"), ("rnn", "relu")]
STEPS, BATCH, INPUTS, HIDDEN = 9, 3, 5, 7


@pytest.mark.parametrize(("cell_name", "nonlinearity"), CELLS)
def test_the_gradient_of_a_layers_inputs_is_that_of_autograd(cell_name: str, nonlinearity: str) -> None:
    torch.manual_seed(3)
    options = {"nonlinearity": nonlinearity} if cell_name == "rnn" else {}
    layer = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU, "rnn": torch.nn.RNN}[cell_name](INPUTS, HIDDEN, **options)
    layer = layer.double()
    weights = [parameter.detach().numpy() * 2 for parameter in layer.parameters()]  # gates away from their middle
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.mul_(2)
    inputs = torch.randn(STEPS, BATCH, INPUTS, dtype=torch.float64, requires_grad=True)
    output_gradient = torch.randn(STEPS, BATCH, HIDDEN, dtype=torch.float64)
    outputs, _ = layer(inputs)
    (expected,) = torch.autograd.grad(outputs, inputs, output_gradient)

    cell = RNNCell(*weights, nonlinearity) if cell_name == "rnn" else CELL_CLASSES[cell_name](*weights)
    result = input_gradient(cell, inputs.detach().numpy(), outputs.detach().numpy(), output_gradient.numpy())
    np.testing.assert_allclose(result, expected.numpy(), rtol=1e-9, atol=1e-12)
