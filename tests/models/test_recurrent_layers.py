"""Recurrent layers on a CPU: values and gradients of torch's modules, and a state in full precision under autocast."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from rnntui.config_language_model import LanguageModelConfig
from rnntui.models.layers import State, recurrent_layers, run_recurrent_layers
from rnntui.training.device import choose_hardware

CELLS = [("lstm", "tanh"), ("gru", "tanh"), ("rnn", "tanh"), ("rnn", "relu")]
HAS_BF16 = choose_hardware("cpu", "auto", 1).bf16
needs_bf16 = pytest.mark.skipif(not HAS_BF16, reason="this processor does not compute in bf16")

Run = Callable[[nn.RNNBase, Tensor, State | None], tuple[Tensor, State]]


def layers_of(cell: str, nonlinearity: str, layers: int, hidden: int = 6, dropout: float = 0.0) -> nn.RNNBase:
    torch.manual_seed(1)
    config = LanguageModelConfig(cell=cell, nonlinearity=nonlinearity)  # type: ignore[arg-type]
    return recurrent_layers(config, 5, hidden, layers, dropout)


def by_torch(rnn: nn.RNNBase, inputs: Tensor, state: State | None) -> tuple[Tensor, State]:
    initial = state if state is None or len(state) == 2 else state[0]
    hidden, final = rnn(inputs, initial)
    return hidden, final if isinstance(final, tuple) else (final,)


def leaves_of(rnn: nn.RNNBase, steps: int) -> tuple[Tensor, State]:
    """Return inputs `(T, 3, 5)` and an initial state with gradients, in the dtype of the layers."""
    torch.manual_seed(2)
    kind = rnn.weight_hh_l0.dtype
    count = 2 if isinstance(rnn, nn.LSTM) else 1
    state = tuple(torch.randn(rnn.num_layers, 3, rnn.hidden_size, dtype=kind, requires_grad=True) for _ in range(count))
    return torch.randn(steps, 3, 5, dtype=kind, requires_grad=True), state


def results_of(run: Run, rnn: nn.RNNBase, steps: int, given: bool) -> list[Tensor]:
    """Return hidden states, final state, and the gradients of a random loss of both."""
    inputs, state = leaves_of(rnn, steps)
    hidden, final = run(rnn, inputs, state if given else None)
    torch.manual_seed(3)
    loss = sum((tensor.float() * torch.randn(tensor.shape)).sum() for tensor in (hidden, *final))
    leaves = [inputs, *rnn.parameters(), *(state if given else ())]
    return [hidden, *final, *torch.autograd.grad(loss, leaves)]


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("given", [False, True], ids=["zeros", "initial state"])
@pytest.mark.parametrize("cell", CELLS, ids="-".join)
def test_values_and_gradients_are_those_of_torch(cell: tuple[str, str], given: bool, layers: int) -> None:
    rnn = layers_of(*cell, layers).double()
    for steps in (1, 7):
        expected = results_of(by_torch, rnn, steps, given)
        for result, by_module in zip(results_of(run_recurrent_layers, rnn, steps, given), expected, strict=True):
            torch.testing.assert_close(result, by_module, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("cell", CELLS[1:], ids="-".join)
def test_gradients_are_those_of_difference_quotients(cell: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnntui.models.sequence_functions._BLOCK_NUMBERS", 2 * 3 * 3 * 6)  # two steps a block
    rnn = layers_of(*cell, 2).double()
    inputs, state = leaves_of(rnn, 5)

    def function(*leaves: Tensor) -> tuple[Tensor, ...]:
        hidden, final = run_recurrent_layers(rnn, leaves[0], (leaves[1],))
        return hidden, *final

    assert torch.autograd.gradcheck(function, (inputs, *state), fast_mode=True)


@pytest.mark.parametrize("cell", CELLS, ids="-".join)
def test_results_are_the_same_without_gradients_and_in_parts(cell: tuple[str, str]) -> None:
    rnn = layers_of(*cell, 2)
    inputs, state = leaves_of(rnn, 9)
    expected, expected_final = run_recurrent_layers(rnn, inputs, state)
    for mode in (torch.no_grad, torch.inference_mode):
        with mode():
            first, middle = run_recurrent_layers(rnn, inputs[:4], state)
            second, final = run_recurrent_layers(rnn, inputs[4:], middle)
        torch.testing.assert_close(torch.cat([first, second]), expected)
        for result, tensor in zip(final, expected_final, strict=True):
            torch.testing.assert_close(result, tensor)


@pytest.mark.parametrize("cell", CELLS, ids="-".join)
@pytest.mark.parametrize("precision", ["fp32", pytest.param("bf16", marks=needs_bf16)])
def test_dropout_between_layers_and_repeatability(cell: tuple[str, str], precision: str) -> None:
    rnn = layers_of(*cell, 2, dropout=0.5)
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
        first, again = (results_of(run_recurrent_layers, rnn, 8, True) for _ in range(2))
        assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
        rnn.eval()
        without = results_of(run_recurrent_layers, rnn, 8, True)
    assert not torch.allclose(without[0], first[0], atol=1e-3)


@pytest.mark.parametrize("cell", CELLS[:3], ids="-".join)
@pytest.mark.parametrize("precision", ["fp32", pytest.param("bf16", marks=needs_bf16)])
def test_weight_dropout_leaves_out_recurrent_weights_for_a_whole_window(cell: tuple[str, str], precision: str) -> None:
    rnn = layers_of(*cell, 2, hidden=16)
    inputs, state = leaves_of(rnn, 8)
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
        hidden, _ = run_recurrent_layers(rnn, inputs, state, 0.4)
        hidden.float().sum().backward()
        kept = [rnn.weight_hh_l0.grad != 0, rnn.weight_hh_l1.grad != 0]
        with torch.no_grad():  # the same, written out: weights without those that were left out
            for weights, mask in zip((rnn.weight_hh_l0, rnn.weight_hh_l1), kept, strict=True):
                weights.mul_(mask / 0.6)
        rnn.eval()
        expected, _ = run_recurrent_layers(rnn, inputs, state, 0.4)
    torch.testing.assert_close(hidden, expected, rtol=1e-2, atol=1e-2)
    assert not torch.equal(*kept)
    assert [float(mask.float().mean()) for mask in kept] == pytest.approx([0.6, 0.6], abs=0.1)
    assert all(bool((weights.grad != 0).all()) for weights in (rnn.weight_ih_l0, rnn.weight_ih_l1))


@needs_bf16
@pytest.mark.parametrize("cell", CELLS, ids="-".join)
@pytest.mark.parametrize("steps", [2, 12], ids=["plain products", "packed products"])
def test_bf16_products_are_close_to_full_precision(cell: tuple[str, str], steps: int) -> None:
    rnn = layers_of(*cell, 2, hidden=64)
    expected = results_of(by_torch, rnn, steps, True)
    with torch.autocast("cpu", torch.bfloat16):
        results = results_of(run_recurrent_layers, rnn, steps, True)
    finals = slice(1, 3 if cell[0] == "lstm" else 2)
    assert results[0].dtype == torch.bfloat16
    assert all(tensor.dtype == torch.float32 for tensor in results[finals][-1:]), "the state is in fp32"
    tolerance = 0.1 if cell[1] == "relu" else 0.02  # where rounding changes the sign of a ReLU's input, its slope jumps
    for result, exact in zip(results, expected, strict=True):
        assert bool((result.float() - exact).norm() < tolerance * exact.norm())


@needs_bf16
def test_the_cell_state_of_an_lstm_counts_in_bf16() -> None:
    rnn = layers_of("lstm", "tanh", 1)
    with torch.no_grad():
        for parameter in rnn.parameters():
            parameter.zero_()
        input_gate, forget_gate, candidate, _ = rnn.bias_ih_l0.view(4, -1)
        input_gate.fill_(20.0)
        forget_gate.fill_(20.0)
        candidate.fill_(0.01)  # so it adds tanh(0.01) at each step; autocast's own stands still at 4
        rnn.bias_hh_l0.zero_()
        with torch.autocast("cpu", torch.bfloat16):
            _, (_, count) = run_recurrent_layers(rnn, torch.zeros(1000, 1, 5))
    torch.testing.assert_close(count, torch.full_like(count, 10.0), rtol=1e-3, atol=0.0)
