"""GRU and plain RNN layers over a whole sequence as one autograd function each, for CPUs.

On a CPU torch hands only the LSTM to oneDNN; its GRU and RNN run a slow loop. Here the products with all inputs are one
product, and a step calls as few kernels as possible. In the backward pass only the recurrent product is left to the
steps: the derivatives of the gates are computed for many steps at once, and each weight's gradient is one product.

The equations are those of `torch.nn.GRU` and `torch.nn.RNN`; `rnntui.inference.cells` writes them out. Matrix products
are computed in the dtype of the inputs, everything else, above all the state, in that of the initial state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import linear

from rnntui.config import Nonlinearity

Product = Callable[[Tensor], Tensor]
LayerWeights = Sequence[Tensor]
"""`weight_ih (G*H, E)`, `weight_hh (G*H, H)`, `bias_ih (G*H,)` and `bias_hh (G*H,)` of a layer with G gates."""

_FEWEST_PACKED_CALLS = 4
_BLOCK_NUMBERS = 2**18  # computed at a time for the next steps: 1 MB, which stay in a CPU's cache until they are used


def repeated_product(shape: torch.Size, weight: Tensor, bias: Tensor | None = None) -> Product:
    """Return a function that maps each row of an array of `shape (T, B, ·)`, `(B, N)`, to `(B, M)`.

    The weight is packed once where oneDNN has a kernel for that; `linear` packs it at each call, which in bf16 takes as
    long again as the product. In fp32 it takes a third as long, and there torch's library for products is not oneDNN:
    MKL uses no AVX-512 on processors of AMD, and takes twice the time.

    Args:
        shape: how many products there will be, T, and of how many vectors, B.
        weight: `(M, N)`.
        bias: `(M,)`.
    """
    calls, batch = shape[:2]
    if calls < _FEWEST_PACKED_CALLS or not _can_pack(weight.dtype):
        return lambda vectors: linear(vectors, weight, bias)
    packed = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), batch)
    multiply = torch.ops.mkldnn._linear_pointwise.default
    return lambda vectors: multiply(vectors, packed, bias, "none", [], "")


def _can_pack(kind: torch.dtype) -> bool:
    if not torch._C._has_mkldnn:
        return False
    if kind == torch.bfloat16:
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    return kind == torch.float32 and torch.backends.cpu.get_cpu_capability().startswith("AVX")


class _GRUFunction(torch.autograd.Function):
    """GRU layer with the gates r, z and n of torch's documentation, and h' = n + z (h - n)."""

    @staticmethod
    def forward(
        ctx: Any, inputs: Tensor, initial: Tensor, is_training: bool, *weights: Tensor
    ) -> tuple[Tensor, Tensor]:
        weight_ih, weight_hh, bias_ih, bias_hh = weights
        steps, (batch, hidden_size) = len(inputs), initial.shape
        kind, state_kind = inputs.dtype, initial.dtype
        split = 2 * hidden_size  # r and z, then n
        # The bias of n's recurrent product is multiplied by r with it; those of r and z just add up.
        outer_bias = torch.cat([bias_ih[:split] + bias_hh[:split], bias_ih[split:]])
        inner_bias = torch.cat([torch.zeros_like(bias_hh[:split]), bias_hh[split:]])
        weight_ih, weight_hh = weight_ih.to(kind), weight_hh.to(kind)
        projected = linear(inputs, weight_ih)  # (T, B, 3H)
        states = torch.empty(steps + 1, batch, hidden_size, dtype=state_kind)
        states[0] = initial
        outputs = states if kind == state_kind else states.to(kind)  # (T + 1, B, H)
        kept = steps if is_training else 1  # the gates are kept for the backward pass only
        gates = torch.empty(kept, batch, split, dtype=state_kind)
        candidates = torch.empty(kept, batch, hidden_size, dtype=state_kind)
        products = []
        multiply = repeated_product(inputs.shape, weight_hh, inner_bias.to(kind))
        rows = zip(
            _rows(projected, outer_bias),
            gates.expand(steps, -1, -1).unbind(),
            candidates.expand(steps, -1, -1).unbind(),
            states[:-1].unbind(),
            states[1:].unbind(),
            outputs[:-1].unbind(),
            outputs[1:].unbind(),
            strict=True,
        )
        for projection, gate, candidate, state, new_state, output, new_output in rows:
            product = multiply(output)  # (B, 3H)
            product_n = product[:, split:]
            torch.add(projection[:, :split], product[:, :split], out=gate).sigmoid_()
            _tanh_(torch.addcmul(projection[:, split:], gate[:, :hidden_size], product_n, out=candidate))
            torch.lerp(candidate, state, gate[:, hidden_size:], out=new_state)
            if kind != state_kind:
                new_output.copy_(new_state)
            if is_training:
                products.append(product_n)
        if is_training:
            kept_products = torch.stack(products)  # (T, B, H)
            ctx.save_for_backward(inputs, weight_ih, weight_hh, gates, candidates, kept_products, states, outputs)
        return outputs[1:], states[-1]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        inputs, weight_ih, weight_hh, gates, candidates, products, states, outputs = ctx.saved_tensors
        steps, batch, hidden_size = candidates.shape
        kind, state_kind = inputs.dtype, states.dtype
        reset, update = gates[:, :, :hidden_size], gates[:, :, hidden_size:]
        state_grads, initial_grad = _state_gradients(gradients, state_kind)
        # Gradients of what the recurrent product gives, and for n of what the inputs give.
        gate_grads = torch.empty(steps, batch, 3, hidden_size, dtype=kind)
        candidate_grads = torch.empty(steps, batch, hidden_size, dtype=kind)
        multiply = repeated_product(inputs.shape, weight_hh.t())
        grad_rows, update_rows, gate_rows = state_grads.unbind(), update.unbind(), gate_grads.unbind()
        for block in _blocks(steps, 3 * batch * hidden_size):
            # Factors that turn the gradient of h' into those of the gates, for the steps of a block at once.
            r, z, n = reset[block], update[block], candidates[block]
            new_factor = torch.ops.aten.tanh_backward(1 - z, n)
            factors = torch.empty(len(r), batch, 3, hidden_size, dtype=state_kind)
            torch.ops.aten.sigmoid_backward.grad_input(new_factor * products[block], r, grad_input=factors[:, :, 0])
            torch.ops.aten.sigmoid_backward.grad_input(states[block] - n, z, grad_input=factors[:, :, 1])
            torch.mul(new_factor, r, out=factors[:, :, 2])
            factor_rows = factors.unbind()
            for t in range(block.stop - 1, block.start - 1, -1):
                state_grad = grad_rows[t]
                torch.mul(state_grad[:, None], factor_rows[t - block.start], out=gate_rows[t])
                previous = grad_rows[t - 1] if t else initial_grad
                previous.addcmul_(state_grad, update_rows[t]).add_(multiply(gate_rows[t].flatten(1)))
            torch.mul(state_grads[block], new_factor, out=candidate_grads[block])
        recurrent = gate_grads.flatten(2).flatten(0, 1)  # (T*B, 3H)
        weight_hh_grad = recurrent.t() @ outputs[:-1].flatten(0, 1)
        bias_hh_grad = recurrent.sum(0)
        gate_grads[:, :, 2] = candidate_grads
        inputs_grad, weight_ih_grad = _input_gradients(inputs, weight_ih, recurrent)
        bias_ih_grad = torch.cat([bias_hh_grad[: 2 * hidden_size], candidate_grads.flatten(0, 1).sum(0)])
        return inputs_grad, initial_grad, None, weight_ih_grad, weight_hh_grad, bias_ih_grad, bias_hh_grad


class _RNNFunction(torch.autograd.Function):
    """Plain RNN layer: h' = tanh or relu of W_ih x + b_ih + W_hh h + b_hh."""

    @staticmethod
    def forward(
        ctx: Any, inputs: Tensor, initial: Tensor, nonlinearity: Nonlinearity, *weights: Tensor
    ) -> tuple[Tensor, Tensor]:
        weight_ih, weight_hh, bias_ih, bias_hh = weights
        kind, state_kind = inputs.dtype, initial.dtype
        weight_ih, weight_hh = weight_ih.to(kind), weight_hh.to(kind)
        projected = linear(inputs, weight_ih)  # (T, B, H)
        states = torch.empty(len(inputs) + 1, *initial.shape, dtype=state_kind)
        states[0] = initial
        outputs = states if kind == state_kind else states.to(kind)  # (T + 1, B, H)
        multiply = repeated_product(inputs.shape, weight_hh)
        activate = _tanh_ if nonlinearity == "tanh" else torch.relu_
        rows = zip(
            _rows(projected, bias_ih + bias_hh),
            states[1:].unbind(),
            outputs[:-1].unbind(),
            outputs[1:].unbind(),
            strict=True,
        )
        for projection, new_state, output, new_output in rows:
            activate(torch.add(projection, multiply(output), out=new_state))
            if kind != state_kind:
                new_output.copy_(new_state)
        ctx.nonlinearity = nonlinearity
        ctx.save_for_backward(inputs, weight_ih, weight_hh, states, outputs)
        return outputs[1:], states[-1]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        inputs, weight_ih, weight_hh, states, outputs = ctx.saved_tensors
        kind, state_kind = inputs.dtype, states.dtype
        new_states = states[1:]
        state_grads, initial_grad = _state_gradients(gradients, state_kind)
        gate_grads = torch.empty(new_states.shape, dtype=kind)
        multiply = repeated_product(inputs.shape, weight_hh.t())
        state_rows, grad_rows, gate_rows = new_states.unbind(), state_grads.unbind(), gate_grads.unbind()
        for t in range(len(new_states) - 1, -1, -1):
            if ctx.nonlinearity == "tanh":
                gate_rows[t].copy_(torch.ops.aten.tanh_backward(grad_rows[t], state_rows[t]))
            else:
                gate_rows[t].copy_(torch.ops.aten.threshold_backward(grad_rows[t], state_rows[t], 0))
            previous = grad_rows[t - 1] if t else initial_grad
            previous.add_(multiply(gate_rows[t]))
        recurrent = gate_grads.flatten(0, 1)  # (T*B, H)
        weight_hh_grad = recurrent.t() @ outputs[:-1].flatten(0, 1)
        bias_grad = recurrent.sum(0)
        inputs_grad, weight_ih_grad = _input_gradients(inputs, weight_ih, recurrent)
        return inputs_grad, initial_grad, None, weight_ih_grad, weight_hh_grad, bias_grad, bias_grad.clone()


def _rows(projected: Tensor, bias: Tensor) -> Iterator[Tensor]:
    """Yield the steps `(B, M)` of `projected (T, B, M)` plus the bias, in the dtype of the bias.

    They are computed in blocks that stay in a CPU's cache until they are used.
    """
    steps, batch, size = projected.shape
    for block in reversed(_blocks(steps, batch * size)):
        yield from projected[block].to(bias.dtype, copy=True).add_(bias).unbind()


def _tanh_(values: Tensor) -> Tensor:
    """Put the hyperbolic tangents of values in their place: 2 sigmoid(2a) - 1 takes a third of the time of tanh."""
    return values.mul_(2).sigmoid_().mul_(2).sub_(1)


def _state_gradients(gradients: tuple[Tensor, ...], kind: torch.dtype) -> tuple[Tensor, Tensor]:
    """Return the gradients of the states so far: those after each step `(T, B, H)`, and of the initial one `(B, H)`.

    `gradients` are those of the outputs and of the final state.
    """
    output_grads, final_grad = gradients
    state_grads = output_grads.to(kind, copy=True, memory_format=torch.contiguous_format)
    state_grads[-1] += final_grad
    return state_grads, torch.zeros_like(state_grads[0])


def _input_gradients(inputs: Tensor, weight: Tensor, product_grad: Tensor) -> tuple[Tensor, Tensor]:
    """Return the gradients of `inputs (T, B, E)` and `weight (M, E)` for that of their product, `(T*B, M)`."""
    inputs_grad = (product_grad @ weight).view(inputs.shape)
    return inputs_grad, product_grad.t() @ inputs.flatten(0, 1)


def _blocks(steps: int, step_numbers: int) -> list[slice]:
    """Return the blocks of steps in which a backward pass goes, the last one first; each step takes so many numbers."""
    size = max(1, _BLOCK_NUMBERS // step_numbers)
    return [slice(start, min(start + size, steps)) for start in reversed(range(0, steps, size))]


def gru_layer(inputs: Tensor, initial: Tensor, weights: LayerWeights) -> tuple[Tensor, Tensor]:
    """Return the hidden states `(T, B, H)` and the final one `(B, H)` of a GRU layer.

    Args:
        inputs: `(T, B, E)`; matrix products and the hidden states have their dtype.
        initial: the initial state `(B, H)`; the final state and all that is no matrix product have its dtype.
        weights: of three gates, r, z and n.
    """
    result: tuple[Tensor, Tensor] = _GRUFunction.apply(inputs, initial, torch.is_grad_enabled(), *weights)  # type: ignore[no-untyped-call]
    return result


def rnn_layer(
    inputs: Tensor, initial: Tensor, weights: LayerWeights, nonlinearity: Nonlinearity
) -> tuple[Tensor, Tensor]:
    """Return the hidden states `(T, B, H)` and the final one `(B, H)` of a plain RNN layer; see `gru_layer`."""
    result: tuple[Tensor, Tensor] = _RNNFunction.apply(inputs, initial, nonlinearity, *weights)  # type: ignore[no-untyped-call]
    return result
