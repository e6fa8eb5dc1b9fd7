"""AdamW follows its equations, and starts without torch's compiler."""

from __future__ import annotations

import os

import numpy as np
import pytest
import torch
from forks import Forks

from rnntui.training.adamw import AdamW


@pytest.mark.parametrize("fused", [True, False])
def test_it_follows_the_equations(fused: bool) -> None:
    """In float64, Loshchilov and Hutter (2019), algorithm 2; `torch.optim.AdamW` would import the compiler here too."""
    torch.manual_seed(1)
    weights = [torch.nn.Parameter(torch.randn(shape)) for shape in ((7, 5), (5,), (3, 3))]
    decays = [0.1, 0.1, 0.0]
    groups = [
        {"params": weights[:2], "lr": 1.0, "weight_decay": 0.1},
        {"params": weights[2:], "lr": 1.0, "weight_decay": 0.0},
    ]
    optimizer = AdamW(groups, (0.9, 0.95), fused)
    expected = [weight.detach().double().numpy() for weight in weights]
    means = [np.zeros_like(weight) for weight in expected]
    squares = [np.zeros_like(weight) for weight in expected]
    counts = [0, 0, 0]
    for step in range(6):
        optimizer.zero_grad()
        assert all(weight.grad is None for weight in weights)
        rate = groups[0]["lr"] = groups[1]["lr"] = 0.1 / (step + 1)
        for i in range(3 if step > 2 else 2):  # the last weight is frozen at first
            weights[i].grad = torch.randn_like(weights[i])
            gradient = weights[i].grad.double().numpy()
            counts[i] += 1
            means[i] = 0.9 * means[i] + 0.1 * gradient
            squares[i] = 0.95 * squares[i] + 0.05 * gradient**2
            corrected = means[i] / (1 - 0.9 ** counts[i])
            deviation = np.sqrt(squares[i] / (1 - 0.95 ** counts[i]))
            expected[i] = expected[i] * (1 - rate * decays[i]) - rate * corrected / (deviation + 1e-8)
        optimizer.step()
    for weight, values, count in zip(weights, expected, counts, strict=True):
        np.testing.assert_allclose(weight.detach().numpy(), values, rtol=1e-5, atol=1e-6)
        assert optimizer.state[weight]["step"] == count


@pytest.mark.skipif(os.name != "posix", reason="forks")
def test_a_training_does_not_import_the_compiler(make_run, forks: Forks) -> None:
    run = make_run(steps=3, evaluations=1)
    forks.start(f"""
train_run(RunFolder(Path({str(run.path)!r})), lambda event: None, lambda: False)
print("torch._dynamo" in sys.modules, flush=True)
""")
    assert list(forks.output()) == ["False"]
    assert run.read_status().step == 3
