"""Self-check of torch's kernels against the equations in numpy, before anything is trained or evaluated."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from rnntui.config import RecurrentConfig
from rnntui.errors import TrainingError
from rnntui.inference.cells import CELL_CLASSES
from rnntui.models.layers import recurrent_layers, run_recurrent_layers, state_count
from rnntui.training.device import Hardware

Array = NDArray[Any]

# Sizes at which the known fault shows at every number of threads from 2 to 64; with one text it does not at 2.
_STEPS, _BATCH, _HIDDEN = 4, 16, 64
_ROWS, _INPUTS, _OUTPUTS = 256, 64, 1024
_DIRECTIONS = 2
_DIFFERENCE = 1e-7  # step of the difference quotient, in float64: so small that no ReLU's input changes its sign

# Over all cells and one to four threads, errors were up to 1e-6 in fp32 and 0.05 in bf16; those of wrong kernels were
# 0.5 and more. On a GPU, fp32 may be TF32, which keeps 10 bits.
_TOLERANCES = {"fp32": 1e-4, "bf16": 0.15}
_GPU_TOLERANCE = 0.15

_LIBRARY_PREFIXES = ("OMP_", "GOMP_", "KMP_", "MKL_", "ONEDNN_", "DNNL_", "ATEN_", "OPENBLAS_")


def check_kernels(config: RecurrentConfig, hardware: Hardware, threads: Iterable[int]) -> None:
    """Compute a small recurrent layer and a matrix product, and compare values and gradients with the equations.

    In some environments torch's kernels return wrong numbers without an error. With OMP_DYNAMIC=true, for instance,
    OpenMP starts fewer threads than torch 2.13 divides an fp32 LSTM or a bf16 product among, and the part of the other
    threads stays uninitialized.

    Random generators and the number of threads are left as they were.

    Args:
        config: the model's cell and nonlinearity.
        hardware: device and precision to check.
        threads: numbers of CPU threads to check.

    Raises `TrainingError` if a value or a gradient is wrong.
    """
    checks = (_RecurrentCheck(config, hardware), _ProductCheck(hardware))
    tolerance = _TOLERANCES[hardware.precision] if hardware.device.type == "cpu" else _GPU_TOLERANCE
    with _restored_threads(), np.errstate(all="ignore"):
        # The largest number first: where a kernel leaves a part of its result out, there is what was in memory before,
        # which could be the right numbers of an earlier call.
        for count in sorted(set(threads), reverse=True):
            torch.set_num_threads(count)
            for check in checks:
                error = check.error()
                if not error <= tolerance:  # also where it is not a number
                    raise _wrong_numbers(check.name, error, hardware, count)


class _RecurrentCheck:
    """A recurrent layer of T steps, B texts and H units, in torch against `rnntui.inference.cells` in float64.

    `_values` are the layer's parameters by their names, its inputs `x (T, B, H)` and its initial state `state
    (C, B, H)`. The loss is the sum of the hidden states times `_loss_weights (T, B, H)`. The gradient is compared by
    its products with random directions, which numpy knows from differences of the loss: `_slopes`.
    """

    def __init__(self, config: RecurrentConfig, hardware: Hardware) -> None:
        self.name = f"a small {config.cell}"
        self._config, self._hardware = config, hardware
        with torch.random.fork_rng(devices=[]):  # creating a layer draws its weights
            self._rnn = recurrent_layers(config, _HIDDEN, _HIDDEN, 1, 0.0)
        rng = np.random.default_rng(1)
        scale = _HIDDEN**-0.5
        self._values = {
            name: _rounded(rng.uniform(-scale, scale, tuple(parameter.shape)))
            for name, parameter in self._rnn.named_parameters()
        }
        with torch.no_grad():
            for name, parameter in self._rnn.named_parameters():
                parameter.copy_(torch.from_numpy(self._values[name]))
        self._rnn.to(hardware.device)
        self._values["x"] = _rounded(rng.standard_normal((_STEPS, _BATCH, _HIDDEN)))
        self._values["state"] = _rounded(rng.uniform(-0.5, 0.5, (state_count(config.cell), _BATCH, _HIDDEN)))
        self._loss_weights = _rounded(rng.standard_normal((_STEPS, _BATCH, _HIDDEN)))
        self._directions = [
            {name: rng.standard_normal(value.shape) * value.std() for name, value in self._values.items()}
            for _ in range(_DIRECTIONS)
        ]
        self._hidden, self._final = self._equations(self._values)
        self._slopes = np.array([self._slope(direction) for direction in self._directions])

    def error(self) -> float:
        """Return the largest error of torch's values, or of its slopes relative to their size."""
        leaves = {name: _tensor(self._values[name], self._hardware).requires_grad_() for name in ("x", "state")}
        with torch.enable_grad():
            initial = tuple(leaves["state"][:, None].unbind())
            with self._hardware.autocast():
                hidden, final = run_recurrent_layers(self._rnn, leaves["x"], initial)
            loss = (hidden.float() * _tensor(self._loss_weights, self._hardware)).sum()
            leaves |= dict(self._rnn.named_parameters())
            tensors = torch.autograd.grad(loss, list(leaves.values()))
        gradients = dict(zip(leaves, map(_array, tensors), strict=True))
        slopes = np.array(
            [sum(np.sum(gradients[name] * direction[name]) for name in gradients) for direction in self._directions]
        )
        return _max_error(
            (_array(hidden) - self._hidden, 1.0),
            (_array(torch.cat(final)) - self._final, 1.0),
            (slopes - self._slopes, np.sqrt(np.mean(self._slopes**2))),
        )

    def _equations(self, values: dict[str, Array]) -> tuple[Array, Array]:
        """Return the hidden states `(T, B, H)` and the final state `(C, B, H)`."""
        weights = [values[f"{name}_l0"] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
        options: dict[str, Any] = {"nonlinearity": self._config.nonlinearity} if self._config.cell == "rnn" else {}
        cell = CELL_CLASSES[self._config.cell](*weights, **options)
        state, hidden = values["state"], []
        for projected in cell.project(values["x"]):
            new = np.empty_like(state)
            cell.step(projected, state, new)
            state = new
            hidden.append(state[0])
        return np.stack(hidden), state

    def _slope(self, direction: dict[str, Array]) -> float:
        """Return the derivative of the loss in a direction."""
        losses = []
        for step in (_DIFFERENCE, -_DIFFERENCE):
            hidden, _ = self._equations({name: value + step * direction[name] for name, value in self._values.items()})
            losses.append(float(np.sum(hidden * self._loss_weights)))
        return (losses[0] - losses[1]) / (2 * _DIFFERENCE)


class _ProductCheck:
    """A matrix product like that of an output layer, with its gradients, in torch against numpy."""

    name = "a small matrix product"

    def __init__(self, hardware: Hardware) -> None:
        rng = np.random.default_rng(2)
        shapes = (_ROWS, _INPUTS), (_OUTPUTS, _INPUTS), (_ROWS, _OUTPUTS)
        x, weight, loss_weights = (_rounded(rng.random(shape, dtype=np.float32) - np.float32(0.5)) for shape in shapes)
        self._hardware = hardware
        self._exact = x @ weight.T, loss_weights @ weight, loss_weights.T @ x
        self._x, self._weight, self._loss_weights = (_tensor(array, hardware) for array in (x, weight, loss_weights))

    def error(self) -> float:
        """Return the largest error of torch's product and gradients, each relative to its size."""
        leaves = self._x.requires_grad_(), self._weight.requires_grad_()
        with torch.enable_grad():
            with self._hardware.autocast():
                product = functional.linear(*leaves)
            gradients = torch.autograd.grad((product.float() * self._loss_weights).sum(), leaves)
        results = zip((product, *gradients), self._exact, strict=True)
        return _max_error(*((_array(tensor) - exact, exact.std()) for tensor, exact in results))


def _max_error(*differences: tuple[Array, float]) -> float:
    """Return the largest absolute difference, each divided by its scale; nan if any is nan."""
    return float(np.max([np.abs(difference).max() / scale for difference, scale in differences]))


def _rounded(values: Array) -> Array:
    """Round to the 8 significant bits of bf16, so that the numbers are the same in every precision."""
    mantissa, exponent = np.frexp(values)
    return np.ldexp(np.round(mantissa * 256) / 256, exponent)


def _tensor(array: Array, hardware: Hardware) -> torch.Tensor:
    return torch.from_numpy(array).float().to(hardware.device)


def _array(tensor: torch.Tensor) -> Array:
    return tensor.detach().float().cpu().numpy()


@contextmanager
def _restored_threads() -> Iterator[None]:
    """Restore the number of threads at the end."""
    threads = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _wrong_numbers(name: str, error: float, hardware: Hardware, threads: int) -> TrainingError:
    """Return the error of wrong numbers, with the facts that decide which kernel runs."""
    variables = [f"{name}={os.environ[name]}" for name in sorted(os.environ) if name.startswith(_LIBRARY_PREFIXES)]
    where = f"{hardware.device.type}, {hardware.precision}, {threads} thread{'s' if threads > 1 else ''}"
    return TrainingError(
        f"torch computes wrong numbers on this machine: {name} is off by {error:.2g} ({where}; "
        f"torch {torch.__version__}, {platform.machine()} {torch.backends.cpu.get_cpu_capability()}; environment: "
        f"{' '.join(variables) or 'no variable of OpenMP, MKL or oneDNN'})",
        hint="unset these variables and try again" if variables else "try --threads 1, or another version of torch",
    )
